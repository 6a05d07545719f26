"""When somebody is reminded of a deadline: a ladder of steps relative to it. Pure.

A ladder says where its steps lie: at a share of the time between start and end, or at an amount of time
before the end. An incident keeps the ladder it was opened with, until somebody changes it.

When facts move the deadline, the ladder is *compressed* into the time that is left: a share is then taken of
the time between the moment of planning and the new end, what lies so many hours before the end and would be
past is dropped, and one reminder says at once that the deadline moved. Steps that were planned and missed
are another matter: the tick fires those, once, and says why they are late.

A step that fires starts a *chain*: when nobody acknowledges it, the next people are told. The rows of a chain
are named after its first step: `t-4h`, `t-4h/1`, `t-4h/2`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

OVERDUE = "overdue"
MOVED = "moved"
APPROVAL = "approval"
APART = timedelta(minutes=10)  # a compressed step nearer than this to another one is left out


class Rung(BaseModel):
    """One step of a ladder.

    Attributes:
        name: Unique in the ladder.
        share: Share of the time between start and end that has passed, 0 to 1.
        before_minutes: Minutes before the end; 0 is the end itself.
        text: What the reminder says about the time left.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    share: Annotated[float, Field(gt=0, lt=1)] | None = None
    before_minutes: Annotated[int, Field(ge=0)] | None = None
    text: str


class ApprovalCalls(BaseModel):
    """When a notice that nobody approves is called.

    Attributes:
        after_minutes: How long it may wait.
        within_minutes: How near its deadline waiting begins to matter.
        every_minutes: How often it is called again.
        times: How often in all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    after_minutes: Annotated[int, Field(gt=0)] = 60
    within_minutes: Annotated[int, Field(gt=0)] = 1440
    every_minutes: Annotated[int, Field(gt=0)] = 60
    times: Annotated[int, Field(ge=0)] = 12


class Ladder(BaseModel):
    """The steps for one kind of duty, and how they escalate.

    Attributes:
        rungs: The reminders before and at the end.
        overdue_every_minutes: How often an overdue duty is called again.
        overdue_times: How often at most.
        escalate_after_minutes: How long an answer is waited for before the next people are told; None leaves
            it to the rota.
        wake_within_minutes: How near the end quiet hours no longer hold.
        approval: When a notice that waits for approval is called.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rungs: tuple[Rung, ...]
    overdue_every_minutes: Annotated[int, Field(gt=0)] = 60
    overdue_times: Annotated[int, Field(ge=0)] = 24
    escalate_after_minutes: Annotated[int, Field(gt=0)] | None = None
    wake_within_minutes: Annotated[int, Field(ge=0)] = 720
    approval: ApprovalCalls = ApprovalCalls()


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A reminder due at an instant."""

    name: str
    due_at: datetime
    detail: dict[str, Any]


def steps_for(
    ladder: Ladder,
    *,
    start_at: datetime,
    end_at: datetime,
    planned_at: datetime,
    provisional: bool = False,
    moved_from: datetime | None = None,
) -> list[PlannedStep]:
    """Return the reminders still to come before and at `end_at`, soonest first, each instant once.

    Args:
        ladder: The steps.
        start_at: When the clock started.
        end_at: When it ends.
        planned_at: The moment of planning; what lies before it is compressed or dropped. The end itself is
            always kept, so that a deadline already past is called at once.
        provisional: Whether the end is provisional, which the reminder then says.
        moved_from: The end as it was planned before; an earlier end is then told at once.
    """
    found: dict[datetime, PlannedStep] = {}

    def keep(name: str, instant: datetime, text: str, **more: Any) -> None:
        found.setdefault(
            instant, PlannedStep(name, instant, {"text": text, "provisional": provisional, **more})
        )

    squeezed: list[tuple[datetime, Rung]] = []
    for rung in ladder.rungs:
        if rung.before_minutes == 0:
            keep(rung.name, end_at, rung.text, overdue=_overdue(ladder))
            continue
        if rung.share is not None:
            instant = start_at + (end_at - start_at) * rung.share
        else:
            instant = end_at - timedelta(minutes=rung.before_minutes or 0)
        if start_at <= instant <= end_at and instant > planned_at:
            keep(rung.name, instant, rung.text)
        elif rung.share is not None and planned_at < end_at:
            squeezed.append((planned_at + (end_at - planned_at) * rung.share, rung))
    for instant, rung in squeezed:
        if all(abs(instant - other) >= APART for other in (planned_at, *found)):
            keep(rung.name, instant, f"{rung.text}, counted from {planned_at:%Y-%m-%d %H:%M}Z")
    if moved_from is not None and planned_at < end_at < moved_from:
        text = f"the deadline moved from {moved_from:%Y-%m-%d %H:%M}Z to {end_at:%Y-%m-%d %H:%M}Z"
        keep(MOVED, planned_at, text)
    return sorted(found.values(), key=lambda step: step.due_at)


def _overdue(ladder: Ladder) -> dict[str, int]:
    return {"number": 0, "every_minutes": ladder.overdue_every_minutes, "times": ladder.overdue_times}


def next_overdue(ladder: Ladder, *, end_at: datetime, name: str) -> PlannedStep | None:
    """Return the call that follows the step `name` once the end has passed; None when there are no more.

    >>> ladder = Ladder(rungs=(), overdue_every_minutes=60, overdue_times=2)
    >>> end = datetime(2026, 11, 23, 17)
    >>> next_overdue(ladder, end_at=end, name="due").due_at
    datetime.datetime(2026, 11, 23, 18, 0)
    >>> next_overdue(ladder, end_at=end, name="overdue-2") is None
    True
    """
    number = int(name.rpartition("-")[2]) if name.startswith(OVERDUE) else 0
    return overdue_after({**_overdue(ladder), "number": number}, end_at=end_at)


def overdue_after(counted: Mapping[str, int], *, end_at: datetime) -> PlannedStep | None:
    """Return the call after the one that carries `counted`: its number, how often, and how many in all."""
    number = counted["number"] + 1
    if number > counted["times"]:
        return None
    instant = end_at + timedelta(minutes=counted["every_minutes"] * number)
    detail = {
        "text": f"overdue, call {number}",
        "provisional": False,
        "overdue": {**counted, "number": number},
    }
    return PlannedStep(f"{OVERDUE}-{number}", instant, detail)


def is_last_before_overdue(name: str, ladder: Ladder) -> bool:
    """Return whether the step is the end itself or an overdue call, after which another call follows."""
    return name.startswith(OVERDUE) or any(
        rung.name == name and rung.before_minutes == 0 for rung in ladder.rungs
    )


def ladder_for(ladders: Mapping[str, Ladder], kinds: Sequence[str]) -> Ladder:
    """Return the first ladder named by one of `kinds`, else the default one.

    Args:
        ladders: By duty id, by kind of rule (such as `contract`), by kind of addressee, and `default`.
        kinds: From the most particular to the most general.
    """
    return next((ladders[kind] for kind in kinds if kind in ladders), ladders["default"])


def kinds_of(duty: str, kind: str, addressee_kind: str) -> tuple[str, ...]:
    """Return under which names a duty's ladder is looked for, the most particular first.

    >>> kinds_of("eu-gdpr/tell-people", "law", "people")
    ('eu-gdpr/tell-people', 'law', 'people')
    >>> kinds_of("contract-acme/tell", "contract", "controller")
    ('contract-acme/tell', 'contract', 'controller')
    """
    return (duty, kind, addressee_kind)


def is_near(end_at: datetime | None, *, at: datetime, wake_within_minutes: int) -> bool:
    """Return whether quiet hours no longer hold: the end is near, past, or not known."""
    return end_at is None or at >= end_at - timedelta(minutes=wake_within_minutes)


def chain_base(name: str) -> str:
    """Return the step a chain began with.

    >>> chain_base("t-4h/2"), chain_base("due")
    ('t-4h', 'due')
    """
    return name.partition("/")[0]


def chain_next(name: str) -> str:
    """Return the name of the row after `name` in its chain.

    >>> chain_next("t-4h"), chain_next("t-4h/1")
    ('t-4h/1', 't-4h/2')
    """
    base, _, number = name.partition("/")
    return f"{base}/{int(number or 0) + 1}"


def approval_call(
    calls: ApprovalCalls, *, notice_ref: str, waiting_since: datetime, end_at: datetime, number: int = 0
) -> PlannedStep | None:
    """Return when a notice that still waits for approval is called; None when it was called often enough.

    >>> since, end = datetime(2026, 11, 21, 9), datetime(2026, 11, 23, 17)
    >>> approval_call(ApprovalCalls(), notice_ref="N-0001", waiting_since=since, end_at=end).due_at
    datetime.datetime(2026, 11, 22, 17, 0)
    """
    if number >= calls.times:
        return None
    first = max(
        waiting_since + timedelta(minutes=calls.after_minutes),
        end_at - timedelta(minutes=calls.within_minutes),
    )
    instant = first + timedelta(minutes=calls.every_minutes * number)
    since = f"{waiting_since:%Y-%m-%d %H:%M}Z"
    return PlannedStep(
        f"{APPROVAL}-{notice_ref}-{number + 1}",
        instant,
        {
            "text": f"{notice_ref} waits for approval since {since}",
            "provisional": False,
            "approval": {
                "notice": notice_ref,
                "number": number,
                "since": waiting_since.isoformat(),
                **calls.model_dump(),
            },
        },
    )
