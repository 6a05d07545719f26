"""Verbs that keep the engine alive: up, watch, status, doctor."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
