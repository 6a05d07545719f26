"""The API of a console on a temporary database, and programs that hold a token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from incident_flows.console.app import create_app
from incident_flows.knowledge.library import Library
from incident_flows.services.desk import Desk
from incident_flows.services.secrets_kept import OWNER, house_key, step_of
from incident_flows.services.tokens import SCOPES, add_token
from incident_flows.settings import Settings
from incident_flows.storage.database import Database
from incident_flows.storage.vault import Vault
from notifications.memory import MemoryChannel
from tests.services.conftest import House, NullPager

V1 = "/api/v1"
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
FACTS: dict[str, Any] = {
    "format": 1, "title": "Laptop stolen", "organisation": "aimigos-studio", "role": "controller",
    "moments": {"aware_at": "2026-11-20T18:00:00+01:00"},
    "breach": {"kinds": ["confidentiality"], "cause": "malicious-outsider", "exposure": "unknown-recipient"},
    "data": {"kinds": ["name", "email"], "protection": "none"},
    "people": {"total": 120, "by_place": {"ES": 120}, "groups": ["customers"]},
}  # fmt: skip


class Programs:
    """Programs before one console, each with a token of an account."""

    def __init__(self, house: House) -> None:
        self.house, self.desk = house, house.desk
        settings = Settings(home=Path("unused"), database_url="")
        self.app = create_app(lambda: house.desk, clock=lambda: house.now, settings=settings)

    def program(self, account: str = "anna", scopes: Sequence[str] = SCOPES) -> TestClient:
        """Return a program that acts as an account."""
        actor = self.house.person(account)
        _, word = add_token(
            self.desk, "test", scopes=scopes, expires_at=None, actor=actor, now=self.house.now
        )
        return self.holding(word)

    def holding(self, word: str | None) -> TestClient:
        """Return a program that shows a token, or none."""
        headers = {} if word is None else {"authorization": f"Bearer {word}"}
        return TestClient(self.app, base_url="http://127.0.0.1:4280", headers=headers)

    def with_second_factor(self, account: str) -> None:
        """Give an account a second factor."""
        key = house_key(self.desk)
        with self.desk.database.write() as tx:
            id_ = tx.accounts.get(account).id
            sealed = self.desk.vault.seal(key, OWNER, f"second-{id_}", SEED.encode())
            tx.access.set_credential(id_, self.house.now, second=sealed, recovery=[])

    def code(self) -> str:
        """Return the code the second factor shows now."""
        import pyotp

        code = pyotp.TOTP(SEED).at(self.house.now)
        assert step_of(SEED, code, self.house.now)
        return code

    def journal(self, ref: str | None = None) -> list[Any]:
        """Return the journal's entries."""
        with self.desk.database.read() as tx:
            return list(tx.journal.entries(ref))


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.load(cache=tmp_path_factory.mktemp("cache"))


def _programs(database: Database, library: Library) -> Programs:
    desk = Desk(
        database=database, library=library, vault=Vault(b"k" * 32), channel=MemoryChannel(), pager=NullPager(),
        sender="Data protection <privacy@acme.example>", owner="test",
    )  # fmt: skip
    return Programs(House(desk, desk.channel, desk.pager))  # type: ignore[arg-type]


@pytest.fixture
def programs(sqlite_url: str, open_database: Callable[..., Database], library: Library) -> Programs:
    """Return programs before a console on SQLite."""
    return _programs(open_database(sqlite_url), library)


@pytest.fixture
def programs_on_each(database: Database, library: Library) -> Programs:
    """Return programs before a console, on both databases in turn."""
    return _programs(database, library)
