"""Facts and applicable law to obligations: owed, not owed or undetermined, with reasons. Pure.

The order of questions is the same for every duty: does the regime reach this breach at all; is the duty
this role's; do its conditions hold; does an exception lift it; who is the addressee; what does the clock
say. One *no* ends it, one *unknown* leaves it open, and every answer keeps the facts it used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from incident_flows.core.addressees import Addressee, addressees_for
from incident_flows.core.clocks import Counter, OpenDaysOf, Running
from incident_flows.core.conditions import describe, evaluate
from incident_flows.core.deadlines import Deadline
from incident_flows.core.law import Duty, Lawbook, Regime, Version
from incident_flows.core.orders import WHOSE_ORDER, order_at
from incident_flows.core.situation import Situation
from incident_flows.core.truth import NO, YES, Outcome, Truth, all_of, no, unknown, yes

Status = Literal["owed", "not-owed", "undetermined"]
_STATUS: dict[Truth, Status] = {Truth.YES: "owed", Truth.NO: "not-owed", Truth.UNKNOWN: "undetermined"}


_NOT_RUNNING = Running()


@dataclass(frozen=True, slots=True)
class Obligation:
    """One duty in one incident, with addressee and clock.

    Attributes:
        id: `regime/duty@addressee`; permanent for the same duty and addressee.
        reach: yes, or unknown where it is not known whether the regime applies at all.
        missing: Paths of the facts that would settle it.
        because: Why, in sentences.
        after: Obligations whose notices must go first.
        trace: The path through the rule, question by question, for `--explain`.
    """

    id: str
    duty: str
    title: str
    regime: Regime
    version: Version
    status: Status
    reach: Truth
    addressee: Addressee
    running: Running = _NOT_RUNNING
    because: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    trace: tuple[str, ...] = ()

    @property
    def effective_due_at(self) -> datetime | None:
        """The instant worked towards: the deadline, else a provisional one, else a target."""
        return self.running.due_at or self.running.provisional_due_at or self.running.target_at

    @property
    def source_id(self) -> str:
        """The row of the fact base the duty was written from."""
        return self.version.source_id


@dataclass(frozen=True, slots=True)
class Judged:
    """A duty's answer before its addressees are known."""

    outcome: Outcome
    trace: tuple[str, ...]


@dataclass(frozen=True)
class Judge:
    """Answers every duty of a lawbook for one situation."""

    situation: Situation
    lawbook: Lawbook
    open_days: OpenDaysOf
    proposals: bool = False
    explain: bool = False

    @cached_property
    def counter(self) -> Counter:
        """What counts the clocks of this situation."""
        return Counter(self.situation, self.lawbook, self.open_days)

    def obligations(self, regimes: Iterable[Regime] | None = None) -> tuple[list[Obligation], list[Regime]]:
        """Return all obligations, soonest first, and the regimes that do not reach this breach."""
        if regimes is None:
            book = self.lawbook.regimes
            asked = self.lawbook.reach_index.worth_asking(self.situation)
            found, silent = self._asked(regime for id_, regime in book.items() if id_ in asked)
            not_reached = {regime.id for regime in silent}
            outside = [regime for id_, regime in book.items() if id_ not in asked or id_ in not_reached]
        else:
            found, outside = self._asked(regimes)
        return sorted(self._ordered(found), key=_soonest_first), outside

    def _asked(self, regimes: Iterable[Regime]) -> tuple[list[Obligation], list[Regime]]:
        found: list[Obligation] = []
        outside: list[Regime] = []
        for regime in regimes:
            reach = evaluate(regime.reach, self.situation)
            if reach.truth is Truth.NO:
                outside.append(regime)
            else:
                found.extend(self._regime(regime, reach))
        return found, outside

    def _regime(self, regime: Regime, reach: Outcome) -> list[Obligation]:
        done: dict[str, list[Obligation]] = {}
        waiting = list(regime.duties.items())
        while waiting:  # a stage comes after the duty it follows
            later = []
            for key, duty in waiting:
                version = duty.version_on(self.situation.as_of, proposals=self.proposals)
                if version is None:
                    continue
                if (
                    version.follows
                    and version.follows not in done
                    and any(k == version.follows for k, _ in waiting)
                ):
                    later.append((key, duty))
                    continue
                done[key] = self._duty(regime, key, duty, version, reach, done)
            if len(later) == len(waiting):
                break
            waiting = later
        return [obligation for rows in done.values() for obligation in rows]

    def _duty(
        self,
        regime: Regime,
        key: str,
        duty: Duty,
        version: Version,
        reach: Outcome,
        done: dict[str, list[Obligation]],
    ) -> list[Obligation]:
        judged = self._judge(regime, duty, version, reach)
        if judged.outcome.truth is Truth.NO and reach.truth is Truth.UNKNOWN:
            return []  # not owed whether the regime applies or not
        duty_id = f"{regime.id}/{key}"
        parents = done.get(version.follows, []) if version.follows else None
        if parents is not None:
            stages = [
                self._stage(regime, duty_id, duty, version, parent, judged, reach) for parent in parents
            ]
            return [stage for stage in stages if stage is not None]
        if judged.outcome.truth is Truth.NO and duty.to.kind == "authority" and duty.to.scheme:
            addressees = self._named(
                addressees_for(duty.to, regime=regime, lawbook=self.lawbook, situation=self.situation)
            )
        else:
            addressees = addressees_for(
                duty.to, regime=regime, lawbook=self.lawbook, situation=self.situation
            )
        return [
            self._obligation(regime, duty_id, duty, version, addressee, judged, reach, done)
            for addressee in addressees
        ]

    @staticmethod
    def _named(addressees: list[Addressee]) -> list[Addressee]:
        """Where nothing is owed, an unknown addressee is no reason to call it undetermined."""
        return [replace(one, known=YES) for one in addressees]

    def _judge(self, regime: Regime, duty: Duty, version: Version, reach: Outcome) -> Judged:
        trace: list[str] = []
        role = self.situation.facts.role
        by = (
            unknown("role")
            if role is None
            else yes(f"role is {role}")
            if role in duty.by
            else no(f"this is a duty of the {' or '.join(duty.by)}; the role here is {role}")
        )
        if version.status == "no-duty":
            by, outcome = YES, no(version.standard)
            return Judged(outcome, (f"{regime.title}: {version.standard}",))
        if version.arises_on and not self._arisen(version.arises_on, regime):
            what = (
                version.arises_on
                if version.arises_on.startswith("findings.")
                else f"moments.{version.arises_on}"
            )
            return Judged(no(f"arises only once {what} is recorded, and it is not"), ())
        parts = [reach, by]
        if by.truth is Truth.NO and not self.explain:
            return Judged(by, ())
        when = YES if version.when is None else evaluate(regime.condition(version.when), self.situation)
        if when.truth is Truth.NO and not self.explain:
            return Judged(when, ())
        parts.append(when)
        lifted: list[Outcome] = []
        for exception in version.unless:
            answer = evaluate(regime.condition(exception.if_), self.situation)
            if answer.truth is Truth.YES:
                lifted.append(
                    no(f"{exception.because}{f' ({exception.cite})' if exception.cite else ''}", *answer.used)
                )
            elif answer.truth is Truth.UNKNOWN and exception.burden == "facts":
                lifted.append(unknown(*answer.missing, used=answer.used))
            elif answer.truth is Truth.UNKNOWN:
                lifted.append(yes(f"an exception would have to be shown and is not: {exception.because}"))
            else:
                lifted.append(yes(*answer.used))
            if self.explain:
                trace.append(
                    f"unless {describe(regime.condition(exception.if_))}: "
                    f"{answer.truth.value}{_reasons(answer)}"
                )
        outcome = all_of((*parts, *lifted))
        if self.explain:
            first = [
                f"{regime.title} reaches this breach if {describe(regime.reach)}: "
                f"{reach.truth.value}{_reasons(reach)}",
                f"duty of {' or '.join(duty.by)}: {by.truth.value}{_reasons(by)}",
            ]
            if version.when is not None:
                first.append(
                    f"when {describe(regime.condition(version.when))}: {when.truth.value}{_reasons(when)}"
                )
            trace = [*first, *trace, f"{version.source.cite}: {version.standard}"]
        return Judged(outcome, tuple(trace))

    def _arisen(self, on: str, regime: Regime) -> bool:
        kind, _, word = on.partition(".")
        if kind == "findings":
            return self.situation.facts.findings.get(word) is True
        if on == "order_received_at":
            return order_at(self.situation.facts, regime, self.lawbook) is not None
        return on in self.situation.moments

    def _obligation(
        self,
        regime: Regime,
        duty_id: str,
        duty: Duty,
        version: Version,
        addressee: Addressee,
        judged: Judged,
        reach: Outcome,
        done: dict[str, list[Obligation]],
    ) -> Obligation:
        outcome = all_of((judged.outcome, addressee.known))
        orders = self.situation.facts.moments.order_received_at
        on_order = version.arises_on == "order_received_at" and outcome.truth is not Truth.NO
        if on_order and isinstance(orders, dict) and addressee.kind == "authority":
            theirs = addressee.id is None or addressee.id in orders
            outcome = outcome if theirs else no(f"the order came from {', '.join(sorted(orders))}")
        id_ = f"{duty_id}@{addressee.key}"
        running = Running()
        if outcome.truth is not Truth.NO:
            running = self.counter.run(
                version,
                regime=regime,
                addressee=addressee,
                earlier=lambda name: self._earlier(name, regime, addressee, done),
            )
        because = [*outcome.used, *addressee.because, *running.notes]
        if on_order and not isinstance(orders, dict) and outcome.truth is not Truth.NO:
            because.append(WHOSE_ORDER)
        if outcome.truth is Truth.NO and version.voluntary:
            because.append(version.voluntary)
        return Obligation(
            id=id_,
            duty=duty_id,
            title=duty.title,
            regime=regime,
            version=version,
            status=_STATUS[outcome.truth],
            reach=reach.truth,
            addressee=addressee,
            running=running,
            because=tuple(dict.fromkeys(because)),
            missing=outcome.missing,
            trace=judged.trace,
        )

    def _stage(
        self,
        regime: Regime,
        duty_id: str,
        duty: Duty,
        version: Version,
        parent: Obligation,
        judged: Judged,
        reach: Outcome,
    ) -> Obligation | None:
        """Return a later stage of `parent`, for the same addressee."""
        follows = (
            no(f"follows {parent.id}, which is not owed")
            if parent.status == "not-owed"
            else unknown(*parent.missing)
            if parent.status == "undetermined"
            else yes(f"follows {parent.id}")
        )
        if version.follows_if_incomplete and follows.truth is not Truth.NO:
            complete = self._submitted_complete(parent)
            if complete is None and self._submitted(parent):
                follows = unknown("moments.submitted_complete")
            elif complete is None:
                follows = no(
                    f"nothing has been submitted under {parent.id} that could have left something open"
                )
            elif complete:
                follows = no(f"what was submitted under {parent.id} left nothing open")
        outcome = all_of((judged.outcome, follows))
        if outcome.truth is Truth.NO and reach.truth is Truth.UNKNOWN:
            return None
        same = replace(judged, outcome=outcome)
        addressee = parent.addressee
        if duty.to.kind != addressee.kind or (duty.to.id and duty.to.id != addressee.id):
            [addressee, *_] = addressees_for(
                duty.to, regime=regime, lawbook=self.lawbook, situation=self.situation
            )
        return self._obligation(
            regime, duty_id, duty, version, addressee, same, reach, {parent.duty.partition("/")[2]: [parent]}
        )

    def _submitted(self, parent: Obligation) -> bool:
        submitted = self.situation.facts.moments.submitted_at
        return parent.id in submitted or parent.duty in submitted

    def _submitted_complete(self, parent: Obligation) -> bool | None:
        complete = self.situation.facts.moments.submitted_complete
        for name in (parent.id, parent.duty):
            if name in complete:
                return complete[name]
        return None

    def _earlier(
        self, name: str, regime: Regime, addressee: Addressee, done: dict[str, list[Obligation]]
    ) -> tuple[datetime | None, datetime | None]:
        """When the notice under the duty called `name` was submitted, and by when it is due."""
        if name == "people":
            rows = [row for duty_rows in done.values() for row in duty_rows if row.addressee.kind == "people"]
        else:
            rows = done.get(name.rpartition("/")[2] if name.startswith(regime.id + "/") else name, [])
        submitted = self.situation.facts.moments.submitted_at
        full = name if "/" in name else f"{regime.id}/{name}"
        keys = [f"{full}@{addressee.key}", full, *(row.id for row in rows)]
        at = next((submitted[key] for key in keys if key in submitted), None)
        due = min((end for row in rows if (end := _last_instant(row))), default=None)
        return at, due

    def _ordered(self, found: list[Obligation]) -> list[Obligation]:
        """Add who must come first, and bring forward what may come no later than another."""
        by_duty: dict[str, list[Obligation]] = {}
        for one in found:
            by_duty.setdefault(one.duty, []).append(one)
        first: dict[str, list[str]] = {}
        brought: dict[str, Obligation] = {}
        for one in found:
            order = one.version.order
            if one.status == "not-owed" or not (order.before or order.not_after or order.after):
                continue
            for duty_id in order.before:
                for other in by_duty.get(duty_id, ()):
                    first.setdefault(other.id, []).append(one.id)
            for duty_id in order.after:
                first.setdefault(one.id, []).extend(
                    other.id for other in by_duty.get(duty_id, ()) if other.status != "not-owed"
                )
            bounds = [
                other for duty_id in (*order.before, *order.not_after) for other in by_duty.get(duty_id, ())
            ]
            brought[one.id] = self._no_later(one, bounds)
        return [
            replace(brought.get(one.id, one), after=tuple(first[one.id]))
            if one.id in first
            else brought.get(one.id, one)
            for one in found
        ]

    def _no_later(self, one: Obligation, bounds: Sequence[Obligation]) -> Obligation:
        moments = self.situation.facts.moments
        told: list[tuple[datetime, str]] = []
        planned: list[tuple[datetime, str, Deadline]] = []
        for other in bounds:
            if other.status == "not-owed":
                continue
            told_at = moments.submitted_at.get(other.id) or (
                moments.people_told_at if other.addressee.kind == "people" else None
            )
            if told_at is not None:
                told.append((told_at, other.id))
            elif other.running.deadline is not None:
                planned.append((other.running.deadline.due_at, other.id, other.running.deadline))
        running, due_at = one.running, one.running.due_at
        if told and (due_at is None or min(told)[0] < due_at):
            end, id_ = min(told)
            deadline = Deadline(due_at=end, due_on=None, rule="no-later-than", strict=end)
        elif planned and (due_at is None or min(planned)[0] < due_at):
            end, id_, deadline = min(planned)
        else:
            return one
        note = f"no later than {id_}"
        running = replace(
            running,
            deadline=deadline,
            waits_for=None,
            provisional_due_at=None,
            target_at=None,
            notes=(*running.notes, note),
        )
        return replace(one, running=running, because=(*one.because, note))


def _last_instant(one: Obligation) -> datetime | None:
    """Return the last instant at which the act is still in time: before 24:00, where a day ends it."""
    end = one.effective_due_at
    deadline = one.running.deadline
    return end - timedelta(seconds=1) if end and deadline and deadline.due_on else end


def _reasons(outcome: Outcome) -> str:
    parts = [*outcome.used, *(f"{path} is not known" for path in outcome.missing)]
    return f" ({'; '.join(parts)})" if parts else ""


def _soonest_first(one: Obligation) -> tuple[int, float, str]:
    rank = {"owed": 0, "undetermined": 0, "not-owed": 1}[one.status]
    due = one.effective_due_at
    return rank, due.timestamp() if due else float("inf"), one.id


__all__ = ["NO", "Judge", "Obligation", "Status"]
