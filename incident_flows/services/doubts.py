"""Batches in doubt: sent again, called back, or kept for a person, as the mode of the run says.

Whoever holds the sender's lease knows that every claim it did not make itself belongs to a sender that is gone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.packing import OF_THE_LETTER, unseal
from incident_flows.services.refusals import split
from incident_flows.storage.database import Tx
from notifications import NotificationError

MARGIN = timedelta(minutes=11)  # SendGrid calls nothing back in the last ten
UNKNOWNS = 2  # answers that never came, before a person is asked
CANCELLED_AT_ONCE = 10
BATCHED = ("sendgrid",)  # channels that take many copies in one request
BY_A_PERSON = "margin"  # the kind of doubt only a person resolves


def settle_leftovers(desk: Desk, ref: str, notice: Any, run: Any, *, now: datetime) -> None:
    """Settle every batch of a notice whose outcome is open, as far as that can be done without a person."""
    with desk.database.read() as tx:
        rows = tx.letters.open(notice.id, ("claimed", "in-doubt"))
        wrapped = tx.incidents.get(ref).wrapped_key
    again = cancelled = left = 0
    for row in rows:
        if row.channel not in BATCHED:
            left += _one_by_one(desk, ref, row, wrapped, now=now)
        elif row.batch_id is not None:
            done = _call_back(desk, ref, row, wrapped, now=now)
            cancelled += done == "cancelled"
            left += done == "quarantined"
        elif run.mode != "at-most-one-duplicate-batch" or row.unknowns > UNKNOWNS:
            _keep(desk, row)
            left += 1
        else:
            with desk.database.write() as tx:
                again += tx.letters.set(
                    row.id, ("claimed", "in-doubt"), state="planned", claimed_by=None, error_kind="sent again"
                )
    if again or cancelled or left:
        with desk.database.write() as tx:
            write_journal(
                tx,
                desk,
                at=now,
                actor="engine",
                act="in-doubt",
                ref=ref,
                subject=notice.ref,
                payload={"mode": run.mode, "sent_again": again, "called_back": cancelled, "for_a_person": left},
            )


def _keep(desk: Desk, row: Any) -> None:
    with desk.database.write() as tx:
        tx.letters.set(row.id, ("claimed", "in-doubt"), state="quarantined", error_kind=BY_A_PERSON)


def _call_back(desk: Desk, ref: str, row: Any, wrapped: bytes | None, *, now: datetime) -> str:
    """Cancel what may have been scheduled; what cannot be cancelled any more waits for a person."""
    if row.send_at is None or now >= row.send_at - MARGIN or desk.batches is None:
        _keep(desk, row)
        return "quarantined"
    with desk.database.read() as tx:
        full = tx.letters.called_back(now)[0] >= CANCELLED_AT_ONCE
    try:
        if full or not desk.batches.cancel(row.batch_id, now=now.timestamp()):
            return _waiting(desk, row)
    except NotificationError:
        return _waiting(desk, row)
    desk.reached("letters:cancelled")
    with desk.database.read() as tx:
        packed = unseal(desk, tx, wrapped, ref, row)
    part = split(desk, wrapped, ref, row, packed, list(range(row.count)), attempts=row.attempts)
    with desk.database.write() as tx:
        row.error_kind = "called back"
        tx.letters.replace(row, "cancelled", [part], now)
    return "cancelled"


def _waiting(desk: Desk, row: Any) -> str:
    with desk.database.write() as tx:
        tx.letters.set(row.id, ("claimed", "in-doubt"), state="in-doubt", error_kind="resolving")
    return "waiting"


def _one_by_one(desk: Desk, ref: str, row: Any, wrapped: bytes | None, *, now: datetime) -> int:
    """The sender died at one person; that one is in doubt, the rest goes on. The outbox repeats safely."""
    if row.state != "claimed":
        return 0
    with desk.database.write() as tx:
        if row.channel != "outbox":
            set_apart(
                tx, desk, ref, row, wrapped, row.progress, state="in-doubt", error_kind="sender died", done_at=now
            )
        tx.letters.set(row.id, "claimed", state="planned", claimed_by=None)
    return 0 if row.channel == "outbox" else 1


def set_apart(
    tx: Tx, desk: Desk, ref: str, row: Any, wrapped: bytes | None, place: int, **values: Any
) -> None:
    """Give one person of a claimed batch a row of their own; a batch that is empty then is over."""
    packed = unseal(desk, tx, wrapped, ref, row)
    one = split(desk, wrapped, ref, row, packed, [place], channel=row.channel, attempts=row.attempts, **values)
    tx.letters.add([{**{name: getattr(row, name) for name in OF_THE_LETTER}, **one}])
    left = [other for other in range(row.count) if other != place]
    if not left:
        tx.letters.set(row.id, "claimed", state="cancelled", replaced=True, sealed=None)
        return
    rest = split(desk, wrapped, ref, row, packed, left)
    tx.letters.set(row.id, "claimed", progress=place, **rest)
    row.count, row.numbers, row.nonce = rest["count"], rest["numbers"], rest["nonce"]


def letters_for_a_person(tx: Tx, notice_id: int) -> list[Any]:
    """Return the batches of a notice that wait for a person's word."""
    return [
        row
        for row in tx.letters.open(notice_id, ("in-doubt", "quarantined"))
        if row.error_kind == BY_A_PERSON or (row.state == "in-doubt" and row.channel not in BATCHED)
    ]


def resolve_letters(tx: Tx, notice_id: int, outcome: str, *, by: str, at: datetime) -> int:
    """Settle what waits for a person by their word; return to how many people it applies."""
    rows = letters_for_a_person(tx, notice_id)
    for row in rows:
        if outcome == "arrived":
            values: dict[str, Any] = {"state": "released", "done_at": at, "progress": row.count}
        else:
            values = {"state": "planned", "progress": 0, "unknowns": 0, "done_at": None}
            values |= {"batch_id": None, "send_at": None}
        tx.letters.set(row.id, row.state, resolved_by=by, error_kind=None, retry_at=None, **values)
    return sum(row.count for row in rows)
