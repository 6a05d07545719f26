"""People for letters by the hundred thousand, stored as an import would have stored them."""

from __future__ import annotations

import hashlib

from incident_flows.services.desk import Desk
from incident_flows.services.packed import pack
from incident_flows.services.people import purpose_of, summary_of
from incident_flows.storage.people import NewBlock


def take_in(desk: Desk, ref: str, count: int) -> None:
    """Store `count` people who read English; every tenth has a name that would be a link if it were not escaped."""
    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
    for first in range(0, count, 1000):
        people = [
            [f"person{number}@people.example", name_of(number), "en", None]
            for number in range(first, min(first + 1000, count))
        ]
        sealed = desk.vault.seal(incident.wrapped_key, ref, purpose_of(first), pack(people))
        digests = b"".join(
            hashlib.blake2b(one[0].encode(), digest_size=16, key=b"stage").digest() for one in people
        )
        block = NewBlock(first, len(people), sealed, digests, summary_of(people))
        with desk.database.write() as tx:
            tx.people.add_block(incident.id, block)


def name_of(number: int) -> str:
    """Return a person's name."""
    return f"Ana <b>{number}" if number % 10 == 0 else f"Ana Ruiz {number}"
