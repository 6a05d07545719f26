"""The same work on what a user would otherwise pick, each on the store it comes with."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path


def rates(folder: Path, server: str | None, *, quick: bool) -> dict[str, float]:
    """Return how many steps a second each peer does that is installed and can do this work."""
    found: dict[str, float] = {}
    for name, run, count in (
        ("apscheduler", _apscheduler, 300 if quick else 2000),
        ("procrastinate", _procrastinate, 300 if quick else 2000),
        ("dbos", _dbos, 300 if quick else 2000),
        ("prefect", _prefect, 4 if quick else 40),
    ):
        if find_spec(name) is None:
            print(f"timers: {name} left out: not installed (the bench extra)")
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[name] = count / run(folder, server, count)
        except Exception as error:  # a peer that cannot do the work is left out, with its reason
            print(f"timers: {name} left out: {type(error).__name__}: {str(error)[:120]}")
            continue
        print(f"timers: {name} does {found[name]:.1f} steps/s ({count} of them)", flush=True)
    return found


_seen: list[int] = []


def _null(number: int) -> None:
    _seen.append(number)


def _apscheduler(folder: Path, server: str | None, count: int) -> float:
    """Dated jobs in its SQLAlchemy store on SQLite, all due at once."""
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
        scheduler.add_job("benchmarks.timers.peers:_null", "date", run_date=past, args=[number])
    import benchmarks.timers.peers as here  # the module its workers import

    here._seen.clear()
    started = time.perf_counter()
    scheduler.resume()
    while len(here._seen) < count or scheduler.get_jobs():
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


def _prefect(folder: Path, server: str | None, count: int) -> float:
    """Scheduled runs of a flow that does nothing, started by a runner that serves it, on a server of its own."""
    from benchmarks.timers.ours import free_port

    port = free_port()
    address = f"http://127.0.0.1:{port}/api"
    environ = {
        **os.environ, "PREFECT_HOME": str(folder / "prefect"), "PREFECT_API_URL": address,
        "PREFECT_PROFILES_PATH": str(folder / "profiles.toml"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "CRITICAL", "DO_NOT_TRACK": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "critical"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        worked = subprocess.run(
            [sys.executable, "-m", "benchmarks.timers.scheduled_runs", str(count)],
            env=environ, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        if worked.returncode != 0:
            raise RuntimeError(worked.stderr.strip().splitlines()[-1] if worked.stderr.strip() else "no answer")
        return float(worked.stdout.split()[-1])
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
