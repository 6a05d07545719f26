"""A person at a terminal, in an installation of their own with a frozen clock."""

from __future__ import annotations

import shutil
from collections.abc import Callable
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


@pytest.fixture(scope="session")
def new_home(compiled: Path, migrated_sqlite: Path) -> Callable[[Path], Terminal]:
    """Return a maker of installations that have just been set up."""

    def make(home: Path) -> Terminal:
        home.mkdir(mode=0o700)
        (home / "cache").symlink_to(compiled)
        shutil.copyfile(migrated_sqlite, home / "breach.db")
        return Terminal(home)

    return make


@pytest.fixture
def breach(new_home: Callable[[Path], Terminal], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return the command of an installation that has just been set up."""
    terminal = new_home(tmp_path / "home")
    monkeypatch.setattr(clock, "now", lambda: terminal.now)
    monkeypatch.chdir(tmp_path)
    return terminal


@pytest.fixture
def opened(breach: Terminal) -> Terminal:
    """Return the command of an installation with one incident, INC-2026-0001."""
    breach("open", SAMPLES / "aimigos-studio.yaml")
    return breach


@pytest.fixture(scope="module")
def bare(new_home: Callable[[Path], Terminal], tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """Return a command for what is refused: its one incident knows only whose it is, and stays as it is."""
    folder = tmp_path_factory.mktemp("bare")
    terminal = new_home(folder / "home")
    (folder / "facts.yaml").write_text("organisation: aimigos-studio\n")
    terminal("open", folder / "facts.yaml")
    return terminal
