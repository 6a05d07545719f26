"""Approval of one exact text by somebody who did not draft it; or its rejection, with the reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incident_flows.core.lifecycle import Actor, check_notice_move
from incident_flows.errors import IllegalTransitionError, InputError, NotApprovedError, PermissionDeniedError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.draft import text_sha256


def approve(
    desk: Desk, ref: str, notice_ref: str, *, actor: Actor, now: datetime, sha256: str | None = None
) -> Any:
    """Approve the text of a notice, as it stands, by its SHA-256.

    Args:
        sha256: The hash, or its beginning, the approver read; None takes the stored one.

    Raises:
        PermissionDeniedError: The approver drafted it, or is the drafter under another account.
        IllegalTransitionError: Required fields are empty, or it is in no state to be approved.
        NotApprovedError: The text is not the one the approver read.
    """
    actor.require("approve")
    with desk.database.write() as tx:
        tx.incidents.lock(ref)
        notice = tx.notices.get(ref, notice_ref)
        if notice.state == "approved" and notice.approved_by == actor.name:
            return notice
        empty = [item["label"] for item in notice.missing if item.get("required")]
        if empty:
            raise IllegalTransitionError(
                f"{notice_ref} cannot be approved: {', '.join(empty)} still empty. "
                f"Give the facts (`breach facts {ref} …`) and draft again"
            )
        check_notice_move(notice_ref, notice.state, "approved")
        drafter = tx.accounts.get(notice.drafted_by)
        if drafter.person == actor.person:
            raise PermissionDeniedError(
                f"{actor.name} drafted {notice_ref}; somebody else has to approve it. "
                "`breach account add NAME --role approver` creates an account, --as NAME uses it"
            )
        exact = text_sha256(notice.subject, notice.text, notice.html)
        if exact != notice.sha256 or (sha256 is not None and not exact.startswith(sha256.lower())):
            raise NotApprovedError(
                f"{notice_ref}: its text has SHA-256 {exact[:12]}…, not the one given; read it again with "
                f"`breach show {ref} --notice {notice_ref}`"
            )
        moved = tx.notices.move(notice.id, notice.state, "approved", approved_by=actor.name, approved_at=now)
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="approved",
            ref=ref,
            subject=notice_ref,
            payload={"sha256": exact, "obligation": notice.oid, "drafted_by": notice.drafted_by},
        )
        desk.reached("approve:before-commit")
    return moved


def reject(desk: Desk, ref: str, notice_ref: str, *, because: str, actor: Actor, now: datetime) -> Any:
    """Send a notice back to its drafter, with the reason."""
    actor.require("approve")
    if not because.strip():
        raise InputError("--because: a rejection needs its reason; write one sentence")
    with desk.database.write() as tx:
        tx.incidents.lock(ref)
        notice = tx.notices.get(ref, notice_ref)
        state = notice.state
        if state == "approved":
            raise IllegalTransitionError(
                f"{notice_ref} is approved already; draft a changed text to replace it"
            )
        if state == "awaiting-approval":
            check_notice_move(notice_ref, state, "draft")
        moved = tx.notices.move(
            notice.id,
            state,
            "draft",
            rejected_by=actor.name,
            rejected_because=because,
        )
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="rejected",
            ref=ref,
            subject=notice_ref,
            payload={"because": because, "sha256": notice.sha256},
        )
    return moved
