"""Plays the year: forks workers from a warm parent, kills them, turns things off, and has it all checked."""

from __future__ import annotations

import bisect
import contextlib
import os
import random
import select
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from incident_flows.core.escalation import Ladder, Rung, steps_for
from incident_flows.knowledge.library import Library
from incident_flows.services.desk import Desk
from incident_flows.storage.database import Database
from incident_flows.storage.vault import Vault
from notifications.memory import MemoryChannel
from tests.chaos.year.check import Figures, check
from tests.chaos.year.server import Server
from tests.chaos.year.worker import work
from tests.chaos.year.world import (
    CHAIN,
    MINUTE,
    OID,
    OVERDUE_TIMES,
    YEAR,
    Case,
    Trouble,
    cases,
    expected,
    outages,
    wrong_clocks,
)

LADDER = Ladder(
    rungs=(
        Rung(name="half", share=0.5, text="half of the time is gone"),
        Rung(name="t-24h", before_minutes=1440, text="24 hours left"),
        Rung(name="t-12h", before_minutes=720, text="12 hours left"),
        Rung(name="t-4h", before_minutes=240, text="4 hours left"),
        Rung(name="t-1h", before_minutes=60, text="one hour left"),
        Rung(name="due", before_minutes=0, text="the time is up"),
    ),
    overdue_every_minutes=60, overdue_times=OVERDUE_TIMES,
)  # fmt: skip
APART = timedelta(hours=6)  # between an outage and a wrong clock
AFTER_A_KILL = timedelta(minutes=4)  # lease and cadence


@dataclass
class Worker:
    """A forked process as its parent sees it."""

    pid: int
    reader: int
    gate: int
    after: int | None
    at: datetime
    last: datetime | None = None
    ticks: int = 0
    text: bytes = b""
    running: bool = True
    alive: bool = True
    killed: bool = False

    def go(self, *, died: Sequence[datetime]) -> None:
        """Let it tick at the instant it asked for, or a minute on where a rival died a moment ago."""
        soon = self.last is not None and any(self.last < one + 3 * MINUTE for one in died)
        word = b"."
        if soon and self.last is not None and self.at > self.last + MINUTE:
            self.at, word = self.last + MINUTE, b"m"
        self.running, self.last = True, self.at
        with contextlib.suppress(BrokenPipeError):
            os.write(self.gate, word)


@dataclass
class Year:
    """One database played through a year.

    Attributes:
        days: How much of the year.
        kills: How many processes to kill.
    """

    url: str
    book: Path
    library: Library
    incidents: int
    days: float
    kills: int
    troubles: int
    chance: random.Random
    figures: Figures = field(default_factory=Figures)
    server: Server | None = None
    _stops: list[Trouble] = field(default_factory=list)  # true time: outages, kills, restarts
    _due_ticks: set[datetime] = field(default_factory=set)
    _read: int = 0

    def play(self) -> Figures:
        """Play it and count."""
        started = time.monotonic()
        self.world = cases(self.incidents, self.days, self.chance)
        self.wrong = wrong_clocks(max(2, self.troubles // 2), self.days, self.chance)
        self.outages = [
            one for one in outages(self.troubles, self.days, self.chance)
            if all(one.end + APART < bad.start or one.start > bad.end + APART for bad, _ in self.wrong)
        ]  # fmt: skip
        self.world = [self._as_moved(case) for case in self.world]
        self._stops = list(self.outages)
        self.until = YEAR + timedelta(days=self.days + 12)
        self._open()
        self._run()
        self._check()
        self.seconds = time.monotonic() - started
        return self.figures

    def _as_moved(self, case: Case) -> Case:
        """Leave a deadline where it is if nothing ticked then, or by a wrong clock: what the first plan still had
        to tell is then a question of opinion, and this harness counts facts.
        """
        troubles = [one for one, _ in self.wrong] + self.outages
        near = case.moved_at is not None and any(
            one.start - APART < case.moved_at < one.end + APART for one in troubles
        )
        return replace(case, moved_at=None, moved_to=None) if near else case

    def off(self, at: datetime) -> timedelta:
        """Return how wrong the host's clock is."""
        return next((off for bad, off in self.wrong if bad.start <= at < bad.end), timedelta(0))

    def _open(self) -> None:
        database = Database(self.url)
        database.migrate()
        for group in range(0, len(self.world), 250):
            with database.write() as tx:
                for case in self.world[group : group + 250]:
                    row = tx.incidents.open(
                        "drill", "acme", True, YEAR, "anna", None, {"default": LADDER.model_dump(mode="json")}
                    )
                    assert row.ref == case.ref
                    tx.steps.plan(row.id, OID, 1, self._steps(case.start, case.end, case.start, None))
        database.dispose()

    def _steps(self, start: datetime, end: datetime, at: datetime, moved_from: datetime | None) -> list[Any]:
        steps = steps_for(LADDER, start_at=start, end_at=end, planned_at=at, moved_from=moved_from)
        return [
            (one.name, one.due_at, {**one.detail, "end_at": end.isoformat(), "addressee": "AEPD"})
            for one in steps
        ]

    def _run(self) -> None:
        instants = self._instants()
        moves = sorted((case for case in self.world if case.moved_at), key=lambda case: case.moved_at or YEAR)
        at = 0
        while at < len(instants):
            left = max(self.kills - self.figures.kills, 0)
            length = max(3, (len(instants) - at) // left) if left else 200
            stretch = instants[at : at + length]
            stop = len(stretch)
            if moves and (moved := moves[0].moved_at) is not None and moved <= stretch[-1]:
                stop = bisect.bisect_right(stretch, moved)
            stretch = stretch[:stop]
            until = stretch[-1] if stretch else None
            if stretch and until is not None:
                later = instants[at + stop] if at + stop < len(instants) else self.until
                last = later - MINUTE / 2
                if moves and moves[0].moved_at is not None:  # nobody lives past a move that is yet to be made
                    last = min(last, max(moves[0].moved_at, until))
                ended = self._stretch(stretch, last, kill=bool(left))
                self._more(instants)
                at = bisect.bisect_right(instants, ended or stretch[-1])
            if (
                moves
                and moves[0].moved_at is not None
                and (at >= len(instants) or instants[at] > moves[0].moved_at)
            ):
                case = moves.pop(0)
                self._settled(case.moved_at or YEAR)
                self._move(case)
                self._due_ticks |= {(case.moved_at or YEAR) + number * MINUTE for number in (1, 2)}
                self._more(instants)

    def _settled(self, at: datetime) -> None:
        """Let one worker that nobody kills do what is due at `at`, with every lease of the dead run out."""
        if any(one.start <= at < one.end for one in self.outages):
            return
        self._stretch([at], at, kill=False)

    def _instants(self) -> list[datetime]:
        found = {_minute(due) for case in self.world for due in expected(case).values()}
        for bad, _ in self.wrong:
            minutes = int((bad.end - bad.start + timedelta(hours=2, minutes=30)) / MINUTE)
            found |= {_minute(bad.start) + number * MINUTE for number in range(minutes)}
        for one in self.outages:
            found = {at for at in found if not one.start <= at < one.end} | {
                _minute(one.end),
                _minute(one.end) + MINUTE,
            }
        return sorted(found)

    def _more(self, instants: list[datetime]) -> None:
        """Add the ticks that follow from what happened: the minutes after a kill, and the chains begun."""
        new, self._due_ticks = self._due_ticks, set()
        text = self.book.read_bytes()[self._read :].decode() if self.book.exists() else ""
        self._read += len(text.encode())
        for line in text.splitlines():
            if '"true": "' in line:
                true = datetime.fromisoformat(line.split('"true": "')[1].split('"')[0])
                new.add(_minute(true + CHAIN))
        for one in self.outages:
            new = {at if not one.start <= at < one.end else _minute(one.end) for at in new}
        for at in new:
            place = bisect.bisect_left(instants, at)
            if place == len(instants) or instants[place] != at:
                instants.insert(place, at)

    def _stretch(self, stretch: Sequence[datetime], until: datetime, *, kill: bool) -> datetime | None:
        """Fork one worker, or two that compete, over these instants; return where kills ended it, if they did.

        Two workers never act at different times: the next instant comes when both are done with this one.
        """
        rivals = 2 if self.chance.random() < 0.3 else 1
        workers = [self._fork(list(stretch), until, number, kill=kill) for number in range(rivals)]
        restart = self.server is not None and self.chance.random() < 0.04
        while any(one.alive for one in workers):
            for one in workers:
                if one.alive and one.running:
                    self._listen(one)
            waiting = [one for one in workers if one.alive]
            now = min((one.at for one in waiting), default=None)
            for one in waiting:
                if one.at == now:
                    one.go(died=[rival.at for rival in workers if rival.killed])
            if restart and self.server is not None and waiting:
                self.server.restart()
                self.figures.restarts += 1
                restart = False
            for one in waiting:
                if one.at == now and one.after is not None and one.ticks >= one.after:
                    select.select([], [], [], self.chance.uniform(0, 0.012))
                    os.kill(one.pid, signal.SIGKILL)
                    one.after = None
        for one in workers:
            if one.killed:
                self._stops.append(Trouble(one.at, one.at + AFTER_A_KILL))
                self._due_ticks |= {one.at + number * MINUTE for number in (1, 2, 3)}
        return max(one.at for one in workers) if all(one.killed for one in workers) else None

    def _fork(self, stretch: list[datetime], until: datetime, number: int, *, kill: bool) -> Worker:
        by_hook = self.chance.random() < 0.6
        reach = self.chance.randint(1, 3 * len(stretch) + 2) if kill and by_hook else None
        after = self.chance.randint(1, len(stretch)) if kill and not by_hook else None
        owner = f"w{self.figures.ticks}-{number}-{self.chance.random()}"
        (reader, writer), (turn, gate) = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            os.close(gate)
            code = 1
            try:
                desk = Desk(
                    database=Database(self.url, lock_seconds=30),
                    library=self.library,
                    vault=Vault(b"k" * 32),
                    channel=MemoryChannel(),
                    owner=owner,
                )
                work(desk, self.book, stretch, self.off, until, writer, turn, reach)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(writer)
        os.close(turn)
        return Worker(child, reader, gate, after, stretch[0])

    def _listen(self, worker: Worker) -> None:
        """Follow a worker until it asks for its next instant, or is dead."""
        while True:
            chunk = os.read(worker.reader, 65536)
            if not chunk:
                break
            worker.text += chunk
            *lines, worker.text = worker.text.split(b"\n")
            for line in lines:
                word, _, rest = line.decode().partition(" ")
                if word == "at":
                    worker.at, worker.running = datetime.fromisoformat(rest), False
                    worker.ticks += 1
                    self.figures.ticks += 1
                elif word == "down":
                    down = datetime.fromisoformat(rest)
                    self._stops.append(Trouble(down, down + AFTER_A_KILL))
                elif word == "point":
                    self.figures.points[rest] += 1
            if not worker.running:
                return
        os.close(worker.reader)
        os.close(worker.gate)
        worker.alive = False
        _, status = os.waitpid(worker.pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            self.figures.kills += 1
            worker.killed = True
        elif os.WEXITSTATUS(status) != 0:
            raise AssertionError(f"a worker ended with {status}, not by our hand")

    def _move(self, case: Case) -> None:
        """Move a deadline as facts do: the old plan's steps are cancelled and the new ones stand, or neither."""
        assert case.moved_at is not None
        assert case.moved_to is not None
        database = Database(self.url)
        with database.write() as tx:
            row = tx.incidents.get(case.ref)
            tx.steps.cancel(row.id, OID, before_version=2)
            tx.steps.plan(row.id, OID, 2, self._steps(case.start, case.moved_to, case.moved_at, case.end))
        database.dispose()

    def _check(self) -> None:
        database = Database(self.url)
        with database.read() as tx:
            tx.journal.verify()
        database.dispose()
        with self._query() as query:
            self.figures.jumps = query("SELECT count(*) FROM journal WHERE act = 'clock-jumped'")[0][0]
            check(self.figures, query, self.book, self.world, until=self.until, excused=self._excused)

    def _excused(self, due: datetime, at: datetime) -> timedelta:
        """Return how much of a span on the host's wall clock nothing could tick in."""
        spans = [(one.start + self.off(one.start), one.end + self.off(one.start)) for one in self._stops]
        for bad, off in self.wrong:
            spans.append((bad.start, bad.start + off) if off > timedelta(0) else (bad.end + off, bad.end))
        total, covered = timedelta(0), due
        for start, end in sorted(spans):
            start, end = max(start, covered), min(end, at)
            if start < end:
                total, covered = total + (end - start), end
        return total

    @contextmanager
    def _query(self) -> Iterator[Callable[[str], Sequence[Sequence[Any]]]]:
        if self.server is not None:
            with self.server.connect() as connection:
                yield lambda statement: connection.execute(statement).fetchall()
            return
        connection = sqlite3.connect(self.url.removeprefix("sqlite:///"))
        try:
            yield lambda statement: connection.execute(statement).fetchall()
        finally:
            connection.close()


def _minute(at: datetime) -> datetime:
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + MINUTE


def play(*, quick: bool, seed: int = 1) -> dict[str, Any]:
    """Play the year on SQLite, and in the long run once more on PostgreSQL; print and return the figures."""
    library = Library.load(cache=None)
    _ = library.lawbook.sha256
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="breach-year-", dir=memory if memory.is_dir() else None))
    sizes: dict[str, Any] = (
        {"incidents": 60, "days": 22, "kills": 103, "troubles": 4} if quick
        else {"incidents": 2000, "days": 353, "kills": 700, "troubles": 40}
    )  # fmt: skip
    all_: list[Figures] = []
    try:
        year = Year(
            f"sqlite:///{folder / 'breach.db'}", folder / "book", library, chance=random.Random(seed), **sizes
        )
        all_.append(year.play())
        _say("SQLite", year)
        if not quick:
            with Server() as server:
                sizes |= {"incidents": 1000, "kills": 300, "troubles": 20}
                url = server.url
                year = Year(
                    url, folder / "book-pg", library, chance=random.Random(seed + 1), server=server, **sizes
                )
                all_.append(year.play())
                _say("PostgreSQL", year)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    total = Figures()
    for one in all_:
        for name in (
            "kills",
            "missed",
            "doubled",
            "lost",
            "in_doubt",
            "steps",
            "pages",
            "chains",
            "acknowledged",
            "restarts",
            "ticks",
        ):
            setattr(total, name, getattr(total, name) + getattr(one, name))
        total.late_max_s = max(total.late_max_s, one.late_max_s)
        total.beyond_max_s = max(total.beyond_max_s, one.beyond_max_s)
    print(total.line(), flush=True)
    return {
        **{name: value for name, value in total.__dict__.items() if isinstance(value, int)},
        "line": total.line(),
    }


def _say(name: str, year: Year) -> None:
    one = year.figures
    for fault in one.faults[:20]:
        print("  !", fault, file=sys.stderr)
    print(
        f"year on {name}: {year.incidents} incidents, {one.steps} steps, {one.pages} told, {one.chains} passed on, "
        f"{one.acknowledged} acknowledged, {one.ticks} ticks, {len(year.outages)} outages, {one.restarts} restarts, "
        f"{len(year.wrong)} wrong clocks ({one.jumps} jumps journalled), killed at "
        f"{', '.join(f'{point} {count}' for point, count in one.points.most_common())} "
        f"and {one.kills - one.points.total()} at "
        f"random moments; late beyond its outage at most {one.beyond_max_s} s; {year.seconds:.0f} s",
        flush=True,
    )
