"""What follows once an addressee was told: obligations met, the telling kept as a fact, clocks started."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incident_flows.services.assess import plan_steps
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.phases import QUESTION, chain_of, leaves_open
from incident_flows.services.update import store_change
from incident_flows.storage.database import Tx


def told(
    tx: Tx, desk: Desk, ref: str, notice: Any, *, by: str, actor: str, now: datetime, at: datetime | None = None
) -> None:
    """Meet what the notice meets, here and in the incidents bundled with it, so that clocks waiting for it start.

    A supplementary notice that leaves something open leaves its duty owed. A withdrawal ends what was still to be
    sent to the same addressee.

    Args:
        at: When the addressee was told, if before `now`.
    """
    at = at or now
    siblings = [
        one
        for one in tx.notices.list(ref)
        if one.kind == notice.kind and one.id != notice.id and one.state not in ("withdrawn", "sent", "filed")
    ]
    if notice.kind in ("people", "public") and siblings:
        return  # those in other languages are still to go
    if notice.kind == "public" and not notice.route.get("covers"):
        return  # it stands in for letters that meet their duty, or do not, by themselves
    row = tx.obligations.get(ref, notice.oid)
    covers = list(notice.route.get("covers", [notice.oid]))
    if row.kind == QUESTION:
        tx.obligations.meet(ref, row.oid, at=at, by=by)
        plan_steps(tx, desk, ref, now=now)
        return
    if notice.phase == "withdrawal":
        for other in tx.obligations.list(ref):
            if other.kind != QUESTION and other.running and chain_of(other.oid) == chain_of(row.oid):
                tx.obligations.meet(ref, other.oid, at=at, by=f"{by}, which took the notice back")
        plan_steps(tx, desk, ref, now=now)
        return
    if notice.phase == "supplementary" and leaves_open(notice):
        plan_steps(tx, desk, ref, now=now)
        return
    _met(tx, desk, ref, notice, covers, by=by, actor=actor, now=now, at=at)
    for other in notice.route.get("bundles") or ():
        theirs = str(other["incident"])
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor,
            act="told-in-bundle",
            ref=theirs,
            subject=str(other["obligation"]),
            payload={"told_in": ref, "notice": notice.ref, "sha256": notice.sha256},
        )
        _met(tx, desk, theirs, notice, [other["obligation"]], by=f"{ref} {by}", actor=actor, now=now, at=at)


def _met(
    tx: Tx, desk: Desk, ref: str, notice: Any, covers: list[str], *, by: str, actor: str, now: datetime, at: datetime
) -> None:
    open_ = [oid for oid in covers if tx.obligations.get(ref, oid).met_at is None]
    for oid in open_:
        tx.obligations.meet(ref, oid, at=at, by=by)
    known = tx.incidents.facts(ref).facts.get("moments", {})
    moments: dict[str, Any] = {
        "submitted_at": dict.fromkeys(open_, at.isoformat()),
        "submitted_complete": dict.fromkeys(open_, not leaves_open(notice)),
    }
    addressee = tx.obligations.get(ref, covers[0]).addressee_id
    if notice.kind == "authority" and addressee and addressee not in (known.get("authority_told_at") or {}):
        moments["authority_told_at"] = {addressee: at.isoformat()}
    if notice.kind == "people" and "people_told_at" not in known:
        moments["people_told_at"] = at.isoformat()
    change: dict[str, Any] = {"moments": moments}
    if notice.kind == "authority" and addressee and notice.filed_as:
        references = tx.incidents.facts(ref).facts.get("references", {})
        change["references"] = {addressee: references.get(addressee, notice.filed_as)}  # the first is the case's
    updated = store_change(
        tx, desk, ref, change, actor=actor, now=now, source=f"ledger: {notice.ref}"
    )
    if updated.assessment is None:
        plan_steps(tx, desk, ref, now=now)
