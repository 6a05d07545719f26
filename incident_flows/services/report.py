"""Reports of people who do not sign in: the one door that writes without an account, narrow and counted.

What they wrote is sealed, never repeated to anybody but a handler, and opens no incident by itself: a handler
reads it and makes one of it, or says why not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError, InputError, PermissionDeniedError
from incident_flows.services.desk import Desk, checked_facts, write_journal
from incident_flows.services.open import open_incident
from incident_flows.services.secrets_kept import house_sign

MOST = 4000  # characters of what is told
CONTACT_MOST = 200
PER_ADDRESS, ALL_TOGETHER, WITHIN = 5, 60, timedelta(hours=1)
FULL = "too many reports came in; call the team, or report again within the hour"
DOOR = "reporter form"


@dataclass(frozen=True)
class Report:
    """One report, as a handler reads it.

    Attributes:
        told: What happened, in the reporter's words.
        contact: How to reach them, if they said so.
    """

    ref: str
    received_at: datetime
    told: str
    contact: str


def hand_in(desk: Desk, told: str, contact: str, *, address: str, now: datetime) -> str:
    """Take a report and return its number, which is all its writer is told.

    Raises:
        InputError: Nothing was told, or too much.
        PermissionDeniedError: Too many came, from there or altogether; the limits outlive a restart.
    """
    told, contact = told.strip(), contact.strip()
    if not told:
        raise InputError("what happened: is empty; write a sentence")
    if len(told) > MOST or len(contact) > CONTACT_MOST:
        raise InputError(
            f"what happened: write at most {MOST} characters, and {CONTACT_MOST} of how to reach you"
        )
    doors = {house_sign(desk, "reports", f"address {address}"): PER_ADDRESS,
             house_sign(desk, "reports", "all"): ALL_TOGETHER}  # fmt: skip
    with desk.database.write() as tx:
        full = [door for door, most in doors.items() if tx.access.tried(door, now) >= most]
        if not full:
            for door in doors:
                tx.access.count_try(door, now, WITHIN)
            wrapped = desk.vault.new_incident_key()
            ref = tx.access.add_report(received_at=now, wrapped_key=wrapped)
            data = json.dumps({"told": told, "contact": contact}).encode()
            tx.access.keep_report(ref, desk.vault.seal(wrapped, ref, "report", data))
            write_journal(
                tx, desk, at=now, actor=DOOR, act="report-received", ref=None, subject=ref,
                payload={"characters": len(told), "contact": bool(contact)},
            )  # fmt: skip
    if full:
        raise PermissionDeniedError(FULL)
    return ref


def read_reports(desk: Desk, *, actor: Actor) -> Sequence[Report]:
    """Return the reports nobody has dealt with yet, the newest first."""
    actor.require("triage")
    with desk.database.read() as tx:
        rows = tx.access.reports("new")
    return [_opened(desk, row) for row in rows]


def _opened(desk: Desk, row: Any) -> Report:
    data: Mapping[str, str] = json.loads(desk.vault.open_(row.wrapped_key, row.ref, "report", row.sealed))
    return Report(row.ref, row.received_at, data["told"], data["contact"])


def accept(
    desk: Desk, ref: str, *, title: str, organisation: str, drill: bool = False, actor: Actor, now: datetime
) -> str:
    """Open an incident for a report and return its number; nothing the reporter wrote becomes a fact by itself.

    Args:
        title: In the handler's own words, without anybody's data.

    Raises:
        IllegalTransitionError: It was dealt with before.
    """
    actor.require("triage")
    title = title.strip()
    if not title:
        raise InputError("title: is empty; write what the incident is called, without anybody's name")
    with desk.database.read() as tx:
        row = tx.access.report(ref)
    if row.state == "dismissed":
        raise IllegalTransitionError(f"{ref} was dealt with before")
    facts = checked_facts(desk, {"format": 1, "title": title[:200], "organisation": organisation}, name=ref)
    opened = open_incident(
        desk, facts, actor=actor, now=now, source=f"report {ref}", drill=drill, request_key=f"report {ref}"
    )
    if row.incident_ref == opened.ref:
        return opened.ref
    with desk.database.write() as tx:
        tx.access.handle_report(
            ref, state="accepted", by=actor.name, at=now, incident_ref=opened.ref, because=None
        )
        write_journal(
            tx, desk, at=now, actor=actor.name, act="report-accepted", ref=opened.ref, subject=ref,
            payload={"received_at": row.received_at.isoformat()},
        )  # fmt: skip
    return opened.ref


def dismiss(desk: Desk, ref: str, *, because: str, actor: Actor, now: datetime) -> None:
    """Say why a report is no incident; it is kept.

    Raises:
        InputError: No reason is given.
    """
    actor.require("triage")
    if not because.strip():
        raise InputError("because: is empty; say why this is no incident")
    with desk.database.write() as tx:
        tx.access.report(ref)
        tx.access.handle_report(
            ref, state="dismissed", by=actor.name, at=now, incident_ref=None, because=because.strip()[:500]
        )
        write_journal(
            tx, desk, at=now, actor=actor.name, act="report-dismissed", ref=None, subject=ref,
            payload={"because": because.strip()[:500]},
        )  # fmt: skip
