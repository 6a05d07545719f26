"""Closes an incident, or refuses and lists every obligation that is undecided or unmet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_flows.core.lifecycle import Actor, effective_status
from incident_flows.errors import IllegalTransitionError
from incident_flows.services.assess import QUESTIONS, plan_steps
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.left_out import without_letter
from incident_flows.services.phases import last_filed
from incident_flows.services.shred import cancel_retention, plan_retention
from incident_flows.storage.database import Tx


@dataclass(frozen=True)
class Unfinished:
    """One thing that stands against closing."""

    subject: str
    because: str
    next: str


def against_closing(tx: Tx, ref: str) -> list[Unfinished]:
    """Return everything that is undecided, unmet or in doubt."""
    found: list[Unfinished] = []
    open_reach = [
        row
        for row in tx.obligations.list(ref)
        if row.standing == "live"
        and row.reach == "unknown"
        and row.decided is None
        and row.status == "undetermined"
    ]
    for row in tx.obligations.list(ref):
        if row.standing != "live" or row.met_at is not None or row in open_reach:
            continue
        status = effective_status(row.status, row.decided)
        if status == "undetermined":
            missing = ", ".join((row.detail or {}).get("missing", []))
            found.append(
                Unfinished(
                    row.oid,
                    f"undetermined: {missing or 'a decision'} is missing",
                    f"breach decide {ref} {row.oid} owed|not-owed --because TEXT",
                )
            )
        elif status == "owed":
            waits = ((row.detail or {}).get("clock") or {}).get("waits_for")
            found.append(
                Unfinished(
                    row.oid,
                    "owed and not met" + (f"; its clock waits for {waits}" if waits else ""),
                    f"breach draft {ref} {row.oid}{' --phase final' if _supplemented(tx, ref, row.oid) else ''}",
                )
            )
    if open_reach:
        facts = sorted({path for row in open_reach for path in (row.detail or {}).get("missing", [])})
        found.append(
            Unfinished(
                QUESTIONS,
                f"{len(open_reach)} duties may apply; it is not known: {', '.join(facts[:6])}",
                f"breach facts {ref} key=value, or decide each",
            )
        )
    if late := without_letter(tx, ref):
        found.append(
            Unfinished("people", f"{late} people on the list are in no letter", f"breach draft {ref} writes to them")
        )
    second = set(tx.seconds.notices())
    for notice in tx.notices.list(ref):
        if notice.state in ("in-doubt", "sending"):
            found.append(Unfinished(notice.ref, f"is {notice.state}", f"breach notify {ref} {notice.ref}"))
        elif notice.id in second:
            found.append(
                Unfinished(notice.ref, "letters to second addresses are to go", f"breach notify {ref} {notice.ref}")
            )
    return found


def _supplemented(tx: Tx, ref: str, oid: str) -> bool:
    """Whether a supplement was filed that left the duty open, so that a final notice ends it."""
    last = last_filed(tx, ref, oid)
    return last is not None and last.oid == oid and last.phase == "supplementary"


def close(desk: Desk, ref: str, *, actor: Actor, now: datetime) -> Any:
    """Close the incident; its record stays.

    Raises:
        IllegalTransitionError: Something is undecided or unmet; the message lists it all.
    """
    actor.require("close")
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if incident.state == "closed":
            return incident
        unfinished = against_closing(tx, ref)
        if unfinished:
            lines = [f"  {one.subject}: {one.because} → {one.next}" for one in unfinished[:40]]
            more = [f"  … and {len(unfinished) - 40} more"] if len(unfinished) > 40 else []
            raise IllegalTransitionError("\n".join([f"{ref} cannot be closed yet:", *lines, *more]))
        closed = tx.incidents.close(ref, now)
        if tx.people.count(incident.id):
            plan_retention(tx, desk, incident, now=now)
        plan_steps(tx, desk, ref, now=now)
        write_journal(tx, desk, at=now, actor=actor.name, act="closed", ref=ref, subject=ref, payload={})
        desk.reached("close:before-commit")
    return closed


def reopen(desk: Desk, ref: str, *, because: str, actor: Actor, now: datetime) -> Any:
    """Open a closed incident again; its clocks run as if it had never been closed."""
    actor.require("close")
    with desk.database.write() as tx:
        tx.incidents.lock(ref)
        incident = tx.incidents.reopen(ref)
        cancel_retention(tx, incident.id)
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="reopened",
            ref=ref,
            subject=ref,
            payload={"because": because},
        )
        plan_steps(tx, desk, ref, now=now)
    return incident
