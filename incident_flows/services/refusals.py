"""What a refusal means: some people are named and set apart, the letter itself is at fault, or the batch is halved.

A refused request reached nobody, so whoever is not at fault is packed anew and sent.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.letters import numbers_of, packed_numbers
from incident_flows.services.packing import format_called, seal
from notifications import PermanentError
from notifications.sendgrid_batches import about_the_letter, refused_places

BY_ENGINE = "paused_by_engine"  # such a pause ends when a person sends again
_PLACES_AT_FAULT = (400, 413)


@dataclass(frozen=True, slots=True)
class Refused:
    """What was made of a refusal.

    Attributes:
        apart: People set apart.
        pause: Why nothing more can be sent, if so.
    """

    apart: int = 0
    pause: str | None = None


def refuse(
    desk: Desk, ref: str, notice: Any, run: Any, row: Any, packed: bytes, error: PermanentError, *, now: datetime
) -> Refused:
    """Settle a batch the provider refused as a whole."""
    places = refused_places(error.fields, row.count)
    if error.status not in _PLACES_AT_FAULT or (not places and about_the_letter(error.fields)):
        because = f"the provider refuses the letter itself: {error}"
        with desk.database.write() as tx:
            tx.letters.set(
                row.id, ("claimed", "in-doubt"), state="rejected", claimed_at=None, batch_id=None, send_at=None,
                error_kind="letter refused",
            )  # fmt: skip
            held = tx.letters.run(notice.id)
            seen = {**(held.detail if held else {}), BY_ENGINE: True}
            tx.letters.change(notice.id, switch="paused", because=because, detail=seen)
            write_journal(
                tx,
                desk,
                at=now,
                actor="engine",
                act="letters-paused",
                ref=ref,
                subject=notice.ref,
                payload={"because": because},
            )
        return Refused(pause=because)
    whole = list(range(row.count))
    if places:
        rest = [one for one in whole if one not in set(places)]
        groups: list[tuple[str, list[int], str | None]] = [("quarantined", places, "refused"), ("planned", rest, None)]
    elif row.count == 1:
        groups = [("quarantined", whole, "refused")]
    else:
        groups = [("planned", whole[: row.count // 2], None), ("planned", whole[row.count // 2 :], None)]
    with desk.database.write() as tx:
        row.state = "claimed"
        row.error_kind = "refused"
        wrapped = tx.incidents.get(ref).wrapped_key
        parts = [
            split(desk, wrapped, ref, row, packed, chosen, state=state, error_kind=kind)
            for state, chosen, kind in groups
            if chosen
        ]
        tx.letters.replace(row, "rejected", parts, now)
        apart = sum(len(chosen) for state, chosen, _ in groups if state == "quarantined")
        if apart:
            write_journal(
                tx,
                desk,
                at=now,
                actor="engine",
                act="people-quarantined",
                ref=ref,
                subject=notice.ref,
                payload={"people": apart, "because": f"refused by the provider (HTTP {error.status})"},
            )
    desk.reached("letters:refused")
    return Refused(apart=apart)


def split(
    desk: Desk, wrapped: bytes | None, ref: str, row: Any, packed: bytes, chosen: list[int], **values: Any
) -> dict[str, Any]:
    """Return a new batch with the people at these places of an old one, under a nonce of its own."""
    nonce = secrets.token_hex(12)
    numbers = numbers_of(row.numbers)
    form = format_called(desk, row.form)
    return {
        "count": len(chosen),
        "numbers": packed_numbers([numbers[place] for place in chosen]),
        "nonce": nonce,
        "sealed": seal(desk, wrapped, ref, nonce, form.repack(packed, chosen)),
        **values,
    }
