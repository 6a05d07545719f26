"""Derives the answer for an incident's facts, stores it whole, journals the difference, re-plans the steps.

All in the caller's transaction: facts, answer, obligations and steps change together or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from incident_flows.core.assessment import Assessment, obligation_json
from incident_flows.core.escalation import Ladder, PlannedStep, kinds_of, ladder_for, steps_for
from incident_flows.core.facts import Facts
from incident_flows.core.obligations import Obligation
from incident_flows.core.truth import Truth
from incident_flows.services.desk import Desk, write_journal
from incident_flows.storage.database import Tx

QUESTIONS = "open-questions"  # the clock of everything whose reach is not known yet
MOVES = ("status", "due_at", "provisional_due_at", "target_at", "reach")


def reassess(tx: Tx, desk: Desk, ref: str, *, actor: str, now: datetime) -> Assessment:
    """Assess the incident's present facts and bring obligations and steps into line.

    Returns:
        The new assessment, stored as the incident's next version.
    """
    stored = tx.incidents.facts(ref)
    facts = Facts.model_validate(stored.facts)
    assessment = desk.library.assess(facts, today=now.date(), confirmed=_confirmed(tx, ref, facts))
    result = assessment.to_json()
    tx.incidents.add_assessment(
        ref,
        facts_version=stored.version,
        lawbook_version=assessment.lawbook.version,
        lawbook_sha256=assessment.lawbook.sha256,
        law_as_of=assessment.as_of,
        versions=dict(assessment.versions),
        result=result,
        assessed_at=now,
    )
    everything = (*assessment.obligations, *assessment.promises)
    changes = tx.obligations.sync(ref, [_row(one) for one in everything])
    said = [{"obligation": change.oid, "change": change.kind, **_difference(change)} for change in changes]
    write_journal(
        tx,
        desk,
        at=now,
        actor=actor,
        act="assessed",
        ref=ref,
        subject=ref,
        payload={
            "facts_version": stored.version,
            "risk": assessment.risk.level,
            "law_as_of": result["law_as_of"],
            "counts": _counts(everything),
            "changes": said[:200],
            "changes_in_all": len(said),
        },
    )
    _meet_records(tx, ref, now)
    plan_steps(tx, desk, ref, now=now)
    return assessment


def _confirmed(tx: Tx, ref: str, facts: Facts) -> bool:
    """Whether two people stand behind a finding that lowers the risk."""
    for decision in reversed(tx.incidents.decisions(ref)):
        if decision.subject == "risk":
            return decision.second_by is not None and decision.answer == facts.harm.expected
    return False


def _counts(everything: Sequence[Obligation]) -> dict[str, int]:
    found = {"owed": 0, "undetermined": 0, "not-owed": 0}
    for one in everything:
        found[one.status] += 1
    return found


def _difference(change: Any) -> dict[str, Any]:
    return {
        key: {"from": _text(getattr(change.before, key, None)), "to": _text(getattr(change.after, key))}
        for key in MOVES
        if getattr(change.before, key, None) != getattr(change.after, key)
    }


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _row(one: Obligation) -> dict[str, Any]:
    deadline = one.running.deadline
    return {
        "oid": one.id,
        "duty": one.duty,
        "source_id": one.source_id,
        "kind": "law" if one.regime.kind == "statute" else one.regime.kind,
        "addressee_kind": one.addressee.kind,
        "addressee_id": one.addressee.id,
        "addressee_name": one.addressee.name,
        "status": one.status,
        "reach": "yes" if one.reach is Truth.YES else "unknown",
        "due_at": one.running.due_at,
        "provisional_due_at": one.running.provisional_due_at,
        "target_at": one.running.target_at,
        "due_on": deadline.due_on if deadline else None,
        "zone": one.addressee.zone,
        "cite": one.version.source.cite,
        "confidence": one.version.source.confidence,
        "detail": obligation_json(one),
    }


def _meet_records(tx: Tx, ref: str, now: datetime) -> None:
    """The record a law wants kept is this one: it is met as long as it is kept."""
    for row in tx.obligations.list(ref):
        if row.addressee_kind == "record" and row.status == "owed" and row.met_at is None:
            tx.obligations.meet(ref, row.oid, at=now, by="this record, kept since the incident was opened")


def frozen_ladders(desk: Desk) -> dict[str, Any]:
    """Return the house's ladders as an incident keeps them."""
    return {name: ladder.model_dump(mode="json") for name, ladder in desk.ladders.items()}


def ladders_of(incident: Any, desk: Desk) -> dict[str, Ladder]:
    """Return the ladders the incident was opened with."""
    kept: Mapping[str, Any] = incident.ladder or {}
    return {name: Ladder.model_validate(raw) for name, raw in kept.items()} or desk.ladders


def plan_steps(tx: Tx, desk: Desk, ref: str, *, now: datetime) -> None:
    """Bring the reminders of every obligation into line with its clock.

    Whatever moved a clock gave its obligation a new plan version; steps of older versions are cancelled and
    new ones planned, and planning the same version again changes nothing. An obligation whose reach is not
    known shares one clock with all others like it, ending with the soonest of them: the reminder is to answer
    the questions, not to tell ninety authorities.
    """
    incident = tx.incidents.get(ref)
    ladders = ladders_of(incident, desk)
    planned: dict[str, datetime | None] = {}  # where the plan in force ends, by obligation
    for step in tx.steps.list(incident.id):
        if step.state in ("pending", "claimed"):
            planned[step.oid] = _end_of(step)
    open_reach: list[datetime] = []
    for row in tx.obligations.list(ref):
        end = row.due_at or row.provisional_due_at or row.target_at
        live = row.running and end is not None
        if live and end is not None and row.reach == "unknown" and row.decided is None:
            open_reach.append(end)
            live = False
        if row.oid in planned:
            tx.steps.cancel(incident.id, row.oid, row.plan_version if live else None)
        if live and end is not None:
            ladder = ladder_for(ladders, kinds_of(row.duty, row.kind, row.addressee_kind))
            start = min(_started(row) or incident.opened_at, end - timedelta(seconds=1))
            steps = steps_for(
                ladder,
                start_at=start,
                end_at=end,
                planned_at=now,
                provisional=row.due_at is None,
                moved_from=planned.get(row.oid),
            )
            _plan(
                tx,
                incident.id,
                row.oid,
                row.plan_version,
                steps,
                end,
                row.addressee_name,
                ladder=ladder,
                now=now,
                target=not (row.due_at or row.provisional_due_at),
            )
    _plan_questions(tx, incident, ladders["default"], open_reach, now=now)


def _plan_questions(tx: Tx, incident: Any, ladder: Ladder, ends: list[datetime], *, now: datetime) -> None:
    planned = [step for step in tx.steps.list(incident.id) if step.oid == QUESTIONS]
    newest = max((step.plan_version for step in planned), default=0)
    end = min(ends, default=None) if incident.state == "open" else None
    same = [step for step in planned if step.plan_version == newest and step.state != "cancelled"]
    if same and end is not None and _end_of(same[0]) == end:
        return
    tx.steps.cancel(incident.id, QUESTIONS)
    if end is None:
        return
    start = min(incident.opened_at, end - timedelta(seconds=1))
    before = _end_of(same[0]) if same else None
    steps = steps_for(ladder, start_at=start, end_at=end, planned_at=now, provisional=True, moved_from=before)
    name = f"{len(ends)} duties whose reach is not known: answer the questions"
    _plan(tx, incident.id, QUESTIONS, newest + 1, steps, end, name, ladder=ladder, now=now)


def _end_of(step: Any) -> datetime | None:
    text = (step.detail or {}).get("end_at")
    return datetime.fromisoformat(text) if text else None


def _started(row: Any) -> datetime | None:
    clock = (row.detail or {}).get("clock") or {}
    text = clock.get("started_at")
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _plan(
    tx: Tx,
    incident_id: int,
    oid: str,
    version: int,
    steps: Sequence[PlannedStep],
    end: datetime,
    name: str,
    *,
    ladder: Ladder,
    now: datetime,
    target: bool = False,
) -> None:
    detail: dict[str, Any] = {
        **({"target": True} if target else {}),
        "end_at": end.isoformat(),
        "addressee": name,
        "wake_within": ladder.wake_within_minutes,
    }
    if ladder.escalate_after_minutes is not None:
        detail["escalate_after"] = ladder.escalate_after_minutes
    tx.steps.plan(
        incident_id,
        oid,
        version,
        [
            (
                one.name,
                one.due_at,
                {**one.detail, **detail, **({} if one.due_at > now else {"planned_at": now.isoformat()})},
            )
            for one in steps
        ],
    )
