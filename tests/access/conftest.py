"""A console on a temporary database, with a clock that only the test moves, and browsers that may be signed in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from httpx import Response
from starlette.testclient import TestClient

from incident_flows.console.app import create_app
from incident_flows.console.gate import session_cookie
from incident_flows.core.lifecycle import ROLES, Actor
from incident_flows.knowledge.library import Library
from incident_flows.services import secrets_kept
from incident_flows.services.desk import Desk, acting
from incident_flows.services.sign_in import open_session
from incident_flows.services.tokens import BEGINS
from incident_flows.settings import Settings
from incident_flows.storage.database import Database
from incident_flows.storage.vault import Vault
from notifications.memory import MemoryChannel

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HERE = "http://127.0.0.1:4280"


class Browser(TestClient):
    """A browser that does not follow redirects and fills in the secret of the form it saw."""

    def send_form(self, path: str, **fields: str) -> Response:
        """Send a form as its page would: with the secret the page `path`, or any page, holds."""
        page = self.get("/sign-in")
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
        assert found is not None
        return self.post(path, data={"csrf": found[1], **fields})


class House:
    """A console, its desk, and its clock."""

    def __init__(self, desk: Desk, settings: Settings, opened: ExitStack) -> None:
        self.desk, self.settings, self.now, self._opened = desk, settings, NOW, opened
        self.app: FastAPI = create_app(lambda: desk, clock=lambda: self.now, settings=settings)

    def account(self, name: str, *roles: str, person: str | None = None) -> int:
        with self.desk.database.write() as tx:
            return tx.accounts.add(name, person or name, roles or ROLES, self.now).id

    def actor(self, name: str) -> Actor:
        return acting(self.desk, name, now=self.now)

    def browser(self, name: str | None = None, *, base_url: str = HERE) -> Browser:
        """Return a browser, signed in if an account is named."""
        browser = Browser(
            self.app, base_url=base_url, follow_redirects=False, headers={"user-agent": "a browser"}
        )
        self._opened.callback(browser.close)
        if name is not None:
            with self.desk.database.read() as tx:
                account = tx.accounts.get(name).id
            word = open_session(self.desk, account, stage="full", how="test", now=self.now)
            browser.cookies.set(session_cookie(self.settings), word)
        return browser

    def advance(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now

    def acts(self) -> list[str]:
        """Return what the journal says was done, in order."""
        with self.desk.database.read() as tx:
            return [row.act for row in tx.journal.entries(None)]


def token_of(house: Any, account: int, *, scopes: Sequence[str], **more: Any) -> str:
    """Store a token as it is, whatever the account's roles, and return it."""
    word = BEGINS + secrets_kept.random_word()
    with house.desk.database.write() as tx:
        tx.tokens.add(
            sha256=secrets_kept.hashed(word), account_id=account, name="test", prefix=word[:11],
            scopes=list(scopes), created_at=house.now, expires_at=house.now + timedelta(days=90), **more,
        )  # fmt: skip
    return word


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.load(cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stretch passwords less: the tests ask what happens, not how long it takes."""
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(secrets_kept, "_hasher", lambda: quick)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url="", actor="anna")


@pytest.fixture
def house(sqlite_url: str, library: Library, settings: Settings) -> Iterator[House]:
    database = Database(sqlite_url)
    desk = Desk(
        database=database, library=library, vault=Vault(b"k" * 32), channel=MemoryChannel(),
        sender="Data protection <privacy@acme.example>", owner="test",
    )  # fmt: skip
    with ExitStack() as opened:
        yield House(desk, settings, opened)
    database.dispose()
