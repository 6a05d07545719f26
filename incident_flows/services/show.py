"""What is stored, as people and programs read it; changes nothing. The shapes are those of contract §6."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from incident_flows.core.instants import show_local, show_utc
from incident_flows.core.lifecycle import effective_status
from incident_flows.core.story import shown
from incident_flows.errors import NotFoundError
from incident_flows.services.assess import QUESTIONS
from incident_flows.services.beside import beside, english
from incident_flows.services.desk import Desk
from incident_flows.services.filling import completeness, open_in_form
from incident_flows.services.follow import followed_in
from incident_flows.services.forecast import Forecast
from incident_flows.services.letters import account, counts_of
from incident_flows.services.phases import filings_json
from incident_flows.services.public_notice import standing
from incident_flows.services.route import routes
from incident_flows.services.story import Telling, story_json
from incident_flows.services.tasks import tasks
from incident_flows.storage.database import Tx
from incident_flows.storage.tables import IncidentState

JOURNAL_SHOWN = 20


def show(desk: Desk, ref: str, *, now: datetime | None = None) -> dict[str, Any]:
    """Return one incident whole; what is late counts at `now`, or when the facts were recorded."""
    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
        stored = tx.incidents.facts(ref)
        assessment = tx.incidents.assessment(ref)
        return {
            "id": incident.ref,
            "title": incident.title,
            "organisation": incident.organisation_id,
            "state": incident.state,
            "drill": incident.drill,
            "opened_at": show_utc(incident.opened_at),
            "opened_by": incident.opened_by,
            "closed_at": _utc(incident.closed_at),
            "facts_version": stored.version,
            "facts": stored.facts,
            "assessment": assessment.result,
            "obligations": [_obligation(row) for row in tx.obligations.list(ref)],
            "decisions": [_decision(row) for row in tx.incidents.decisions(ref)],
            "completeness": completeness(tx, desk, ref, now=now or stored.recorded_at),
            "notices": [notice_json(row) for row in tx.notices.list(ref)],
            "filings": filings_json(tx, ref),
            "routes": routes(tx, desk, ref, today=assessment.assessed_at.date()),
            "story": story_json(tx, ref),
            "recipients": tx.people.count(incident.id),
            "deliveries": counts_of(tx, incident.id),
            "letters": account(desk, tx, incident.id),
            "followed": followed_in(tx, ref).to_json(),
            "public_notice": standing(tx, desk, ref).to_json(),
            "tasks": tasks(tx, desk, ref),
            "evidence": [_evidence(row) for row in tx.evidence.list(incident.id)],
            "steps": [_step(row) for row in tx.steps.list(incident.id)],
            "journal": [_entry(row) for row in tx.journal.last(ref, JOURNAL_SHOWN)],
        }


def facts_history(desk: Desk, ref: str) -> list[dict[str, Any]]:
    """Return every version of an incident's facts, the first one first."""
    with desk.database.read() as tx:
        tx.incidents.get(ref)
        return [
            {
                "version": row.version,
                "learned_at": row.learned_at.isoformat(),
                "recorded_at": row.recorded_at.isoformat(),
                "by": row.by,
                "source": row.source,
                "change": row.change,
                "facts": row.facts,
            }
            for row in tx.incidents.facts_history(ref)
        ]


def incidents_under(desk: Desk, duties: Collection[str]) -> dict[str, list[str]]:
    """Return the open incidents with a clock under each of the duties."""
    found: dict[str, list[str]] = {}
    with desk.database.read() as tx:
        for row in tx.obligations.open_clocks(limit=1_000_000):
            if row.duty in duties and row.incident_ref not in found.setdefault(row.duty, []):
                found[row.duty].append(row.incident_ref)
    return found


def one_notice(
    desk: Desk, ref: str, notice: str, *, in_english: bool = False, variant: str | None = None
) -> dict[str, Any]:
    """Return one notice with its exact text, with its English for reading, or with another wording of a letter."""
    with desk.database.read() as tx:
        stored = tx.notices.get(ref, notice)
        row = notice_json(stored, text=True)
        if in_english and (found := english(tx, desk, ref, stored)):
            row |= {**found, "html": None, "language": "en", "stands_for": stored.language}
        if variant is not None:
            row |= variant_json(stored, variant)
    return row


def list_incidents(desk: Desk, *, state: IncidentState | None) -> list[dict[str, Any]]:
    """Return incidents, the newest first, with their soonest clock."""
    with desk.database.read() as tx:
        found = []
        soonest = _soonest(tx)
        for row in tx.incidents.list(state=state, limit=10_000):
            found.append(
                {
                    "id": row.ref,
                    "title": row.title,
                    "organisation": row.organisation_id,
                    "state": row.state,
                    "drill": row.drill,
                    "opened_at": show_utc(row.opened_at),
                    "next_due_at": soonest.get(row.ref),
                }
            )
    return sorted(found, key=lambda one: one["id"], reverse=True)


def _soonest(tx: Tx) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in tx.obligations.open_clocks(limit=100_000):
        if row.effective_at is not None:
            found.setdefault(row.incident_ref, show_utc(row.effective_at))
    return found


def clocks(desk: Desk, ref: str | None, *, now: datetime) -> list[dict[str, Any]]:
    """Return running clocks, soonest first; those whose reach is unknown are summed up in one row an incident."""
    rows: list[dict[str, Any]] = []
    summed: dict[str, list[Any]] = {}
    with desk.database.read() as tx:
        if ref is not None:
            tx.incidents.get(ref)
        forecast = Forecast.of(tx, desk)
        for row in tx.obligations.open_clocks(limit=1_000_000):
            if ref is not None and row.incident_ref != ref:
                continue
            if row.reach == "unknown" and row.decided is None:
                summed.setdefault(row.incident_ref, []).append(row)
            else:
                rows.append(clock_json(row, now=now, chance_to_miss=forecast.chance(row, now=now)))
    for incident_ref, ones in summed.items():
        rows.append(_summed(incident_ref, ones, forecast, now=now))
    return sorted(
        rows,
        key=lambda one: (
            one["effective_at"] is None,
            one["effective_at"] or "",
            one["incident"],
            one["obligation"],
        ),
    )


def clock_json(row: Any, *, now: datetime, chance_to_miss: float | None = None) -> dict[str, Any]:
    """Return one clock: addressee, end in UTC and on the addressee's wall, time left, article."""
    end = row.due_at or row.provisional_due_at or row.target_at
    kind = (
        "deadline"
        if row.due_at
        else "provisional"
        if row.provisional_due_at
        else "target"
        if row.target_at
        else "none"
    )
    detail: Mapping[str, Any] = row.detail or {}
    return {
        "incident": row.incident_ref,
        "obligation": row.oid,
        "addressee": row.addressee_name,
        "kind": row.kind,
        "status": effective_status(row.status, row.decided),
        "end": kind,
        "effective_at": _utc(end),
        "due_at": _utc(row.due_at),
        "due_local": show_local(end, row.zone) if end and row.zone else None,
        "provisional_due_at": _utc(row.provisional_due_at),
        "target_at": _utc(row.target_at),
        "due_on": row.due_on.isoformat() if row.due_on else None,
        "seconds_left": round((end - now).total_seconds()) if end else None,
        "overdue": row.due_at is not None and row.due_at <= now,
        "standard": detail.get("standard"),
        "cite": row.cite,
        "confidence": row.confidence,
        "waits_for": (detail.get("clock") or {}).get("waits_for"),
        "chance_to_miss": chance_to_miss,
    }


def _summed(ref: str, ones: list[Any], forecast: Forecast, *, now: datetime) -> dict[str, Any]:
    ends = [end for row in ones if (end := row.due_at or row.provisional_due_at or row.target_at)]
    end = min(ends, default=None)
    first = next((row for row in ones if end in (row.due_at, row.provisional_due_at, row.target_at)), ones[0])
    facts = sorted({path for row in ones for path in (row.detail or {}).get("missing", [])})
    return {
        "incident": ref,
        "obligation": QUESTIONS,
        "kind": "law",
        "status": "undetermined",
        "addressee": f"{len(ones)} duties may apply; shortest: {first.addressee_name}",
        "end": "provisional",
        "effective_at": _utc(end),
        "due_at": None,
        "due_local": show_local(end, first.zone) if end and first.zone else None,
        "provisional_due_at": _utc(end),
        "target_at": None,
        "due_on": None,
        "seconds_left": round((end - now).total_seconds()) if end else None,
        "overdue": False,  # a provisional end
        "standard": f"not determined: answer {', '.join(facts[:4])}",
        "cite": f"{len({row.duty.split('/')[0] for row in ones})} laws",
        "confidence": None,
        "waits_for": None,
        "chance_to_miss": forecast.chance(first, now=now) if end else None,
    }


def any_overdue(desk: Desk, *, now: datetime) -> bool:
    """Return whether any legal deadline of an open incident has passed unmet."""
    with desk.database.read() as tx:
        return any(
            row.due_at is not None and row.due_at <= now
            for row in tx.obligations.open_clocks(limit=1_000_000)
        )


def notice_json(row: Any, *, text: bool = False) -> dict[str, Any]:
    """Return one notice; with its exact text if asked for."""
    found = {
        "id": row.ref,
        "obligation": row.oid,
        "kind": row.kind,
        "phase": row.phase,
        "language": row.language,
        "state": row.state,
        "sha256": row.sha256,
        "missing": row.missing,
        "subject": row.subject,
        "drafted_by": row.drafted_by,
        "approved_by": row.approved_by,
        "rejected_because": row.rejected_because,
        "filed_as": row.filed_as,
        "sent_at": _utc(row.sent_at),
        "filed_at": _utc(row.filed_at),
        "supersedes": row.supersedes,
        "route": row.route,
        "facts_version": row.facts_version,
        "scope": row.scope,
        "changes": row.changes,
        "attachments": row.attachments,
        "approvals": row.approvals,
        "variants": sorted(row.variants),
    }
    return {**found, "text": row.text, "html": row.html, "form": row.form, "wordings": row.variants} if text else found


def variant_json(row: Any, key: str) -> dict[str, Any]:
    """Return what another wording of a letter has in place of the notice's own text.

    Raises:
        NotFoundError: It has no such wording.
    """
    if key not in row.variants:
        known = ", ".join(sorted(row.variants)) or "none"
        raise NotFoundError(f"{row.ref} has no wording {key!r:.60}; beside its own text it has {known}")
    return {"variant": key, **row.variants[key]}


def drafted_json(desk: Desk, ref: str, done: Sequence[Any], skipped: Sequence[Any]) -> dict[str, Any]:
    """Return what `breach draft --json` prints: each notice with what helps the team, and what was passed over."""
    with desk.database.read() as tx:
        telling = Telling(tx, ref)
        notices = [
            {
                **notice_json(one.notice, text=True),
                "new": one.fresh,
                "fallback": one.fallback,
                "replaces": one.replaces,
                "form_open": open_in_form(one.notice.form),
                "differs": [
                    {"key": d.key, "told_in": d.notice, "before": shown(d.before), "now": shown(d.now)}
                    for d in telling.differs(one.notice)
                ],
                **beside(tx, desk, ref, one.notice),
            }
            for one in done
        ]
    return {
        "notices": notices,
        "skipped": [{"obligation": one.oid, "because": one.because} for one in skipped],
    }


def _obligation(row: Any) -> dict[str, Any]:
    return {
        **(row.detail or {}),
        "decided": row.decided,
        "standing": row.standing,
        "met_at": _utc(row.met_at),
        "met_by": row.met_by,
    }


def _decision(row: Any) -> dict[str, Any]:
    return {
        "subject": row.subject,
        "answer": row.answer,
        "because": row.because,
        "by": row.by,
        "at": show_utc(row.at),
        "second_by": row.second_by,
        "proposed": row.proposed,
    }


def _step(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "obligation": row.oid,
        "name": row.name,
        "due_at": show_utc(row.due_at),
        "state": row.state,
        "fired_at": _utc(row.fired_at),
        "late_seconds": row.late_seconds,
        "late_because": row.late_because,
        "acknowledged_by": row.acknowledged_by,
    }


def _evidence(row: Any) -> dict[str, Any]:
    """Return what was handed in, never its content: that stays sealed."""
    return {
        "source": row.source, "at": _utc(row.at), "by": row.by, "asks": row.asks, "kept": len(row.unused),
        "unused": row.unused,
    }  # fmt: skip


def _entry(row: Any) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "at": show_utc(row.at),
        "actor": row.actor,
        "act": row.act,
        "subject": row.subject,
        "payload": row.payload,
        "hash": row.hash,
    }


def _utc(instant: datetime | None) -> str | None:
    return show_utc(instant) if instant else None
