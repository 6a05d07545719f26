"""A desk on a temporary database, with a memory channel and a frozen clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incident_flows.core.lifecycle import ROLES, Actor
from incident_flows.knowledge.facts_files import read_facts
from incident_flows.knowledge.library import Library
from incident_flows.services.desk import Desk, acting
from incident_flows.services.open import open_incident
from incident_flows.storage.database import Database
from incident_flows.storage.vault import Vault
from notifications.memory import MemoryChannel

SAMPLES = Path(__file__).parents[2] / "playbooks" / "samples"
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


class NullPager:
    """Keeps what it was asked to page."""

    def __init__(self) -> None:
        self.pages: list[tuple[str, str]] = []

    def page(self, title: str, body: str) -> list[tuple[str, bool]]:
        self.pages.append((title, body))
        return [("memory", True)]


class House:
    """A desk with three people and a clock that only the test moves."""

    def __init__(self, desk: Desk, channel: MemoryChannel, pager: NullPager) -> None:
        self.desk, self.channel, self.pager, self.now = desk, channel, pager, NOW
        with desk.database.write() as tx:
            for name in ("anna", "boris", "chloe"):
                tx.accounts.ensure(name, list(ROLES), NOW)

    def person(self, name: str = "anna") -> Actor:
        return acting(self.desk, name, now=self.now)

    def open(self, sample: str) -> str:
        facts = read_facts(
            SAMPLES / f"{sample}.yaml", lawbook=self.desk.library.lawbook, profiles=self.desk.library.profiles
        )
        return open_incident(self.desk, facts, actor=self.person(), now=self.now, source=f"{sample}.yaml").ref

    def advance(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.load(cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture
def house(database: Database, library: Library) -> House:
    channel, pager = MemoryChannel(), NullPager()
    desk = Desk(
        database=database,
        library=library,
        vault=Vault(b"k" * 32),
        channel=channel,
        pager=pager,
        sender="Data protection <privacy@acme.example>",
        owner="test",
    )
    return House(desk, channel, pager)
