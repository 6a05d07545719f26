"""An authority's own question: a new clock of its own, answered by a notice in the same way as any other."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incident_flows.core.instants import show_local, show_utc
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError, InputError, NotFoundError
from incident_flows.knowledge.notice_values import TEXT_LIMIT, checked
from incident_flows.services.assess import plan_steps
from incident_flows.services.desk import Desk, write_journal


def asked(
    desk: Desk,
    ref: str,
    oid: str,
    *,
    question: str,
    received: datetime,
    due: datetime,
    actor: Actor,
    now: datetime,
) -> Any:
    """Record what the addressee of an obligation asked, and by when it wants the answer; return the obligation.

    The same question of the same authority, received at the same moment, is one.

    Raises:
        InputError: No question, or a time that cannot be.
        NotFoundError: No such obligation, or one whose addressee is not known.
    """
    actor.require("update")
    text = checked("--question", question, limit=TEXT_LIMIT)
    if not text:
        raise InputError("--question: write what the authority asked, in its own words")
    if due <= received:
        raise InputError(f"--due: {show_utc(due)} is not after it was received, {show_utc(received)}")
    if received > now:
        raise InputError(f"--received: {show_utc(received)} is still to come; write when the question arrived")
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if incident.state == "closed":
            raise IllegalTransitionError(f"{ref} is closed; `breach close {ref} --reopen` opens it again")
        about = tx.obligations.get(ref, oid)
        if about.addressee_kind != "authority" or about.addressee_id is None:
            raise NotFoundError(f"{oid} has no known authority, so none can have asked; name another obligation")
        for row in tx.obligations.list(ref):
            detail = row.detail or {}
            if detail.get("question") == text and detail["clock"]["started_at"] == show_utc(received):
                return row
        law = f"question of {about.addressee_name}, received {show_utc(received)}"
        row = tx.obligations.add_question(
            ref,
            {
                "oid": "",
                "duty": "",
                "addressee_kind": "authority",
                "addressee_id": about.addressee_id,
                "addressee_name": about.addressee_name,
                "status": "owed",
                "due_at": due,
                "zone": about.zone,
                "cite": law,
                "confidence": "high",
                "detail": {
                    "title": "Answer the authority's question",
                    "source_id": None,
                    "jurisdiction": (about.detail or {}).get("jurisdiction"),
                    "kind": "question",
                    "status": "owed",
                    "reach": "yes",
                    "addressee": (about.detail or {}).get("addressee"),
                    "clock": {"starts": "question received", "started_at": show_utc(received)},
                    "due_at": show_utc(due),
                    "due_local": show_local(due, about.zone) if about.zone else None,
                    "due_on": None,
                    "provisional_due_at": None,
                    "target_at": None,
                    "counting": None,
                    "standard": "by the time the authority set",
                    "cite": law,
                    "confidence": "high",
                    "doubts": None,
                    "because": [f"the authority asked it, about {oid}"],
                    "after": [],
                    "missing": [],
                    "content": [],
                    "late": "an authority that waits in vain asks why",
                    "about": oid,
                    "question": text,
                },
            },
        )
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="question-received",
            ref=ref,
            subject=row.oid,
            payload={"about": oid, "received": show_utc(received), "due": show_utc(due), "question": text},
        )
        plan_steps(tx, desk, ref, now=now)
        desk.reached("question:before-commit")
    return row
