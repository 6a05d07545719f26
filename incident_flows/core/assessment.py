"""The whole answer for one set of facts: risk, obligations, promises, questions; and its JSON. Pure.

An assessment is a function of the facts, the lawbook, the date whose law applies and the calendars; the
same inputs give the same bytes. The shape of the JSON is contract: keys are added, never renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, Literal

from incident_flows.core.clocks import OpenDaysOf
from incident_flows.core.coverage import Gap, not_covered
from incident_flows.core.facts import Facts, Promise
from incident_flows.core.instants import show_local, show_utc
from incident_flows.core.law import Clock, Duty, Lawbook, Period, Regime, Source, Start, To, Version
from incident_flows.core.obligations import Judge, Obligation
from incident_flows.core.risk import Risk, RiskPolicy, assess_risk
from incident_flows.core.situation import Situation
from incident_flows.core.truth import Truth

FORMAT = 1


@dataclass(frozen=True)
class Assessment:
    """What one set of facts means under one lawbook.

    Attributes:
        outside: Regimes that do not reach the breach.
        gaps: Places of the breach that the lawbook knows nothing about.
    """

    facts: Facts
    lawbook: Lawbook
    as_of: date
    as_of_because: str
    risk: Risk
    obligations: tuple[Obligation, ...]
    promises: tuple[Obligation, ...]
    outside: tuple[Regime, ...]
    versions: Mapping[str, str]
    gaps: tuple[Gap, ...] = ()

    @cached_property
    def questions(self) -> list[dict[str, Any]]:
        """The facts that would settle most, the most pressing first."""
        decides: dict[str, list[Obligation]] = {}
        for one in self.obligations:
            if one.status == "undetermined":
                for path in one.missing:
                    decides.setdefault(path, []).append(one)
        risk_questions = {question.fact: question.because for question in self.risk.questions}
        rows = []
        for path, ones in decides.items():
            if path == "risk.level" and risk_questions:
                continue  # asked as the facts that decide the risk
            rows.append((_earliest(ones), -len(ones), path, _decides(ones)))
        late = max((row[0] for row in rows), default=0.0)
        for number, (path, because) in enumerate(risk_questions.items()):
            if path not in decides:
                rows.append((late, number, path, because))
        return [{"fact": path, "because": because} for _, _, path, because in sorted(rows)]

    def to_json(self) -> dict[str, Any]:
        """Return the shape of contract §4."""
        return {
            "format": FORMAT,
            "lawbook": {"version": self.lawbook.version, "sha256": self.lawbook.sha256},
            "law_as_of": self.as_of.isoformat(),
            "law_as_of_because": self.as_of_because,
            "versions": dict(self.versions),
            "organisation": self.facts.organisation.id,
            "risk": self.risk.to_json(),
            "obligations": [obligation_json(one) for one in self.obligations],
            "promises": [obligation_json(one) for one in self.promises],
            "questions": self.questions,
            "not_covered": [{"place": gap.place, "because": gap.because} for gap in self.gaps],
            "not_applicable": [{"regime": one.id, "title": one.title} for one in self.outside],
        }


def _earliest(ones: list[Obligation]) -> float:
    dues = [one.effective_due_at.timestamp() for one in ones if one.effective_due_at]
    return min(dues, default=float("inf"))


def _decides(ones: list[Obligation]) -> str:
    names = list(dict.fromkeys(one.addressee.name for one in ones))
    shown = ", ".join(names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"decides whether {shown}{more} must be told"


def law_date(facts: Facts) -> tuple[date, str] | None:
    """Return the date whose law applies, and why; None if no moment is known.

    The moment of awareness decides (an old breach discovered today is a case for today's law); where it
    is not recorded, the next nearest moment at which somebody knew.
    """
    moments = facts.moments.known()
    for name in (
        "aware_at",
        "detected_at",
        "determined_at",
        "suspected_at",
        "classified_at",
        "assessed_at",
        "controller_told_at",
        "occurred_until",
        "occurred_from",
    ):
        if name in moments:
            return moments[name].date(), f"the date of {name}, {moments[name].isoformat()}"
    first = min(moments.items(), key=lambda item: item[1], default=None)
    return (first[1].date(), f"the date of {first[0]}") if first else None


def assess(
    facts: Facts,
    *,
    lawbook: Lawbook,
    policy: RiskPolicy,
    open_days: OpenDaysOf,
    today: date,
    as_of: date | None = None,
    proposals: bool = False,
    explain: bool = False,
    confirmed: bool = False,
    versions: Mapping[str, str] | None = None,
) -> Assessment:
    """Return risk and obligations for the facts.

    Args:
        facts: As known at one moment.
        lawbook: The law.
        policy: Weights and rules for the risk to people.
        open_days: Finds the open days of a calendar code.
        today: The date of asking; used as the law's date only if no moment at all is known, and then said.
        as_of: The law's date, where a person sets it.
        proposals: Whether bills count as law, for a what-if.
        explain: Whether each obligation carries its path through the rule.
        confirmed: Whether a second person confirmed a finding that lowers the risk.
        versions: Of the calendars and zone data, for the record.
    """
    found = (as_of, "set by the person asking") if as_of else law_date(facts)
    day, because = found or (today, "no moment is known, so the law of the day of asking is shown")
    risk = assess_risk(facts, policy, confirmed=confirmed)
    situation = Situation(facts=facts, groups=lawbook.groups, as_of=day, risk=risk.bounds)
    judge = Judge(situation, lawbook, open_days, proposals=proposals, explain=explain)
    obligations, outside = judge.obligations()
    promised, _ = judge.obligations(promise_regimes(facts))
    return Assessment(
        facts=facts,
        lawbook=lawbook,
        as_of=day,
        as_of_because=because,
        risk=risk,
        obligations=tuple(obligations),
        promises=tuple(promised),
        outside=tuple(outside),
        versions=versions or {},
        gaps=tuple(not_covered(situation, lawbook)),
    )


def promise_regimes(facts: Facts) -> list[Regime]:
    """Return the organisation's contracts, insurances and published promises as regimes of their own.

    They run in the same engine as the law and are labelled as what they are; they neither create nor
    remove a statutory duty.
    """
    return [_promise_regime(promise, facts) for promise in facts.organisation.promises]


def _promise_regime(promise: Promise, facts: Facts) -> Regime:
    organisation = facts.organisation
    name = organisation.trading_name or organisation.legal_name or organisation.id
    partner = promise.to in {one.id for one in organisation.controllers or ()}  # one controller's own contract
    kind: Literal["people", "controller", "other"] = (
        "people" if promise.to == "people" else "controller" if partner or promise.to == "controller" else "other"
    )
    period = Period.parse(promise.within) if promise.within else None
    version = Version(
        source_id=f"{organisation.id}/{promise.id}",
        applies_from=None,
        clock=(Clock(starts=Start(moment=promise.starts), period=period),),
        standard=promise.text,
        source=Source(
            cite=promise.source,
            basis="read",
            confidence="medium",
            read_on=date.fromisoformat(organisation.read_on) if organisation.read_on else date.min,
        ),
    )
    duty = Duty(
        title=promise.text,
        by=("controller", "joint-controller", "processor"),
        to=To(
            kind=kind,
            id=promise.to if partner or kind == "other" else None,
            name=None if kind == "people" else promise.to,
        ),
        history=(version,),
    )
    return Regime(
        id=f"promise-{promise.kind}-{organisation.id}",
        title=f"{promise.kind} of {name}",
        place="EU",
        kind=promise.kind,
        applies={"always": True},
        duties={promise.id: duty},
    )


def obligation_json(one: Obligation) -> dict[str, Any]:
    """Return one obligation in the shape of contract §4."""
    running, deadline = one.running, one.running.deadline
    zone = one.addressee.zone
    version = one.version

    def local(instant: datetime | None) -> str | None:
        return show_local(instant, zone) if instant and zone else None

    clock: dict[str, Any] | None = None
    if running.starts:
        clock = {
            "starts": running.starts,
            "started_at": show_utc(running.started_at) if running.started_at else None,
        }
        if running.waits_for:
            clock["waits_for"] = running.waits_for
        if running.provisional:
            clock["provisional"] = True
    return {
        "id": one.id,
        "duty": one.duty,
        "title": one.title,
        "source_id": version.source_id,
        "jurisdiction": one.regime.place,
        "kind": "law" if one.regime.kind == "statute" else one.regime.kind,
        "status": one.status,
        "reach": one.reach.value,
        "addressee": {
            "kind": one.addressee.kind,
            "id": one.addressee.id,
            "name": one.addressee.name,
            **({"candidates": list(one.addressee.candidates)} if one.addressee.candidates else {}),
        },
        "clock": clock,
        "due_at": _utc(running.due_at),
        "due_local": local(running.due_at),
        "due_on": deadline.due_on.isoformat() if deadline and deadline.due_on else None,
        "provisional_due_at": _utc(running.provisional_due_at),
        "target_at": _utc(running.target_at),
        "counting": None
        if deadline is None
        else {
            "rule": deadline.rule,
            "strict": _utc(deadline.strict),
            "rounded": _utc(deadline.rounded),
            "extended": _utc(deadline.extended),
            "relief": _utc(deadline.relief),
        },
        "standard": version.standard,
        "cite": version.source.cite,
        "confidence": version.source.confidence,
        "doubts": version.source.doubts,
        "because": list(one.because),
        "after": list(one.after),
        "missing": list(one.missing) if one.status == "undetermined" else [],
        "content": list(version.content),
        "late": version.late,
        **({"trace": list(one.trace)} if one.trace else {}),
    }


def _utc(instant: datetime | None) -> str | None:
    return show_utc(instant) if instant else None


__all__ = ["Assessment", "Truth", "assess", "law_date", "obligation_json", "promise_regimes"]
