"""Takes in alerts of monitoring systems: each opens one incident, or adds to the one it opened before.

What an alert says fills facts that are still unknown and never overrules what a person recorded. The alert
itself is kept, sealed, as evidence; what could not be read without guessing is asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incident_flows.core.alerts import at_path, harmless, laid_in
from incident_flows.core.json_faults import why_not_json
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError
from incident_flows.knowledge.alerts import Alert, read_alerts, read_mapping
from incident_flows.services.desk import Desk, checked_facts, write_journal
from incident_flows.services.open import open_incident
from incident_flows.services.update import store_change
from incident_flows.storage.database import Tx

LARGEST = 5_000_000  # bytes of one delivery


@dataclass(frozen=True)
class TakenIn:
    """What became of one alert.

    Attributes:
        ref: The incident.
        created: Whether this alert opened it.
        fresh: Whether anything in it was new; False for the same alert once more.
        asks: Facts the alert could not give, with the reason.
        kept: How many of its values no fact was made of; they lie in the evidence.
    """

    ref: str
    created: bool
    fresh: bool
    asks: Mapping[str, str] = field(default_factory=dict)
    kept: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what `breach alert --json` prints."""
        return {
            "id": self.ref, "created": self.created, "fresh": self.fresh, "asks": dict(self.asks), "kept": self.kept,
        }  # fmt: skip


def take_in(
    desk: Desk, source: str, body: bytes, *, organisation: str, actor: Actor, now: datetime
) -> list[TakenIn]:
    """Take in one delivery of a product, such as a webhook's body.

    Args:
        source: The product: a file in playbooks/intake.
        body: JSON, as it came.
        organisation: Whose systems they are: the id of a profile.

    Raises:
        NotFoundError: No alerts of that product can be read.
        InputError: It is not JSON, not that product's, or too large; nothing was stored.
    """
    actor.require("open")
    mapping = read_mapping(desk.library.root, source)
    if len(body) > LARGEST:
        raise InputError(f"{source}: {len(body)} bytes; a delivery has at most {LARGEST}")
    try:
        delivery = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{source}: is not JSON{why_not_json(error)}; send the alert as the product writes it"
        ) from None
    alerts = read_alerts(mapping, delivery, lawbook=desk.library.lawbook)
    return [
        _one(desk, source, alert, organisation=organisation, actor=actor, now=now) for alert in alerts
    ]


def _one(
    desk: Desk, source: str, alert: Alert, *, organisation: str, actor: Actor, now: datetime
) -> TakenIn:
    name = f"alert of {source}"
    facts: dict[str, Any] = {"format": 1, "organisation": organisation, "title": alert.title}
    facts, asks = _usable(desk, facts, alert, name=name)
    # A key may hold a name or an address, so only its digest is stored readably.
    key = hashlib.sha256(f"{source}\n{alert.key}".encode()).hexdigest()
    opened = open_incident(
        desk, checked_facts(desk, facts, name=name), actor=actor, now=now, source=name,
        request_key=f"alert:{key}",
    )  # fmt: skip
    whole = json.dumps(alert.whole, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    with desk.database.write() as tx:
        incident = tx.incidents.lock(opened.ref)
        fresh = tx.evidence.keep(
            incident.id, source=source, key=key,
            sha256=desk.vault.sign(incident.wrapped_key, "evidence", whole.decode()),
            sealed=desk.vault.seal(incident.wrapped_key, opened.ref, f"evidence:{key}", whole),
            asks=dict(asks), unused=[harmless(path) for path in alert.unused], at=now, by=actor.name,
        )  # fmt: skip
        if fresh:
            write_journal(
                tx, desk, at=now, actor=actor.name, act="alert-received", ref=opened.ref, subject=source,
                payload={"created": opened.created, "asks": sorted(asks), "kept": len(alert.unused)},
            )  # fmt: skip
        if fresh and not opened.created and incident.state == "open":
            _fill_in(tx, desk, opened.ref, facts, actor=actor, now=now, name=name)
    return TakenIn(opened.ref, opened.created, fresh, asks, len(alert.unused))


def _usable(
    desk: Desk, facts: dict[str, Any], alert: Alert, *, name: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the facts that hold together, one by one; the others are asked."""
    asks = dict(alert.asks)
    checked_facts(desk, facts, name=name)  # the organisation is known, or nothing is stored
    for path in _paths(alert.facts):
        tried = laid_in(facts, path, at_path(alert.facts, path))
        try:
            checked_facts(desk, tried, name=name)
        except InputError:
            asks[path] = "what the alert says does not fit the other facts"
        else:
            facts = tried
    return facts, asks


def _fill_in(
    tx: Tx, desk: Desk, ref: str, facts: Mapping[str, Any], *, actor: Actor, now: datetime, name: str
) -> None:
    stored = tx.incidents.facts(ref).facts
    change: dict[str, Any] = {}
    for path in _paths(facts):
        if path not in ("format", "organisation", "title") and at_path(stored, path) is None:
            change = laid_in(change, path, at_path(facts, path))
    if change:
        store_change(tx, desk, ref, change, actor=actor.name, now=now, source=name)


def _paths(facts: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the facts of a fragment: two levels at most, since below that a value is one whole."""
    found = []
    for key, value in facts.items():
        if isinstance(value, Mapping) and not prefix:
            found += [f"{key}.{inner}" for inner in value]
        else:
            found.append(key)
    return found
