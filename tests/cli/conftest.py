"""A person at a terminal, in an installation of their own with a frozen clock."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from incident_flows import clock
from incident_flows.knowledge.library import Library
from tests.cli.terminal import SAMPLES, Terminal


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the compiled lawbook, so that not every test compiles it."""
    folder = tmp_path_factory.mktemp("compiled")
    Library.load(cache=folder)
    return folder


def _set_up(home: Path, *, compiled: Path, migrated_sqlite: Path) -> Terminal:
    home.mkdir(mode=0o700)
    (home / "cache").symlink_to(compiled)
    shutil.copyfile(migrated_sqlite, home / "breach.db")
    return Terminal(home)


@pytest.fixture
def breach(
    compiled: Path, migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """Return the command of an installation that has just been set up."""
    terminal = _set_up(tmp_path / "home", compiled=compiled, migrated_sqlite=migrated_sqlite)
    monkeypatch.setattr(clock, "now", lambda: terminal.now)
    monkeypatch.chdir(tmp_path)
    return terminal


@pytest.fixture
def opened(breach: Terminal) -> Terminal:
    """Return the command of an installation with one incident, INC-2026-0001."""
    breach("open", SAMPLES / "aimigos-studio.yaml")
    return breach


@pytest.fixture(scope="module")
def bare(compiled: Path, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Return a command for what is refused: its one incident knows only whose it is, and stays as it is."""
    folder = tmp_path_factory.mktemp("bare")
    terminal = _set_up(folder / "home", compiled=compiled, migrated_sqlite=migrated_sqlite)
    (folder / "facts.yaml").write_text("organisation: aimigos-studio\n")
    terminal("open", folder / "facts.yaml")
    return terminal
