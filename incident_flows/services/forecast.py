"""The chance to miss a deadline: what is still to do for it, how long that takes, and the time left.

How long comes from what this installation did before, once it did it five times, else from the estimates in
playbooks/policies/escalation.yaml. A duration is taken as lognormal, given by what it usually is and by what
it stays below in nine cases of ten; a sum of several as lognormal with the same mean and variance (Fenton
1960). A rough number, and meant to be: it sorts the wall by what is in danger, not by what is next.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles
from typing import Any

from incident_flows.core.lifecycle import effective_status
from incident_flows.services.desk import Desk
from incident_flows.storage.database import Tx

_NINE_IN_TEN = 1.2815515655446004  # of the standard normal distribution
ENOUGH = 5  # times done before, to count for more than an estimate
LEAST_MINUTES = 1.0


@dataclass(frozen=True)
class Estimate:
    """How long something takes, in minutes."""

    usually: float
    nine_in_ten: float

    @property
    def spread(self) -> float:
        """Return the standard deviation of its logarithm."""
        wide = max(self.nine_in_ten, self.usually * 1.01)
        return math.log(wide / self.usually) / _NINE_IN_TEN


def chance_to_miss(todo: Sequence[Estimate], *, minutes_left: float) -> float:
    """Return the chance that all of `todo`, one after the other, takes longer than there is time, 0 to 1.

    >>> chance_to_miss([Estimate(60, 360)], minutes_left=60)
    0.5
    >>> round(chance_to_miss([Estimate(60, 360)], minutes_left=360), 3)
    0.1
    >>> chance_to_miss([], minutes_left=10), chance_to_miss([Estimate(1, 2)], minutes_left=0)
    (0.0, 1.0)
    """
    if minutes_left <= 0:
        return 1.0
    if not todo:
        return 0.0
    mean = sum(one.usually * math.exp(one.spread**2 / 2) for one in todo)
    variance = sum(one.usually**2 * math.exp(one.spread**2) * (math.exp(one.spread**2) - 1) for one in todo)
    squared = math.log(1 + variance / mean**2)
    middle = math.log(mean) - squared / 2
    return 0.5 * math.erfc((math.log(minutes_left) - middle) / math.sqrt(2 * squared))


@dataclass(frozen=True)
class Forecast:
    """What is needed to say, for any running clock, how likely it is missed.

    Attributes:
        estimates: By what is to be done.
        work: The states of the notices under way, and whether fields are missing, by incident and obligation.
    """

    estimates: Mapping[str, Estimate]
    work: Mapping[tuple[str, str], Sequence[tuple[str, bool]]]

    @classmethod
    def of(cls, tx: Tx, desk: Desk) -> Forecast:
        """Return the forecast as things stand; two queries, however many clocks run."""
        work: dict[tuple[str, str], list[tuple[str, bool]]] = defaultdict(list)
        for ref, oid, state, missing in tx.notices.under_way():
            work[ref, oid].append((state, bool(missing)))
        return cls.over(tx, desk, work)

    @classmethod
    def over(cls, tx: Tx, desk: Desk, work: Mapping[tuple[str, str], Sequence[tuple[str, bool]]]) -> Forecast:
        """Return the forecast over notices the caller has read already; one query."""
        return cls({**_estimated(desk), **_experienced(tx.notices.durations())}, work)

    def chance(self, row: Any, *, now: datetime) -> float | None:
        """Return the chance to miss one obligation, to the percent; None where it has no end."""
        end = row.due_at or row.provisional_due_at or row.target_at
        todo = self.todo(row)
        if end is None or any(name not in self.estimates for name in todo):
            return None
        left = (end - now).total_seconds() / 60
        return round(chance_to_miss([self.estimates[name] for name in todo], minutes_left=left), 2)

    def todo(self, row: Any) -> list[str]:
        """Return what is still to do for an obligation, in order."""
        undecided = effective_status(row.status, row.decided) == "undetermined"
        send = "send-people" if row.addressee_kind == "people" else "send"
        states = self.work.get((row.incident_ref, row.oid), ())
        rest = _rest(states, send)
        return ["decide", *rest] if undecided else rest


def _rest(states: Sequence[tuple[str, bool]], send: str) -> list[str]:
    if not states:
        return ["draft", "complete", "approve", send]  # a first draft leaves fields open, as a rule
    names = {state for state, _ in states}
    if "draft" in names:
        return [*(["complete"] if any(missing for _, missing in states) else []), "approve", send]
    return ["approve", send] if "awaiting-approval" in names else [send]


def _estimated(desk: Desk) -> dict[str, Estimate]:
    return {
        name: Estimate(float(one["usually"]), float(one["nine_in_ten"]))
        for name, one in desk.estimates.items()
    }


def _experienced(
    done: Sequence[tuple[str, datetime, datetime | None, datetime | None]],
) -> dict[str, Estimate]:
    """Return how long approving and sending took, where that was done often enough."""
    took: dict[str, list[float]] = defaultdict(list)
    for kind, drafted_at, approved_at, done_at in done:
        if approved_at is not None:
            took["approve"].append((approved_at - drafted_at).total_seconds() / 60)
            if done_at is not None:
                send = "send-people" if kind == "people" else "send"
                took[send].append((done_at - approved_at).total_seconds() / 60)
    return {
        name: Estimate(
            max(median(minutes), LEAST_MINUTES), max(quantiles(minutes, n=10)[-1], LEAST_MINUTES * 2)
        )
        for name, minutes in took.items()
        if len(minutes) >= ENOUGH
    }
