"""Keeps time without Prefect: looks every second for what is due, and ticks when something is.

A look costs one indexed query. A whole tick comes when a step is due, and once a minute all the same, for
sends, leftovers and the audit. Whatever goes wrong is told and the next second looks again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

from incident_flows.errors import BreachError
from incident_flows.services.desk import Desk
from incident_flows.services.watch import Tick, tick

LOOK_EVERY = 1.0  # seconds
TICK_EVERY = 60.0
TELL_AGAIN_AFTER = 300.0  # the same trouble, once in five minutes


class Ticker:
    """Ticks until it is stopped, in the thread that calls `run` or in one of its own.

    Args:
        desk: Gives the connected parts; called again after trouble, so that a database may come back.
        now: The clock.
        tell: Told what a tick did.
        trouble: Told, in one line, what went wrong.
        every: Seconds from one look to the next.
    """

    def __init__(
        self,
        desk: Callable[[], Desk],
        *,
        now: Callable[[], datetime],
        tell: Callable[[Tick], None] = lambda done: None,
        trouble: Callable[[str], None] = lambda line: None,
        every: float = LOOK_EVERY,
    ) -> None:
        self._every = every
        self._desk, self._now, self._tell, self._trouble = desk, now, tell, trouble
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._ticked: float | None = None
        self._troubles: dict[str, float] = {}

    def start(self) -> None:
        """Tick in a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="ticker", daemon=True)
        self._thread.start()

    def stop(self, *, within: float = 3.0) -> None:
        """Let the tick at hand end, and start no other."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(within)

    def run(self) -> None:
        """Tick until stopped."""
        while not self._stop.is_set():
            try:
                self.look()
            except BreachError as error:
                self._told_once(str(error))
            except Exception as error:  # the edge of the thread: a clock that stops is worse than any error
                self._told_once(f"the tick met something unforeseen ({type(error).__name__}); it goes on")
            self._stop.wait(self._every)

    def look(self) -> Tick | None:
        """Tick if a step is due or a minute has gone by; return what it did."""
        desk, now = self._desk(), self._now()
        with desk.database.read() as tx:
            next_due = tx.steps.next_due()
        resting = self._ticked is not None and time.monotonic() - self._ticked < TICK_EVERY
        if resting and (next_due is None or next_due > now):
            return None
        self._ticked = time.monotonic()
        done = tick(desk, now=now)
        self._tell(done)
        return done

    def _told_once(self, line: str) -> None:
        last = self._troubles.get(line)
        if last is None or time.monotonic() - last > TELL_AGAIN_AFTER:
            self._troubles[line] = time.monotonic()
            self._trouble(line)
