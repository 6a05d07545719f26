"""When somebody is reminded of a deadline: a ladder of steps relative to it. Pure.

A ladder says where its steps lie: at a share of the time between start and end, or at an amount of time
before the end. An incident keeps the ladder it was opened with. Steps that lie before the moment of
planning are dropped, not fired late: they were never promised. Steps that were planned and missed are
another matter; the tick fires those, once, and says why they are late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

OVERDUE = "overdue"


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


class Ladder(BaseModel):
    """The steps for one kind of duty, and how often an overdue one is called again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rungs: tuple[Rung, ...]
    overdue_every_minutes: Annotated[int, Field(gt=0)] = 60
    overdue_times: Annotated[int, Field(ge=0)] = 24


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A reminder due at an instant."""

    name: str
    due_at: datetime
    detail: dict[str, Any]


def steps_for(
    ladder: Ladder, *, start_at: datetime, end_at: datetime, planned_at: datetime, provisional: bool = False
) -> list[PlannedStep]:
    """Return the reminders still to come before and at `end_at`, soonest first, each instant once.

    Args:
        ladder: The steps.
        start_at: When the clock started.
        end_at: When it ends.
        planned_at: The moment of planning; earlier steps are dropped. The end itself is always kept, so
            that a deadline already past is called at once.
        provisional: Whether the end is provisional, which the reminder then says.
    """
    found: dict[datetime, PlannedStep] = {}
    for rung in ladder.rungs:
        if rung.share is not None:
            instant = start_at + (end_at - start_at) * rung.share
        else:
            instant = end_at - timedelta(minutes=rung.before_minutes or 0)
        is_end = rung.before_minutes == 0
        if (instant <= planned_at and not is_end) or (instant > end_at) or (instant < start_at and not is_end):
            continue
        found.setdefault(instant, PlannedStep(rung.name, instant, {"text": rung.text, "provisional": provisional}))
    return sorted(found.values(), key=lambda step: step.due_at)


def next_overdue(ladder: Ladder, *, end_at: datetime, name: str) -> PlannedStep | None:
    """Return the call that follows the step `name` once the end has passed; None when there are no more.

    >>> ladder = Ladder(rungs=(), overdue_every_minutes=60, overdue_times=2)
    >>> end = datetime(2026, 11, 23, 17)
    >>> next_overdue(ladder, end_at=end, name="due").due_at
    datetime.datetime(2026, 11, 23, 18, 0)
    >>> next_overdue(ladder, end_at=end, name="overdue-2") is None
    True
    """
    number = int(name.rpartition("-")[2]) + 1 if name.startswith(OVERDUE) else 1
    if number > ladder.overdue_times:
        return None
    instant = end_at + timedelta(minutes=ladder.overdue_every_minutes * number)
    return PlannedStep(f"{OVERDUE}-{number}", instant, {"text": f"overdue, call {number}", "provisional": False})


def is_last_before_overdue(name: str, ladder: Ladder) -> bool:
    """Return whether the step is the end itself or an overdue call, after which another call follows."""
    return name.startswith(OVERDUE) or any(rung.name == name and rung.before_minutes == 0 for rung in ladder.rungs)


def ladder_for(ladders: dict[str, Ladder], kinds: Sequence[str]) -> Ladder:
    """Return the first ladder named by one of `kinds`, else the default one."""
    return next((ladders[kind] for kind in kinds if kind in ladders), ladders["default"])
