"""The year: its incidents and what goes wrong in it; and, by arithmetic of its own, what must be told when.

The expectation shares no code with the tick or with the planning of steps: minutes before an end, half of the
way, an hour after it, typed by hand.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

YEAR = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OID = "eu-gdpr/tell-authority@es-aepd"
CHAIN = timedelta(minutes=15)
OVERDUE_TIMES = 2
ZONES = ("Europe/Madrid", "Europe/London", "America/New_York", "Australia/Sydney", "Pacific/Auckland")
# Days on which some zone changes its clock in 2026: ends are set on and around them on purpose.
CLOCK_CHANGES = ((3, 8), (3, 29), (4, 5), (9, 27), (10, 4), (10, 25), (11, 1))


@dataclass(frozen=True)
class Case:
    """One incident with one deadline, which may move once."""

    ref: str
    start: datetime
    end: datetime
    moved_at: datetime | None
    moved_to: datetime | None


def cases(count: int, days: float, chance: random.Random) -> list[Case]:
    """Return incidents spread over the year; a third end at a local midnight, many near a change of clocks."""
    found = []
    for number in range(count):
        start = YEAR + timedelta(days=chance.uniform(0, days), seconds=chance.randrange(60))
        end = start + timedelta(hours=72)
        if number % 3 == 0:
            zone = ZoneInfo(chance.choice(ZONES))
            month, day = chance.choice(CLOCK_CHANGES)
            wanted = datetime.combine(date(2026, month, day), time(), tzinfo=zone).astimezone(UTC)
            if YEAR + timedelta(days=2) < wanted < YEAR + timedelta(days=days):
                end = wanted + timedelta(days=chance.choice((0, 1, 2)))
                start = max(YEAR, end - timedelta(hours=chance.randrange(30, 120)))
            else:
                local = (start + timedelta(days=3)).astimezone(zone).date()
                end = datetime.combine(local, time(), tzinfo=zone).astimezone(UTC)
        moved_at = moved_to = None
        if number % 20 == 1:
            moved_at = (start + (end - start) * chance.uniform(0.2, 0.6)).replace(second=0, microsecond=0)
            moved_to = end + timedelta(hours=chance.choice((-20, -10, 30, 100)))
            if moved_to < moved_at + timedelta(hours=2):
                moved_to = end + timedelta(hours=30)
        found.append(Case(f"INC-2026-{number + 1:04}", start, end, moved_at, moved_to))
    return found


def due_times(
    start: datetime, end: datetime, planned_at: datetime, *, compressed: bool
) -> dict[str, datetime]:
    """Return what must be told and when, by name, from one planning to the last overdue call."""
    found: dict[str, datetime] = {}
    for name, minutes in (("t-24h", 1440), ("t-12h", 720), ("t-4h", 240), ("t-1h", 60)):
        instant = end - minutes * MINUTE
        if instant > planned_at and instant >= start:
            found[name] = instant
    half = start + (end - start) / 2
    if half > planned_at:
        found["half"] = half
    elif compressed:
        half = planned_at + (end - planned_at) / 2
        others = [planned_at, end, *found.values()]
        if all(abs((half - other).total_seconds()) >= 600 for other in others):
            found["half"] = half
    for name in [name for name, instant in found.items() if name != "half" and instant == half]:
        found.pop(name)  # one instant, one call
    found["due"] = end
    for number in range(1, OVERDUE_TIMES + 1):
        found[f"overdue-{number}"] = end + number * 60 * MINUTE
    return found


def expected(case: Case) -> dict[tuple[str, str, int], datetime]:
    """Return every first telling of a case: (incident, step, plan version) and its instant."""
    first = due_times(case.start, case.end, case.start, compressed=True)
    if case.moved_at is None or case.moved_to is None:
        return {(case.ref, name, 1): instant for name, instant in first.items()}
    found = {(case.ref, name, 1): instant for name, instant in first.items() if instant <= case.moved_at}
    second = due_times(case.start, case.moved_to, case.moved_at, compressed=True)
    if case.moved_at < case.moved_to < case.end:
        second["moved"] = case.moved_at
    return found | {(case.ref, name, 2): instant for name, instant in second.items()}


@dataclass(frozen=True)
class Trouble:
    """Hours in which nothing ticks."""

    start: datetime
    end: datetime


def outages(count: int, days: float, chance: random.Random) -> list[Trouble]:
    """Return outages of one to eight hours."""
    found = []
    for _ in range(count):
        start = YEAR + timedelta(days=chance.uniform(1, days))
        found.append(Trouble(start, start + timedelta(hours=chance.uniform(1, 8))))
    return sorted(found, key=lambda one: one.start)


def wrong_clocks(count: int, days: float, chance: random.Random) -> list[tuple[Trouble, timedelta]]:
    """Return times in which the host's clock is two hours off, one way or the other."""
    found = []
    for number in range(count):
        start = YEAR + timedelta(days=chance.uniform(1, days))
        off = timedelta(hours=2 if number % 2 else -2)
        found.append((Trouble(start, start + timedelta(hours=chance.uniform(0.5, 5))), off))
    found.sort(key=lambda one: one[0].start)
    apart = timedelta(hours=6)  # one at a time, so that how long nothing could tick is known
    return [one for at, one in enumerate(found) if at == 0 or one[0].start > found[at - 1][0].end + apart]
