"""Approval of one exact text by somebody who did not draft it; or its rejection, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from incident_flows.core.instants import show_utc
from incident_flows.core.lifecycle import Actor, check_notice_move
from incident_flows.errors import IllegalTransitionError, InputError, NotApprovedError, PermissionDeniedError
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.exact import exact_of, needed, sealed_sha256
from incident_flows.services.letters import list_of
from incident_flows.services.phases import require_not_replaced, require_reasons_for_delay
from incident_flows.services.prove import Proof
from incident_flows.services.story import require_list_agrees, require_one_story, require_present_facts
from incident_flows.services.wordings import lacking
from incident_flows.storage.database import Tx


def approve(
    desk: Desk, ref: str, notice_ref: str, *, actor: Actor, now: datetime, sha256: str | None = None,
    proof: Proof | None = None,
) -> Any:  # fmt: skip
    """Approve a notice as it stands, by its SHA-256; where counsel has to see it too, the second one counts.

    Args:
        sha256: The hash, or its beginning, the approver read; None takes the stored one.
        proof: Of who approves, used up with the approval; None where a sign-in stands for it.

    Raises:
        PermissionDeniedError: The approver drafted it, or is the drafter under another account.
        IllegalTransitionError: Required fields are empty, reasons for a delay among them; or it says other
            things than earlier filings, or the list of people than the facts, and nobody has said why; or it is
            in no state to be approved.
        NotApprovedError: The text is not the one the approver read.
    """
    actor.require("approve")
    with desk.database.write() as tx:
        tx.incidents.lock(ref)
        if proof is not None:
            proof.take(tx)
        notice = tx.notices.get(ref, notice_ref)
        if notice.state == "approved" and actor.name in _approvers(notice):
            if notice.kind == "people":
                _require_wordings(tx, desk, notice)
                require_list_agrees(tx, ref, notice)
                _approve_list(tx, desk, notice, actor=actor, now=now)
            return notice
        require_not_replaced(tx, ref, notice)
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
        exact = exact_of(notice)
        if exact != notice.sha256 or (sha256 is not None and not exact.startswith(sha256.lower())):
            raise NotApprovedError(
                f"{notice_ref}: its text has SHA-256 {exact[:12]}…, not the one given; read it again with "
                f"`breach show {ref} --notice {notice_ref}`"
            )
        require_reasons_for_delay(tx, ref, notice, now=now)
        require_present_facts(tx, ref, notice)
        require_one_story(tx, ref, notice)
        _require_wordings(tx, desk, notice)
        require_list_agrees(tx, ref, notice)
        part = _part(tx, desk, notice, actor)
        given = [
            *(notice.approvals or ()),
            {"by": actor.name, "as": part, "at": show_utc(now), "sha256": exact},
        ]
        whole = not _waits_for(desk, notice, given)
        first = next((one["by"] for one in given if one["as"] == "approver"), actor.name)
        moved = tx.notices.move(
            notice.id,
            notice.state,
            "approved" if whole else "awaiting-approval",
            approvals=given,
            **({"approved_by": first, "approved_at": now} if whole else {}),
        )
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="approved",
            ref=ref,
            subject=notice_ref,
            payload={
                "sha256": exact,
                "sealed": sealed_sha256(notice),
                "as": part,
                "obligation": notice.oid,
                "drafted_by": notice.drafted_by,
            },
        )
        if notice.kind == "people":
            _approve_list(tx, desk, notice, actor=actor, now=now)
        desk.reached("approve:before-commit")
    return moved


def waits_for(desk: Desk, notice: Any) -> dict[str, str]:
    """Return whose approval a notice still needs, and why."""
    return _waits_for(desk, notice, notice.approvals or ())


def _waits_for(desk: Desk, notice: Any, given: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    wanted = {"approver": "four eyes: somebody who did not draft it", **needed(desk, notice)}
    done = {one["as"] for one in given}
    return {part: because for part, because in wanted.items() if part not in done}


def _approvers(notice: Any) -> list[str]:
    return [notice.approved_by, *(one["by"] for one in notice.approvals or ())]


def _part(tx: Tx, desk: Desk, notice: Any, actor: Actor) -> str:
    """Return in which part the actor approves: as the second pair of eyes, or as counsel; never as both."""
    waiting = _waits_for(desk, notice, notice.approvals or ())
    for one in notice.approvals or ():
        if tx.accounts.get(one["by"]).person == actor.person:
            raise PermissionDeniedError(
                f"{actor.name} approved {notice.ref} already, as {one['as']}; it waits for "
                f"{' and '.join(waiting)}, somebody else"
            )
    if "counsel" in waiting and "counsel" in actor.roles and ("approver" not in actor.roles or len(waiting) == 1):
        return "counsel"
    if "approver" in waiting:
        return "approver"
    raise PermissionDeniedError(
        f"{notice.ref} waits for an account with the role counsel: {waiting.get('counsel', '')}"
    )


def _require_wordings(tx: Tx, desk: Desk, notice: Any) -> None:
    if notice.kind == "people" and (because := lacking(tx, desk, notice)):
        raise IllegalTransitionError(
            f"{notice.ref}: {because}; draft it anew: `breach draft {notice.incident_ref} {notice.oid}`"
        )


def _approve_list(tx: Tx, desk: Desk, notice: Any, *, actor: Actor, now: datetime) -> None:
    """Store that text and list of people were approved together; said again only where the list has changed."""
    sha256, listed = list_of(tx, notice.incident_id)
    run = tx.letters.run(notice.id)
    if run is not None and run.list_sha256 == sha256:
        return
    tx.letters.approve(
        notice.id,
        incident_id=notice.incident_id,
        list_sha256=sha256,
        listed=listed,
        approved_by=actor.name,
        approved_at=now,
        people=None,
    )
    write_journal(
        tx,
        desk,
        at=now,
        actor=actor.name,
        act="list-approved",
        ref=notice.incident_ref,
        subject=notice.ref,
        payload={"list_sha256": sha256, "people": listed, "sha256": notice.sha256},
    )


def reject(
    desk: Desk, ref: str, notice_ref: str, *, because: str, actor: Actor, now: datetime,
    proof: Proof | None = None,
) -> Any:  # fmt: skip
    """Send a notice back to its drafter, with the reason."""
    actor.require("approve")
    if not because.strip():
        raise InputError("--because: a rejection needs its reason; write one sentence")
    with desk.database.write() as tx:
        tx.incidents.lock(ref)
        notice = tx.notices.get(ref, notice_ref)
        require_not_replaced(tx, ref, notice)
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
            approvals=[],
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
