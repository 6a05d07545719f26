"""How long the wall of clocks takes with a thousand open incidents and ten thousand obligations, over HTTP.

The peer is an empty page of the same console in the same run, so that the ratio says what the wall itself costs.
QUICK=1 takes fewer turns. The target is 300 ms.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy import insert

from incident_flows.console import wall
from incident_flows.console.page import page
from incident_flows.core.lifecycle import ROLES, Actor
from incident_flows.knowledge.library import Library
from incident_flows.services.desk import Desk
from incident_flows.storage.database import Database
from incident_flows.storage.tables import ObligationRow
from incident_flows.storage.vault import Vault
from notifications.memory import MemoryChannel

INCIDENTS, OBLIGATIONS = 1000, 10
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
TARGET_MS = 300.0


def main(quick: bool) -> None:
    """Print one line per claim."""
    turns = 10 if quick else 60
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/breach.db")
        database.migrate()
        _fill(database)
        desk = Desk(
            database=database, library=Library.load(cache=Path(folder)), vault=Vault(b"k" * 32),
            channel=MemoryChannel(),
        )  # fmt: skip
        with _served(_app(desk)) as url, httpx.Client(base_url=url, timeout=60) as reader:
            for path in ("/", "/empty"):  # templates are compiled, the database is warm
                reader.get(path).raise_for_status()
            mine, theirs = [], []
            for _ in range(turns):
                mine.append(_ms(reader, "/"))
                theirs.append(_ms(reader, "/empty"))
        database.dispose()
    ours, peer = median(mine), median(theirs)
    print(
        f"wall: {INCIDENTS} open incidents, {INCIDENTS * OBLIGATIONS} obligations, 100 clocks shown; slowest of "
        f"{turns}: {max(mine):.0f} ms; target {TARGET_MS:.0f} ms; load {os.getloadavg()[0]:.1f}"
    )
    print(f"bench: wall ours={ours:.1f} best_peer={peer:.1f} ratio={ours / peer:.2f} unit=ms", flush=True)


def _fill(database: Database) -> None:
    detail = {"because": ["It is said here why, in a sentence of a usual length. " * 3] * 5, "missing": []}
    with database.write() as tx:
        for number in range(INCIDENTS):
            tx.incidents.open(
                title=f"Breach number {number}", organisation_id="aimigos-studio", drill=number % 50 == 0,
                opened_at=NOW, opened_by="anna", wrapped_key=None, ladder={},
            )  # fmt: skip
        rows = [
            {"incident_id": one.id, "incident_ref": one.ref, **_obligation(one.id, number, detail)}
            for one in tx.incidents.list(limit=INCIDENTS)
            for number in range(OBLIGATIONS)
        ]
        tx.obligations._session.connection().execute(insert(ObligationRow), rows)


def _obligation(incident: int, number: int, detail: dict[str, Any]) -> dict[str, Any]:
    due_at = NOW + timedelta(minutes=(incident * 37 + number * 991) % 9000 - 200)
    return {
        "running": True,
        "effective_at": due_at,
        "oid": f"law-{number}/tell-authority@authority-{number}",
        "duty": f"law-{number}/tell-authority",
        "addressee_kind": "authority",
        "addressee_name": f"Authority number {number}",
        "status": "owed" if number % 3 else "undetermined",
        "reach": "yes" if number < 8 else "unknown",
        "due_at": due_at,
        "zone": "Europe/Madrid",
        "cite": "Regulation (EU) 2016/679, Art. 33(1)",
        "confidence": "high",
        "detail": detail,
    }


def _app(desk: Desk) -> FastAPI:
    app = FastAPI()
    actor = Actor("anna", "anna", frozenset(ROLES))
    app.state.desk, app.state.clock = lambda: desk, lambda: NOW

    async def signed_in(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        request.state.actor, request.state.csrf = actor, ""
        return await go_on(request)

    def empty(request: Request) -> Response:
        return page(request, "error.html", message="")

    app.middleware("http")(signed_in)
    app.include_router(wall.router)
    app.get("/empty")(empty)
    app.dependency_overrides[wall.reads] = lambda: actor
    return app


@contextmanager
def _served(app: FastAPI) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        free.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{free.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def _ms(reader: httpx.Client, path: str) -> float:
    begun = time.perf_counter()
    reader.get(path).raise_for_status()
    return (time.perf_counter() - begun) * 1000
