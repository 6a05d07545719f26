"""Somebody has seen a reminder: its chain stops, and nobody else is told of it. The clock goes on.

From the terminal, or by a link that only we can have made: it names the step and the person, is signed with
the incident's own key, and expires. The first acknowledgement counts; a used link does nothing again.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from incident_flows.core.escalation import chain_base
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import (
    BreachError,
    IllegalTransitionError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
)
from incident_flows.services.desk import Desk, write_journal
from incident_flows.storage.database import Tx

LINK_LASTS = timedelta(hours=72)
PURPOSE = "acknowledge"
_TOKEN = re.compile(r"(INC-\d{4}-\d{4,})\.(\d{1,18})\.(\d{1,12})\.([A-Za-z0-9_-]{1,100})\.([0-9a-f]{64})")
_REFUSED = (
    "this link was not made here, or was changed on its way; acknowledge with `breach acknowledge ID STEP`"
)


@dataclass(frozen=True)
class Acknowledged:
    """One reminder somebody has seen.

    Attributes:
        by: Who was first.
        stopped: Rows of its chain that will not be told any more.
        again: Whether it had been acknowledged before.
    """

    incident: str
    step: int
    obligation: str
    name: str
    by: str
    at: datetime
    stopped: int
    again: bool

    def to_json(self) -> dict[str, Any]:
        """Return what `breach acknowledge --json` prints."""
        return {**self.__dict__, "at": self.at.isoformat()}


def acknowledge(
    desk: Desk, ref: str, which: str | None, *, actor: Actor, now: datetime, via: str = "terminal"
) -> list[Acknowledged]:
    """Acknowledge one step by its number, those of one obligation, or all that fired and nobody has seen.

    Raises:
        IllegalTransitionError: The step has not fired yet, so there is nothing to have seen.
    """
    actor.require("acknowledge")
    with desk.database.write() as tx:
        incident = tx.incidents.get(ref)
        rows = _chosen(tx, incident, which)
        return [_seen(tx, desk, row, by=actor.name, now=now, via=via) for row in rows]


def _chosen(tx: Tx, incident: Any, which: str | None) -> Sequence[Any]:
    if which is not None and which.isdigit():
        row = tx.steps.get(int(which))
        if row.incident_id != incident.id:
            raise NotFoundError(
                f"{incident.ref} has no step {which}; `breach show {incident.ref} --json` lists them"
            )
        return [row]
    if which is not None and which != "open-questions":
        tx.obligations.get(incident.ref, which)  # says which is nearest
    return [
        row
        for row in tx.steps.list(incident.id)
        if row.state == "fired" and row.acknowledged_at is None and which in (None, row.oid)
    ]


def _seen(tx: Tx, desk: Desk, row: Any, *, by: str, now: datetime, via: str) -> Acknowledged:
    if row.state == "pending":
        raise IllegalTransitionError(
            f"{row.incident_ref}: step {row.name} ({row.id}) is due {row.due_at:%Y-%m-%d %H:%M}Z, not fired; "
            "only what was told can be acknowledged"
        )
    before = row.acknowledged_at
    seen = tx.steps.acknowledge(row.id, by, now)
    stopped = tx.steps.stop_chain(row.incident_id, row.oid, chain_base(row.name), row.plan_version)
    if before is None:
        write_journal(
            tx,
            desk,
            at=now,
            actor=by,
            act="acknowledged",
            ref=row.incident_ref,
            subject=row.oid,
            payload={"step": row.name, "number": row.id, "via": via, "stopped": stopped},
        )
    return Acknowledged(
        row.incident_ref,
        row.id,
        row.oid,
        row.name,
        seen.acknowledged_by or by,
        seen.acknowledged_at or now,
        stopped,
        before is not None,
    )


def token_for(desk: Desk, ref: str, step_id: int, *, by: str, expires_at: datetime) -> str:
    """Return the token of a link with which `by` acknowledges one step until it expires."""
    with desk.database.read() as tx:
        wrapped = tx.incidents.get(ref).wrapped_key
    body = f"{ref}.{step_id}.{int(expires_at.timestamp())}.{_plain(by)}"
    return f"{body}.{desk.vault.sign(wrapped, PURPOSE, body)}"


def link_for(desk: Desk, row: Any, *, by: str, now: datetime) -> str | None:
    """Return the link that goes into a reminder; None while no page is there to take it."""
    if desk.acknowledge_at is None or _plain(by) != by:
        return None
    try:
        token = token_for(desk, row.incident_ref, row.id, by=by, expires_at=now + LINK_LASTS)
    except BreachError:  # the incident's key is shredded: the reminder goes out without a link
        return None
    return desk.acknowledge_at + token


@dataclass(frozen=True)
class Link:
    """What a link that holds says.

    Attributes:
        by: Whom it was sent to.
        used: Who acknowledged the step already, if anybody.
    """

    incident: str
    step: int
    by: str
    expires_at: datetime
    used: str | None


def verified(desk: Desk, token: str, *, now: datetime) -> Link:
    """Return what a token says; changes nothing, so a mail scanner that follows links does no harm.

    Raises:
        InputError: It is no token, was changed, or its incident is not known here; the answer is the same.
        PermissionDeniedError: It expired.
    """
    found = _TOKEN.fullmatch(token.strip())
    if found is None:
        raise InputError(_REFUSED)
    ref, number, expires, by, mac = found.groups()
    try:
        with desk.database.read() as tx:
            wrapped = tx.incidents.get(ref).wrapped_key
        expected = desk.vault.sign(wrapped, PURPOSE, f"{ref}.{number}.{expires}.{by}")
    except BreachError:
        raise InputError(_REFUSED) from None
    if not hmac.compare_digest(expected, mac):
        raise InputError(_REFUSED)
    expires_at = datetime.fromtimestamp(int(expires), UTC)
    if now >= expires_at:
        raise PermissionDeniedError(
            f"this link expired {expires_at:%Y-%m-%d %H:%M}Z; use `breach acknowledge {ref} {number}`"
        )
    with desk.database.read() as tx:
        used = tx.steps.get(int(number)).acknowledged_by
    return Link(ref, int(number), by, expires_at, used)


def acknowledge_by_link(desk: Desk, token: str, *, now: datetime) -> Acknowledged:
    """Acknowledge the step a link names, for the person it was sent to."""
    link = verified(desk, token, now=now)
    with desk.database.write() as tx:
        return _seen(tx, desk, tx.steps.get(link.step), by=link.by, now=now, via="link")


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:100]
