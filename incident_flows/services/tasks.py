"""The checklist of an incident's scenario: what there is to do, and who did what of it, by the journal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from incident_flows.core.instants import show_utc
from incident_flows.core.lifecycle import Actor
from incident_flows.core.scenario import PHASES, Scenario, span
from incident_flows.errors import IllegalTransitionError, NotFoundError
from incident_flows.knowledge.scenarios import read_scenario, scenario_ids
from incident_flows.services import public_notice
from incident_flows.services.desk import Desk, write_journal
from incident_flows.storage.database import Tx

DONE = "task-done"
ENTRIES = 100_000  # of one incident's journal


def tasks(tx: Tx, desk: Desk, ref: str) -> list[dict[str, Any]]:
    """Return the tasks of the incident's scenario, in order; those of no scenario while none is known.

    `due_at` counts from when the breach was noticed, else from the opening, and is nobody's law.
    """
    scenario = _scenario(tx, desk, ref)
    publish = public_notice.task(tx, desk, ref)
    more = [publish] if publish else []
    if scenario is None:
        return more
    incident, facts = tx.incidents.get(ref), tx.incidents.facts(ref).facts
    noticed = (facts.get("moments") or {}).get("detected_at")
    start = datetime.fromisoformat(noticed) if noticed else incident.opened_at
    done = {
        row.subject: row for row in tx.journal.entries(ref, limit=ENTRIES) if row.act == DONE
    }
    found = []
    for phase in PHASES:
        for task in scenario.tasks.of(phase):
            row = done.get(task.id)
            found.append(
                {
                    "id": task.id,
                    "phase": phase,
                    "do": task.do,
                    "who": task.who,
                    "because": task.because,
                    "due_at": show_utc(start + span(task.within)) if task.within else None,
                    "done_at": show_utc(row.at) if row else None,
                    "done_by": row.actor if row else None,
                    "note": (row.payload or {}).get("note") if row else None,
                }
            )
    return found + more


def done(desk: Desk, ref: str, task: str, *, actor: Actor, now: datetime, note: str | None = None) -> bool:
    """Record that a task is done; False if it was recorded before.

    Raises:
        NotFoundError: The incident's scenario has no such task, or no scenario is known.
        IllegalTransitionError: The incident is closed.
    """
    actor.require("acknowledge")
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if incident.state == "closed":
            raise IllegalTransitionError(f"{ref} is closed; `breach close {ref} --reopen` opens it again")
        known = tasks(tx, desk, ref)
        if not known:
            raise NotFoundError(
                f"{ref} has no checklist: its scenario is not known; `breach facts {ref} breach.scenario=ID`, "
                f"one of {', '.join(scenario_ids(desk.library.root))}"
            )
        one = next((one for one in known if one["id"] == task), None)
        if one is None:
            raise NotFoundError(f"{ref} has no task {task!r:.60}; it has {', '.join(t['id'] for t in known)}")
        if one["done_at"]:
            return False
        if task == public_notice.TASK:
            raise IllegalTransitionError(
                f"{ref}: a public notice is done once it is published: `breach draft {ref} --public`, approve it, then "
                f"`breach notify {ref} NOTICE --filed-as URL`"
            )
        payload = {"do": one["do"], **({"note": note} if note else {})}
        write_journal(tx, desk, at=now, actor=actor.name, act=DONE, ref=ref, subject=task, payload=payload)
    return True


def _scenario(tx: Tx, desk: Desk, ref: str) -> Scenario | None:
    id_ = (tx.incidents.facts(ref).facts.get("breach") or {}).get("scenario")
    if id_ not in scenario_ids(desk.library.root):
        return None
    return read_scenario(desk.library.root, id_)
