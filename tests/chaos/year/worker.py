"""What a forked worker does: ticks along a list of instants until it is killed, paging into a file."""

from __future__ import annotations

import heapq
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from incident_flows.core.lifecycle import ROLES, Actor
from incident_flows.core.rota import Rota
from incident_flows.errors import BreachError
from incident_flows.services.acknowledge import acknowledge
from incident_flows.services.desk import Desk
from incident_flows.services.watch import tick
from tests.chaos.year.world import CHAIN, MINUTE

ANNA = Actor("anna", "anna", frozenset(ROLES))
ROTA = Rota.model_validate({
    "format": 1,
    "escalate_after_minutes": 15,
    "persons": {
        "anna": {"zone": "Europe/Madrid", "paths": ["json://first", "json://second"]},
        "boris": {"zone": "Europe/Berlin", "paths": ["json://third"]},
    },
    "levels": [{"name": "first", "persons": ["anna"]}, {"name": "second", "persons": ["boris"]}],
})  # fmt: skip


class FixedRota:
    """A rota that stands in no file."""

    fault = None

    def current(self) -> Rota:
        return ROTA


class Book:
    """A pager that writes down, in one write, what it was asked to tell; the first path fails now and then."""

    def __init__(self, path: Path, wall: Callable[[], datetime], address: str = "") -> None:
        self.path, self.wall, self.address = path, wall, address
        self.told: list[int] = []
        self.true: datetime | None = None

    def __call__(self, addresses: tuple[str, ...]) -> Book:
        self.address = addresses[0]
        return self

    def page(self, title: str, body: str) -> list[tuple[str, bool]]:
        number = body.rpartition("breach acknowledge ")[2].split()
        if len(number) != 2:  # an alarm
            self._write({"alarm": body})
            return [("book", True)]
        if self.address == "json://first" and int(number[1]) % 17 == 0:
            return [("first", False)]
        self._write(
            {
                "id": int(number[1]),
                "at": self.wall().isoformat(),
                "true": str(self.true),
                "doubt": "In doubt" in body,
            }
        )
        self.told.append(int(number[1]))
        return [("book", True)]

    def _write(self, line: dict[str, Any]) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, json.dumps(line).encode() + b"\n")
        os.close(handle)


def work(
    desk: Desk, book: Path, instants: list[datetime], off: Callable[[datetime], timedelta], until: datetime,
    writer: int, turn: int, reach: int | None,
) -> None:  # fmt: skip
    """Tick at each instant and whenever a chain goes on; die at the `reach`-th point of the code, if given."""
    passed = 0

    def reached(point: str) -> None:
        nonlocal passed
        passed += 1
        if reach is not None and passed >= reach:
            os.write(writer, f"point {point}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    wall = [until]
    pager = Book(book, lambda: wall[0])
    desk.pager = desk.pager_for = pager  # type: ignore[assignment]
    desk.rota_file = FixedRota()  # type: ignore[assignment]
    desk.on_step = reached
    times = list(instants)
    heapq.heapify(times)
    last = None
    while times:
        at = heapq.heappop(times)
        if at > until or at == last:
            continue
        before, last = last, at
        os.write(writer, f"at {at.isoformat()}\n".encode())
        word = os.read(turn, 1)
        if not word:
            return
        if word == b"m" and before is not None:  # a rival died: go on minute by minute
            heapq.heappush(times, at)
            at = before + MINUTE
        last = at
        wall[0], pager.true = at + off(at), at
        try:
            done = tick(desk, now=wall[0])
        except BreachError:
            os.write(writer, f"down {at.isoformat()}\n".encode())
            heapq.heappush(times, at + MINUTE)  # the database restarts; a minute later there is another tick
            time.sleep(0.02)
            continue
        seen, pager.told = pager.told, []
        for step in seen:
            if step % 4 == 0:
                _acknowledge(desk, step, now=wall[0])
        if done.fired:
            heapq.heappush(times, _minute_after(at + CHAIN))
    sys.stdout.flush()


def _acknowledge(desk: Desk, step: int, *, now: datetime) -> None:
    try:
        with desk.database.read() as tx:
            ref = tx.steps.get(step).incident_ref
        acknowledge(desk, ref, str(step), actor=ANNA, now=now)
    except BreachError:
        return  # cancelled meanwhile, or the database restarts: then it goes on to the next person


def _minute_after(at: datetime) -> datetime:
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + MINUTE
