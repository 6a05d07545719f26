"""What the team's board shows of each incident: phases with speaking states, clocks, status. Any tick can rebuild it.

Only ids, counts, laws, authorities and instants: no title, no free text, no person. A board is a mirror and
may be looked at by more people, and kept for longer, than the record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_flows.services.close import against_closing
from incident_flows.services.desk import Desk
from incident_flows.services.letters import counts_of
from incident_flows.services.show import clocks
from incident_flows.storage.database import Tx

PHASES = ("detection-and-triage", "risk-assessment", "authority-notification", "people-notification", "close")


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
        fingerprint: Changes whenever anything shown does, times left aside.
        decisions: Subjects a person could decide now: `risk`, or obligation ids.
    """

    ref: str
    organisation: str
    state: str
    drill: bool
    phases: tuple[Phase, ...]
    clocks: tuple[Mapping[str, Any], ...]
    notices: tuple[Mapping[str, Any], ...]
    deliveries: Mapping[str, int]
    questions: tuple[str, ...]
    decisions: tuple[str, ...]
    places: tuple[str, ...]
    fingerprint: str


def open_refs(desk: Desk, *, closed_too: bool = False) -> list[str]:
    """Return the open incidents, the oldest first; with the closed ones after them, for rebuilding a board."""
    with desk.database.read() as tx:
        found = list(tx.incidents.list(state="open", limit=100_000))
        closed = list(tx.incidents.list(state="closed", limit=1_000_000)) if closed_too else []
    return [one.ref for ones in (found, closed) for one in sorted(ones, key=lambda one: one.id)]


def boards(desk: Desk, *, now: datetime, refs: Collection[str]) -> Iterator[Board]:
    """Yield the boards of these incidents, in their order, each as it stands when it is asked for."""
    by_incident: dict[str, list[dict[str, Any]]] = {}
    for row in clocks(desk, None, now=now):
        by_incident.setdefault(row["incident"], []).append(row)
    for ref in refs:
        with desk.database.read() as tx:
            board = _board(tx, tx.incidents.get(ref), by_incident.get(ref, []))
        yield board


def board_of(desk: Desk, ref: str, *, now: datetime) -> Board:
    """Return one incident's board."""
    rows = clocks(desk, ref, now=now)
    with desk.database.read() as tx:
        return _board(tx, tx.incidents.get(ref), rows)


def _board(tx: Tx, incident: Any, rows: list[dict[str, Any]]) -> Board:
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
            "state": row.state,
            "language": row.language,
            "sha256": row.sha256[:12],
            "missing": len(row.missing),
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
    deliveries = counts_of(tx, incident.id)
    questions = tuple(question["fact"] for question in result["questions"][:10])
    fingerprint = hashlib.sha256(
        json.dumps(
            [
                incident.state,
                [(p.key, p.state, p.message) for p in phases],
                shown,
                notices_shown,
                deliveries,
                questions,
                decisions,
            ],
            sort_keys=True,
            default=str,
        ).encode()
    ).hexdigest()
    return Board(
        incident.ref,
        incident.organisation_id,
        incident.state,
        incident.drill,
        phases,
        tuple(rows),
        notices_shown,
        deliveries,
        questions,
        decisions,
        places,
        fingerprint,
    )


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
