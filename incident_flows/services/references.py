"""Corrects the reference a filing is kept under; the old one stays in the journal, beside the new one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError, InputError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.letters import counts_of
from incident_flows.services.sent import Sent
from incident_flows.services.update import store_change


def require_not_corrected(ref: str, notice: Any, filed_as: str) -> None:
    """Refuse another reference for what is filed already, and say how it is corrected."""
    if notice.state == "filed" and notice.filed_as != filed_as:
        raise IllegalTransitionError(
            f"{notice.ref} is filed already, as {notice.filed_as}.\n"
            f"If that reference is wrong, say why: `breach notify {ref} {notice.ref} --filed-as REFERENCE "
            "--because TEXT` corrects it; the journal keeps both"
        )


def correct_reference(
    desk: Desk, ref: str, notice_ref: str, filed_as: str, *, because: str, actor: Actor, now: datetime
) -> Sent:
    """Put the right reference in the place of a mistyped one; nothing else of the filing changes.

    Raises:
        InputError: The reference or the reason is empty.
        IllegalTransitionError: The notice is not filed, or its incident is closed.
    """
    actor.require("notify")
    if not filed_as.strip():
        raise InputError("--filed-as: write the reference as the addressee gave it")
    if not because.strip():
        raise InputError("--because: say why the reference is corrected, in one sentence")
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if incident.state == "closed":
            raise IllegalTransitionError(f"{ref} is closed; `breach close {ref} --reopen` opens it again")
        notice = tx.notices.get(ref, notice_ref)
        if notice.state != "filed":
            raise IllegalTransitionError(f"{notice_ref} is {notice.state}: there is no reference to correct")
        before = notice.filed_as
        if before != filed_as:
            tx.notices.move(notice.id, "filed", "filed", filed_as=filed_as)
            write_journal(
                tx, desk, at=now, actor=actor.name, act="reference-corrected", ref=ref, subject=notice_ref,
                payload={"before": before, "filed_as": filed_as, "because": because, "sha256": notice.sha256},
            )  # fmt: skip
            addressee = tx.obligations.get(ref, notice.oid).addressee_id
            if addressee and tx.incidents.facts(ref).facts.get("references", {}).get(addressee) == before:
                change = {"references": {addressee: filed_as}}
                store_change(tx, desk, ref, change, actor=actor.name, now=now, source=f"ledger: {notice_ref}")
        counts = counts_of(tx, notice.incident_id, notice.id)
        desk.reached("references:before-commit")
    return Sent(notice_ref, "filed", counts)
