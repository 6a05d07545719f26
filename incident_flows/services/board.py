"""What the team's board shows of each incident: phases with speaking states, clocks, status. Any tick can rebuild it.

Only ids, counts, laws, authorities and instants: no title, no free text, no person. A board is a mirror and
may be looked at by more people, and kept for longer, than the record.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from incident_flows.core.lifecycle import effective_status
from incident_flows.services.close import against_closing
from incident_flows.services.desk import Desk
from incident_flows.services.letters import counts_of
from incident_flows.services.show import clocks
from incident_flows.services.telling import Progress, Telling, progress_of, tellings
from incident_flows.storage.database import Tx

PHASES = ("detection-and-triage", "risk-assessment", "authority-notification", "people-notification", "close")
TIMELINE = 100  # entries of the journal shown
ID_OF_OURS = re.compile(r"[a-z0-9-]+/[\w./:+-]+@[\w./:+-]+|N-\d{4,}|INC-\d{4}-\d{4,}|facts \d+|risk")


@dataclass(frozen=True)
class Phase:
    """One phase of one incident.

    Attributes:
        key: One of PHASES.
        state: A speaking name, such as AwaitingApproval.
        message: One sentence of counts.
        done: Whether nothing more happens in it for now.
    """

    key: str
    state: str
    message: str
    done: bool


@dataclass(frozen=True)
class Board:
    """One incident on the board.

    Attributes:
        tellings: One line per addressee.
        obligations: What is owed, undetermined or not owed, with the reasons.
        progress: How far the letters to people are, per notice.
        timeline: The last entries of the journal, the newest first.
        decisions: Subjects a person could decide now: `risk`, or obligation ids.
        closed_at: When it was closed, if it is.
        fingerprint: Changes whenever anything shown does, times left aside.
    """

    ref: str
    organisation: str
    state: str
    drill: bool
    phases: tuple[Phase, ...]
    tellings: tuple[Telling, ...]
    clocks: tuple[Mapping[str, Any], ...]
    obligations: tuple[Mapping[str, Any], ...]
    notices: tuple[Mapping[str, Any], ...]
    deliveries: Mapping[str, int]
    progress: tuple[Progress, ...]
    timeline: tuple[Mapping[str, Any], ...]
    questions: tuple[str, ...]
    decisions: tuple[str, ...]
    places: tuple[str, ...]
    closed_at: datetime | None
    fingerprint: str


def open_refs(desk: Desk, *, closed_since: datetime | None = None) -> list[str]:
    """Return the open incidents, the oldest first; for rebuilding a board, those closed since then after them."""
    with desk.database.read() as tx:
        found = list(tx.incidents.list(state="open", limit=100_000))
        closed = [
            one
            for one in (tx.incidents.list(state="closed", limit=1_000_000) if closed_since else ())
            if closed_since and one.closed_at and one.closed_at >= closed_since
        ]
    return [one.ref for ones in (found, closed) for one in sorted(ones, key=lambda one: one.id)]


def boards(desk: Desk, *, now: datetime, refs: Collection[str]) -> Iterator[Board]:
    """Yield the boards of these incidents, in their order, each as it stands when it is asked for."""
    by_incident: dict[str, list[dict[str, Any]]] = {}
    for row in clocks(desk, None, now=now):
        by_incident.setdefault(row["incident"], []).append(row)
    for ref in refs:
        with desk.database.read() as tx:
            board = _board(tx, tx.incidents.get(ref), by_incident.get(ref, []), now=now)
        yield board


def board_of(desk: Desk, ref: str, *, now: datetime) -> Board:
    """Return one incident's board."""
    rows = clocks(desk, ref, now=now)
    with desk.database.read() as tx:
        return _board(tx, tx.incidents.get(ref), rows, now=now)


def _board(tx: Tx, incident: Any, rows: list[dict[str, Any]], *, now: datetime) -> Board:
    assessment = tx.incidents.assessment(incident.ref)
    obligations = [row for row in tx.obligations.list(incident.ref) if row.standing == "live"]
    notices = list(tx.notices.list(incident.ref))
    result = assessment.result
    phases = (
        _triage(result, rows),
        _risk(result),
        _telling("authority-notification", ("authority", "controller", "other"), obligations, notices),
        _telling("people-notification", ("people",), obligations, notices),
        _close(tx, incident),
    )
    shown = tuple({key: row[key] for key in SHOWN_OF_A_CLOCK} for row in rows)
    notices_shown = tuple(
        {
            "id": row.ref,
            "obligation": row.oid,
            "phase": row.phase,
            "state": row.state,
            "language": row.language,
            "sha256": row.sha256[:12],
            "missing": len(row.missing),
            "route": (row.route or {}).get("kind"),
            "url": (row.route or {}).get("url") if row.kind == "authority" else None,
        }
        for row in notices
        if row.state != "withdrawn"
    )
    decisions = tuple(
        (["risk"] if result["risk"]["level"] == "undetermined" else [])
        + [
            row.oid
            for row in obligations
            if row.running and row.status == "undetermined" and row.decided is None and row.reach == "yes"
        ]
    )
    places = tuple(
        sorted({row.duty.split("/")[0] for row in obligations if row.running and row.reach == "yes"})
    )
    progress = progress_of(tx, incident.id, notices)
    parts: dict[str, Any] = {
        "ref": incident.ref,
        "organisation": incident.organisation_id,
        "state": incident.state,
        "drill": incident.drill,
        "phases": phases,
        "tellings": tellings(obligations, notices, progress, now=now),
        "obligations": tuple(_reasons(row) for row in obligations),
        "notices": notices_shown,
        "deliveries": counts_of(tx, incident.id),
        "progress": progress,
        "timeline": tuple(_entry(row) for row in reversed(tx.journal.last(incident.ref, TIMELINE))),
        "questions": tuple(question["fact"] for question in result["questions"][:10]),
        "decisions": decisions,
        "places": places,
        "closed_at": incident.closed_at,
    }
    return Board(**parts, clocks=tuple(rows), fingerprint=digest([parts, shown]))


def digest(shown: Any) -> str:
    """Return a digest of what is shown."""
    plain = json.dumps(shown, sort_keys=True, default=lambda one: asdict(one) if isinstance(one, SHAPES) else str(one))
    return hashlib.sha256(plain.encode()).hexdigest()


def _reasons(row: Any) -> dict[str, Any]:
    detail = row.detail or {}
    return {
        "id": row.oid,
        "title": detail.get("title", ""),
        "addressee": row.addressee_name,
        "status": effective_status(row.status, row.decided),
        "decided": row.decided is not None,
        "reach": row.reach,
        "met": row.met_at is not None,
        "cite": row.cite or "",
        "confidence": row.confidence or "",
        "because": list(detail.get("because", ())),
        "missing": list(detail.get("missing", ())),
    }


def _entry(row: Any) -> dict[str, Any]:
    return {"seq": row.seq, "at": row.at, "act": row.act, "subject": id_of_ours(row.subject), "hash": row.hash[:12]}


def id_of_ours(subject: str | None) -> str:
    """Return the subject of an entry if it is an id of ours; others may be an account's name, or a file's.

    >>> id_of_ours("N-0001"), id_of_ours("anna")
    ('N-0001', '')
    """
    return subject if subject and ID_OF_OURS.fullmatch(subject) else ""


SHAPES = (Phase, Telling, Progress)
SHOWN_OF_A_CLOCK = ("obligation", "addressee", "end", "effective_at", "due_local", "cite", "status")


def _triage(result: Mapping[str, Any], rows: list[dict[str, Any]]) -> Phase:
    dated = [row for row in rows if row["effective_at"]]
    if not dated:
        return Phase("detection-and-triage", "NoClock", "no clock runs", True)
    first = dated[0]
    state = "ClockStarted" if first["end"] == "deadline" else "ProvisionalClock"
    message = (
        f"{len(rows)} clocks; the soonest ends {first['effective_at']} ({first['addressee']}); "
        f"{len(result['questions'])} facts to be found out"
    )
    return Phase("detection-and-triage", state, message, True)


def _risk(result: Mapping[str, Any]) -> Phase:
    level = result["risk"]["level"]
    state = {"high": "RiskHigh", "risk": "Risk", "unlikely": "RiskUnlikely"}.get(level, "RiskUndetermined")
    return Phase("risk-assessment", state, f"risk to people: {level}", level != "undetermined")


def _telling(key: str, kinds: tuple[str, ...], obligations: list[Any], notices: list[Any]) -> Phase:
    mine = [row for row in obligations if row.addressee_kind in kinds]
    running = [row for row in mine if row.running]
    met = [row for row in mine if row.met_at is not None]
    ids = {row.oid for row in mine}
    states = [row.state for row in notices if row.oid in ids and row.state != "withdrawn"]
    counts = (
        ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)) or "nothing drafted"
    )
    message = f"{len(running)} to be met, {len(met)} met; notices: {counts}"
    if "in-doubt" in states:
        return Phase(key, "InDoubt", message, False)
    if not running:
        return Phase(key, "Done" if met else "NotOwed", message, True)
    for state, name in (
        ("failed", "Failed"),
        ("sending", "Sending"),
        ("approved", "Approved"),
        ("awaiting-approval", "AwaitingApproval"),
        ("draft", "Drafting"),
    ):
        if state in states:
            return Phase(key, name, message, False)
    if all(row.status == "undetermined" and row.decided is None for row in running):
        return Phase(key, "Undetermined", message, False)
    return Phase(key, "Owed", message, False)


def _close(tx: Tx, incident: Any) -> Phase:
    if incident.state == "closed":
        return Phase("close", "Closed", "closed; its record stays", True)
    left = against_closing(tx, incident.ref)
    return Phase(
        "close", "CanClose" if not left else "Open", f"{len(left)} things stand against closing", not left
    )
