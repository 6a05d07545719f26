"""A real Prefect server for these tests, and an installation whose clock only the test moves.

The server is Prefect's own, in a process of its own, on a free loopback port, started once a session. Each
test that asks for `board` finds it emptied. Prefect's settings are put into the environment before anything
imports Prefect, so that nobody's own profile or server plays a part; the address is set by the fixture only.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flows.api import Api, free_port, wait_for

_PREFECT_HOME = tempfile.mkdtemp(prefix="prefect-tests-")
os.environ.update(
    PREFECT_HOME=_PREFECT_HOME,
    PREFECT_PROFILES_PATH=f"{_PREFECT_HOME}/profiles.toml",
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="false",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="CRITICAL",
    DO_NOT_TRACK="1",
)

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SAMPLES = Path(__file__).parents[2] / "playbooks" / "samples"

# Prefect closes its clients' sockets and event loops when the process ends, not when a flow does.
PREFECTS_OWN = (
    "ignore:unclosed:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            for one in PREFECTS_OWN:
                item.add_marker(pytest.mark.filterwarnings(one))


def pytest_sessionfinish() -> None:
    shutil.rmtree(_PREFECT_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[Api]:
    """Start Prefect's server on a free port; stop it at the end of the session."""
    port = free_port()
    home = tempfile.mkdtemp(prefix="prefect-server-")
    with Path(home, "log").open("wb") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"),
                *("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
            ],
            env={**os.environ, "PREFECT_HOME": home, "PREFECT_UI_ENABLED": "false"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    api = Api(f"http://127.0.0.1:{port}/api")
    try:
        wait_for(
            lambda: server.poll() is not None or api.healthy(),
            saying=f"Prefect: {Path(home, 'log').read_text(errors='replace')}",
        )
        yield api
    finally:
        api.http.close()
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def deployed(prefect_server: Api) -> Api:
    """Give the server with every deployment registered, and no runner that would start anything."""
    import asyncio

    from prefect.runner import Runner
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from incident_flows.flows.deployments import serve_all

    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        asyncio.run(serve_all(Runner(name="test", pause_on_shutdown=False)))
    return prefect_server


@pytest.fixture
def board(prefect_server: Api) -> Iterator[Api]:
    """Give an emptied Prefect server, which flows run in this process find as theirs."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    prefect_server.emptied()
    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        yield prefect_server


@dataclass
class House:
    """An installation of its own, with a clock that only the test moves."""

    desk: Any
    now: datetime = NOW

    def advance(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now

    def open(self, sample: str = "aimigos-studio") -> str:
        from incident_flows.knowledge.facts_files import read_facts
        from incident_flows.services.open import open_incident

        library = self.desk.library
        facts = read_facts(SAMPLES / f"{sample}.yaml", lawbook=library.lawbook, profiles=library.profiles)
        return open_incident(self.desk, facts, actor=self.person(), now=self.now, source=f"{sample}.yaml").ref

    def open_unknown(self) -> str:
        """Open an incident of which next to nothing is known, so that people have to decide."""
        from incident_flows.services.desk import checked_facts
        from incident_flows.services.open import open_incident

        facts = checked_facts(
            self.desk,
            {
                "organisation": "aimigos-studio",
                "role": "controller",
                "moments": {"aware_at": NOW.isoformat()},
            },
            name="test",
        )
        return open_incident(self.desk, facts, actor=self.person(), now=self.now, source="test").ref

    def person(self, name: str = "anna") -> Any:
        from incident_flows.services.desk import acting

        return acting(self.desk, name, now=self.now, create=True)

    def fired(self, ref: str) -> list[Any]:
        with self.desk.database.read() as tx:
            rows = tx.steps.list(tx.incidents.get(ref).id)
        return [row for row in rows if row.fired_at is not None]


@pytest.fixture(scope="session")
def lawbook_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a compiled lawbook that installations of tests start from."""
    from incident_flows.settings import Settings
    from incident_flows.wiring import library_from

    home = tmp_path_factory.mktemp("lawbook")
    playbooks = {k: v for k, v in os.environ.items() if k == "BREACH_PLAYBOOKS"}
    library_from(Settings.from_environment({"BREACH_HOME": str(home), **playbooks}))
    return home / "cache"


@pytest.fixture
def home(tmp_path: Path, lawbook_cache: Path) -> Path:
    """Return the folder of a fresh installation."""
    shutil.copytree(lawbook_cache, tmp_path / "home" / "cache")
    (tmp_path / "home").chmod(0o700)
    return tmp_path / "home"


@pytest.fixture
def house(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Give an installation that flows run in this process find as theirs."""
    from incident_flows.flows import connected

    monkeypatch.setenv("BREACH_HOME", str(home))
    monkeypatch.setenv("BREACH_ACTOR", "anna")
    connected.desk.cache_clear()
    found = House(connected.desk())
    found.person()
    monkeypatch.setattr(connected, "now", lambda: found.now)
    yield found
    found.desk.database.dispose()
    connected.desk.cache_clear()
