"""How many events of the provider are taken in and counted a second, against a row per event.

Both contenders check the same signatures over the same callbacks and end with the same states of the same
letters, on SQLite that keeps what it commits. The peer is what one would write without much thought: the
provider's own verifier, one SQLModel row per event, found again by the provider's id of the event, and the
state of each person on a row of their own, moved forward only.
"""

from __future__ import annotations

import base64
import json
import random
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sendgrid.helpers.eventwebhook import EventWebhook
from sqlmodel import Field, Session, SQLModel, create_engine, select

from incident_flows.core.fates import STATES
from incident_flows.knowledge.library import Library
from incident_flows.services.desk import Desk
from incident_flows.services.follow import count, followed, receive
from incident_flows.storage.database import Database
from incident_flows.storage.vault import Vault
from notifications.memory import MemoryChannel

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
IN_A_CALLBACK = 100
BATCH = 1000
ROUNDS = 3

Callback = tuple[bytes, dict[str, str]]


class EventRow(SQLModel, table=True):
    """The peer's row per event."""

    __tablename__ = "peer_event"
    id: int | None = Field(default=None, primary_key=True)
    event_id: str = Field(unique=True)
    nonce: str
    place: int
    kind: str
    at: int


class PersonRow(SQLModel, table=True):
    """The peer's row per person."""

    __tablename__ = "peer_person"
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    rank: int = 0


def main(quick: bool) -> None:
    """Print the rates of both, and the claim's line."""
    people = 20_000 if quick else 200_000
    few = 2_000 if quick else 10_000
    key, callbacks = _callbacks(people)
    _, some = _callbacks(few)
    ours: list[float] = []
    peers: list[float] = []
    library = Library.load(cache=None)
    for _ in range(1 if quick else ROUNDS):
        with tempfile.TemporaryDirectory(prefix="breach-webhook-") as folder:
            ours.append(_ours(Path(folder), library, *_signed(key, callbacks), people))
            peers.append(_peer(Path(folder), *_signed(key, some), few))
    best, peer = median(ours), median(peers)
    print(
        f"webhook: {2 * people:,} events in callbacks of {IN_A_CALLBACK}, signatures checked: ours {best:,.0f} a "
        f"second ({min(ours):,.0f} to {max(ours):,.0f}); a row per event, {2 * few:,} events: {peer:,.0f} a second "
        f"({min(peers):,.0f} to {max(peers):,.0f})"
    )
    print(
        f"bench: webhook ours={best:.0f} best_peer=row-per-event:{peer:.0f} ratio={best / peer:.1f} unit=events/s",
        flush=True,
    )


def _callbacks(people: int) -> tuple[Any, list[bytes]]:
    """Return callbacks about everybody: processed, then delivered or bounced, scattered over the batches."""
    chance = random.Random(1)
    events = []
    for person in range(people):
        nonce, place = f"n{person // BATCH:06}", person % BATCH
        end = "bounce" if person % 50 == 0 else "delivered"
        for number, kind in enumerate(("processed", end)):
            events.append(
                {
                    "email": f"reader{person}@people.example", "timestamp": 1795383000 + number, "event": kind,
                    "n": nonce, "i": str(place), "sg_event_id": f"e{person}-{number}",
                    "sg_message_id": f"m{person}.filter", "response": "250 OK", "smtp-id": f"<{person}@geopod>",
                }
            )  # fmt: skip
    chance.shuffle(events)
    bodies = [
        json.dumps(events[at : at + IN_A_CALLBACK]).encode() for at in range(0, len(events), IN_A_CALLBACK)
    ]
    return generate_private_key(SECP256R1()), bodies


def _signed(key: Any, bodies: list[bytes]) -> tuple[str, list[Callback]]:
    stamp = str(int(NOW.timestamp()))
    public = base64.b64encode(
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()
    name = "X-Twilio-Email-Event-Webhook"
    return public, [
        (
            body,
            {
                f"{name}-Signature": base64.b64encode(
                    key.sign(stamp.encode() + body, ECDSA(SHA256()))
                ).decode(),
                f"{name}-Timestamp": stamp,
            },
        )
        for body in bodies
    ]


def _ours(folder: Path, library: Library, public: str, callbacks: list[Callback], people: int) -> float:
    desk = Desk(
        database=Database(f"sqlite:///{folder / 'ours.db'}"), library=library, vault=Vault(b"k" * 32),
        channel=MemoryChannel(), owner="bench",
    )  # fmt: skip
    desk = replace(desk, event_keys=(public,))
    desk.database.migrate()
    with desk.database.write() as tx:
        incident = tx.incidents.open("bench", "acme", True, NOW, "bench", None, {})
        notice = tx.notices.add(
            incident.ref, oid="x", kind="people", phase="initial", language="en", state="sending", subject="S",
            text="T", html=None, sha256="0", missing=[], drafted_by="bench", drafted_at=NOW, route={},
        )  # fmt: skip
        tx.letters.add(
            [
                {
                    "notice_id": notice.id, "incident_id": incident.id, "wave": 1, "variant": "en", "count": BATCH,
                    "numbers": struct.pack(f"<{BATCH}i", *range(first, first + BATCH)), "template_sha256": "0",
                    "sealed": b"x", "form": "sendgrid", "nonce": f"n{first // BATCH:06}", "state": "accepted",
                    "channel": "sendgrid",
                }
                for first in range(0, people, BATCH)
            ]
        )  # fmt: skip

    def work() -> None:
        for body, headers in callbacks:
            receive(desk, body, now=NOW, headers=headers)
        count(desk, now=NOW)

    rate = _rate(work, 2 * people)
    counts = next(iter(followed(desk, incident.ref).by_notice.values()))
    assert counts == {"delivered": people - people // 50, "bounced": people // 50}, counts
    desk.database.dispose()
    return rate


def _peer(folder: Path, public: str, callbacks: list[Callback], people: int) -> float:
    engine = create_engine(f"sqlite:///{folder / 'peer.db'}")
    SQLModel.metadata.create_all(engine, tables=[EventRow.__table__, PersonRow.__table__])  # type: ignore[attr-defined]
    rank = {"processed": 1, "delivered": 3, "bounce": 6}
    verifier = EventWebhook(public)

    def work() -> None:
        for body, headers in callbacks:
            signature, stamp = headers.values()
            assert verifier.verify_signature(body.decode(), signature, stamp)
            with Session(engine) as session:
                for one in json.loads(body):
                    if session.exec(select(EventRow).where(EventRow.event_id == one["sg_event_id"])).first():
                        continue
                    session.add(
                        EventRow(
                            event_id=one["sg_event_id"], nonce=one["n"], place=int(one["i"]), kind=one["event"],
                            at=one["timestamp"],
                        )
                    )  # fmt: skip
                    key = f"{one['n']}-{one['i']}"
                    person = session.exec(select(PersonRow).where(PersonRow.key == key)).first()
                    person = person or PersonRow(key=key)
                    person.rank = max(person.rank, rank[one["event"]])
                    session.add(person)
                session.commit()

    rate = _rate(work, 2 * people)
    with Session(engine) as session:
        found = Counter(STATES[one.rank] for one in session.exec(select(PersonRow)))
    assert found == {"delivered": people - people // 50, "bounced": people // 50}, found
    engine.dispose()
    return rate


def _rate(work: Callable[[], None], events: int) -> float:
    started = time.perf_counter()
    work()
    return events / (time.perf_counter() - started)


if __name__ == "__main__":
    import sys

    main("--quick" in sys.argv)
