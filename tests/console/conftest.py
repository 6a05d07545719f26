"""A console on a temporary database, with a frozen clock and people who are signed in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from incident_flows.console.app import create_app
from incident_flows.knowledge.library import Library
from incident_flows.knowledge.rota import RotaFile
from incident_flows.services.desk import Desk
from incident_flows.settings import Settings
from incident_flows.storage.database import Database
from incident_flows.storage.vault import Vault
from notifications.memory import MemoryChannel
from tests.console.house import CHROMIUM, Console, served
from tests.services.conftest import House, NullPager

ROTA = Path(__file__).parents[2] / "playbooks" / "policies" / "rota.yaml"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Return the lawbook as shipped."""
    return Library.load(cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def artefacts(request: pytest.FixtureRequest) -> Path:
    """Return the folder screenshots are kept in; not in version control."""
    folder: Path = request.config.rootpath / ".artefacts" / "console"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _house(database: Database, library: Library) -> House:
    channel, pager = MemoryChannel(), NullPager()
    desk = Desk(
        database=database,
        library=library,
        vault=Vault(b"k" * 32),
        channel=channel,
        pager=pager,
        sender="Data protection <privacy@acme.example>",
        owner="test",
        rota_file=RotaFile(ROTA),
    )
    return House(desk, channel, pager)


@pytest.fixture
def house(sqlite_url: str, open_database: Callable[..., Database], library: Library) -> House:
    """Return a desk of this test's own."""
    return _house(open_database(sqlite_url), library)


def app_of(house: House) -> Any:
    """Return the console of a house."""
    settings = Settings(home=Path("unused"), database_url="")
    return create_app(lambda: house.desk, clock=lambda: house.now, settings=settings)


@pytest.fixture
def app(house: House) -> Any:
    """Return the console of this test's own desk."""
    return app_of(house)


@pytest.fixture(scope="module")
def console(
    migrated_sqlite: Path, library: Library, tmp_path_factory: pytest.TempPathFactory, artefacts: Path
) -> Iterator[Console]:
    """Return a console on loopback and a headless browser before it; one for a module."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is not installed")
    path = tmp_path_factory.mktemp("console") / "breach.db"
    shutil.copyfile(migrated_sqlite, path)
    database = Database(f"sqlite:///{path}")
    house = _house(database, library)
    with served(app_of(house), house, artefacts) as found:
        yield found
    database.dispose()
