"""Tells Prefect what happened, as events: ids and words of ours only, each with an id that stays the same.

The journal is the source. How far it was told is marked under the board's id, after the server has taken the
events, so none is lost; one told twice has the id it had before.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client

from incident_flows.core.lifecycle import effective_status
from incident_flows.errors import NotFoundError
from incident_flows.services.board import id_of_ours
from incident_flows.services.desk import Desk
from incident_flows.storage.database import Tx

AT_ONCE = 500
ENGINE = "breach.engine"
TICK = "breach.tick"
UNDECIDED = "breach.deadline.undecided"
FAILING = "breach.delivery.failing"
_NAMESPACE = uuid.UUID("6f0f6a0e-58c5-4a5e-9d0c-2f1f6f6f0b5a")
_NEAR = ("t-12h", "t-4h", "t-1h", "due", "overdue")  # rungs at which an open question becomes urgent
_FAILING = ("notice-failed", "notice-in-doubt", "in-doubt")


def tell_events(desk: Desk, board_id: str, *, ticked_at: Any) -> int:
    """Tell what the journal has that was not told yet, and that a tick ran; return how many entries that was."""
    key = f"board/{board_id}/events"
    with desk.database.read() as tx:
        told: int | None = tx.leases.get(key)
        if told is None:  # a fresh board begins now: the past is in its artifacts
            told = tx.journal.head().seq
        entries = tx.journal.entries(limit=AT_ONCE, after=told)
        events = [event for entry in entries for event in _events(tx, board_id, entry)]
    tick = {
        "id": str(uuid.uuid5(_NAMESPACE, f"{board_id}/tick/{ticked_at.isoformat()}")),
        "occurred": ticked_at.isoformat(),
        "event": TICK,
        "resource": {"prefect.resource.id": ENGINE, "prefect.resource.name": "the breach engine"},
        "payload": {},
    }
    with get_client(sync_client=True) as client:
        _send(client, [*events, tick])
    with desk.database.write() as tx:
        tx.leases.put(key, entries[-1].seq if entries else told)
    return len(entries)


def _send(client: SyncPrefectClient, events: Sequence[Mapping[str, Any]]) -> None:
    client.request("POST", "/events", json=list(events))


def _events(tx: Tx, board_id: str, entry: Any) -> list[dict[str, Any]]:
    ref = entry.incident_ref
    resource = {
        "prefect.resource.id": f"breach.incident.{ref}" if ref else ENGINE,
        "prefect.resource.name": ref or "the breach engine",
    }
    subject = id_of_ours(entry.subject)
    words = [f"breach.{entry.act}"]
    if entry.act in _FAILING:
        words.append(FAILING)
    if entry.act == "reminded" and _is_undecided(tx, entry):
        words.append(UNDECIDED)
    return [
        {
            "id": str(uuid.uuid5(_NAMESPACE, f"{board_id}/{entry.seq}/{word}")),
            "occurred": entry.at.isoformat(),
            "event": word,
            "resource": resource,
            "payload": {"incident": ref, "subject": subject, "entry": entry.seq},
        }
        for word in words
    ]


def _is_undecided(tx: Tx, entry: Any) -> bool:
    if not str((entry.payload or {}).get("step", "")).startswith(_NEAR):
        return False
    try:
        row = tx.obligations.get(entry.incident_ref, entry.subject)
    except NotFoundError:
        return bool(entry.subject == "open-questions")
    return effective_status(row.status, row.decided) == "undetermined"
