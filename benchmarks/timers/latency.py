"""How long after its instant a step is told while the engine runs, on the real clock."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from benchmarks.timers.ours import desk_at, plan
from incident_flows.flows.ticker import Ticker
from incident_flows.knowledge.library import Library

STEPS = 400
BEFORE = timedelta(seconds=3)  # until the first step is due
OTHERS = 20_000  # steps pending beside them


def latency(url: str, library: Library, *, seconds: int) -> float:
    """Print and return how late the slowest of a hundred steps is told, in seconds.

    The steps fall due at random instants; the ticker runs in a thread, as in the engine and in
    `breach watch --loop`; what counts is the instant the path is called, seen from outside.
    """
    told: list[datetime] = []
    everything = threading.Event()

    class Path:
        def page(self, title: str, body: str) -> list[tuple[str, bool]]:
            told.append(datetime.now(UTC))
            if len(told) == STEPS:
                everything.set()
            return [("null", True)]

    desk = replace(desk_at(url, library), pager=Path(), monotonic=time.monotonic)
    desk.database.migrate()
    chance = random.Random(1)
    plan(desk.database, OTHERS, lambda number: datetime.now(UTC) + timedelta(days=1, seconds=number), "later")
    start = datetime.now(UTC) + BEFORE
    instants = sorted(start + timedelta(seconds=chance.uniform(0, seconds)) for _ in range(STEPS))
    plan(desk.database, STEPS, instants.__getitem__, "soon")
    trouble: list[str] = []
    ticker = Ticker(lambda: desk, now=_now, trouble=trouble.append)
    ticker.start()
    if not everything.wait(seconds + 60):
        raise RuntimeError(f"{len(told)} of {STEPS} steps were told: {trouble}")
    ticker.stop()
    late = sorted((at - due).total_seconds() for at, due in zip(sorted(told), instants, strict=True))
    p99 = late[int(0.99 * len(late))]
    verdict = "within" if p99 <= 2 else "NOT within"
    print(
        f"timers: {STEPS} steps at random instants of {seconds} s were told {late[len(late) // 2]:.2f} s after their "
        f"instant in the median, {p99:.2f} s at the 99th percentile ({verdict} 2 s), {late[-1]:.2f} s at most",
        flush=True,
    )
    desk.database.dispose()
    return p99



def _now() -> datetime:
    return datetime.now(UTC)
