"""The ladder of reminders an incident keeps: shown, or changed to the one the house has now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError, InputError
from incident_flows.services.assess import frozen_ladders, plan_steps
from incident_flows.services.desk import Desk, write_journal


def ladder_of(desk: Desk, ref: str) -> dict[str, Any]:
    """Return the ladders an incident keeps, and whether the house's are the same."""
    with desk.database.read() as tx:
        kept = tx.incidents.get(ref).ladder
    return {"incident": ref, "ladders": kept, "same_as_policy": kept == frozen_ladders(desk)}


def renew_ladder(desk: Desk, ref: str, *, because: str, actor: Actor, now: datetime) -> dict[str, Any]:
    """Give an incident the house's present ladders and plan its reminders anew; what fired stays fired."""
    actor.require("update")
    if not because.strip():
        raise InputError("--because: say why, in one sentence")
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if incident.state == "closed":
            raise IllegalTransitionError(f"{ref} is closed; `breach close {ref} --reopen` opens it again")
        new = frozen_ladders(desk)
        if incident.ladder == new:
            return {"incident": ref, "changed": False, "replanned": 0}
        tx.incidents.set_ladder(ref, new)
        running = [row.oid for row in tx.obligations.list(ref) if row.running]
        for oid in running:
            tx.obligations.replan(ref, oid)
        tx.steps.cancel(incident.id, "open-questions")
        plan_steps(tx, desk, ref, now=now)
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="ladder-changed",
            ref=ref,
            subject=ref,
            payload={"because": because, "replanned": len(running)},
        )
    return {"incident": ref, "changed": True, "replanned": len(running)}
