"""The command `breach`: one verb per thing a person does. Verbs import what is heavy when they need it."""

from __future__ import annotations

import os
import sys
import zoneinfo
from typing import Annotated

import typer

from incident_flows.cli import (
    accounts,
    alerts,
    drilling,
    engine,
    escalating,
    filing,
    following,
    people,
    reading,
    tokens,
    writing,
)

app = typer.Typer(
    name="breach",
    help="Whom a personal-data breach must be told to, by when, in which form; told, escalated and proved. "
    "Not legal advice.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"breach {version('breach-engine')}")
        raise typer.Exit(0)


@app.callback()
def everywhere(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """Options of every verb."""
    if debug:
        os.environ["_BREACH_DEBUG"] = "1"


reading.register(app)
writing.register(app)
accounts.register(app)
tokens.register(app)
people.register(app)
filing.register(app)
escalating.register(app)
alerts.register(app)
drilling.register(app)
following.register(app)
engine.register(app)


def run() -> None:
    """Entry point of the `breach` script; --debug may stand anywhere."""
    if "--debug" in sys.argv:
        sys.argv.remove("--debug")
        os.environ["_BREACH_DEBUG"] = "1"
    zoneinfo.reset_tzpath(to=())  # the pinned zone data, whatever the machine has
    app(prog_name="breach")


if __name__ == "__main__":
    run()
