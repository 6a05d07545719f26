"""The wall of clocks: of everything that runs, what ends first, what it needs next, and how likely it is missed.

A page of the soonest with counts over all of it; a handful of queries, however much runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from incident_flows.core.lifecycle import effective_status
from incident_flows.services.assess import QUESTIONS
from incident_flows.services.desk import Desk
from incident_flows.services.forecast import Forecast
from incident_flows.storage.wall import Counts, Only, WallRow, counts, notices_of, page, perhaps

SHOWN = 100  # clocks; nobody reads more at once
NEAR = timedelta(hours=24)

Urgency = Literal["overdue", "passed", "near", "later", "none"]
Next = Literal["answer", "decide", "draft", "complete", "approve", "send", "resolve", "retry"]
_AFTER: Mapping[str, Next] = {
    "in-doubt": "resolve",
    "failed": "retry",
    "draft": "complete",
    "awaiting-approval": "approve",
    "approved": "send",
    "sending": "send",
}


@dataclass(frozen=True)
class Clock:
    """One line of the wall.

    Attributes:
        due_on: The last permitted day, where the law counts days; `at` is then its end.
        end: What kind of instant `at` is: a deadline, provisional, a target, or none.
        status: A person's decision, else the engine's answer.
        urgency: Overdue is only what has passed its deadline; a provisional end or a target has just passed.
        next: What has to be done next for it.
        notice: The notice that is to be done with, if one is under way.
        duties: How many laws may apply of which it is not known; 0 for a clock whose law applies.
        chance_to_miss: 0 to 1; None where there is no end.
    """

    incident: str
    title: str
    organisation: str
    drill: bool
    obligation: str
    addressee: str
    at: datetime | None
    due_on: date | None
    end: Literal["deadline", "provisional", "target", "none"]
    zone: str | None
    cite: str | None
    confidence: str | None
    status: str
    decided: bool
    urgency: Urgency
    next: Next
    notice: str | None
    duties: int
    chance_to_miss: float | None


@dataclass(frozen=True)
class Wall:
    """What is shown, and how much there is."""

    clocks: tuple[Clock, ...]
    counts: Counts
    more: int

    @property
    def first(self) -> Clock | None:
        """What is to be done first of what applies; else of drills, else of what may apply."""
        return first_of(self.clocks)


def wall(desk: Desk, *, now: datetime, only: Only | None = None, limit: int = SHOWN) -> Wall:
    """Return the soonest `limit` clocks of open incidents, and counts over all of them."""
    only = only or Only()
    with desk.database.read() as tx:
        applying = page(tx, only, limit=limit)
        unsure = perhaps(tx, only, limit=limit)
        count = counts(tx, only, now=now, near_at=now + NEAR)
        rows = sorted((*applying, *unsure), key=_soonest)[:limit]
        notices = notices_of(tx, {row.incident_ref for row in rows})
        work, under = _work(rows, notices)
        forecast = Forecast.over(tx, desk, work)
    clocks = tuple(_clock(row, forecast, under.get((row.incident_ref, row.oid)), now=now) for row in rows)
    applied = sum(row.duties == 0 for row in rows)
    return Wall(clocks, count, max(0, count.clocks - applied))


_PRESSING: tuple[Urgency, ...] = ("overdue", "near", "passed", "later", "none")


def first_of(clocks: Sequence[Clock]) -> Clock | None:
    """Return what is due first: a missed deadline, then what ends within a day, then what has merely passed.

    What may not apply comes last, for a provisional end long past must not hide a deadline of tonight.
    """
    return min(
        clocks, key=lambda one: (one.duties > 0, one.drill, _PRESSING.index(one.urgency)), default=None
    )


def _soonest(row: WallRow) -> tuple[bool, float, str, str]:
    at = row.effective_at
    return at is None, at.timestamp() if at else 0.0, row.incident_ref, row.oid


def _work(
    rows: Sequence[WallRow], notices: Sequence[tuple[str, str, str, str, str, bool]]
) -> tuple[dict[tuple[str, str], list[tuple[str, bool]]], dict[tuple[str, str], tuple[str, str]]]:
    """Return the notices' states by obligation; one letter to the people answers all duties to tell them."""
    by_oid: dict[tuple[str, str], list[tuple[str, str, bool]]] = defaultdict(list)
    letters: dict[str, list[tuple[str, str, bool]]] = defaultdict(list)
    for ref, oid, kind, notice, state, missing in notices:
        (letters[ref] if kind == "people" else by_oid[ref, oid]).append((notice, state, missing))
    work: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    under: dict[tuple[str, str], tuple[str, str]] = {}
    for row in rows:
        key = (row.incident_ref, row.oid)
        mine = letters[row.incident_ref] if row.addressee_kind == "people" else by_oid.get(key, [])
        if mine:
            work[key] = [(state, missing) for _, state, missing in mine]
            first = min(mine, key=lambda one: list(_AFTER).index(one[1]))
            under[key] = first[0], first[1]
    return work, under


def _clock(row: WallRow, forecast: Forecast, under: tuple[str, str] | None, *, now: datetime) -> Clock:
    at = row.effective_at
    end: Literal["deadline", "provisional", "target", "none"] = (
        "provisional"  # the law may not apply at all
        if row.duties and at
        else "deadline"
        if row.due_at
        else "provisional"
        if row.provisional_due_at
        else "target"
        if row.target_at
        else "none"
    )
    summed = row.duties > 0
    status = effective_status(row.status, row.decided)
    return Clock(
        incident=row.incident_ref,
        title=row.title,
        organisation=row.organisation_id,
        drill=row.drill,
        obligation=QUESTIONS if summed else row.oid,
        addressee=row.addressee_name,
        at=at,
        due_on=row.due_on,
        end=end,
        zone=row.zone,
        cite=row.cite,
        confidence=row.confidence,
        status=status,
        decided=row.decided is not None,
        urgency=urgency_of(at, end, now=now),
        next="answer" if summed else _next(status, under),
        notice=under[0] if under else None,
        duties=row.duties,
        chance_to_miss=forecast.chance(row, now=now),
    )


def urgency_of(at: datetime | None, end: str, *, now: datetime) -> Urgency:
    """Return how pressing an end is; only a deadline can be overdue, a provisional end or a target has passed."""
    if at is None:
        return "none"
    if at <= now:
        return "overdue" if end == "deadline" else "passed"
    return "near" if at - now <= NEAR else "later"


def _next(status: str, under: tuple[str, str] | None) -> Next:
    if under is not None and under[1] in ("in-doubt", "failed"):
        return _AFTER[under[1]]
    if status == "undetermined":
        return "decide"
    return _AFTER[under[1]] if under is not None else "draft"
