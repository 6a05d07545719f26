"""People for letters by the hundred thousand, stored as an import would have stored them."""

from __future__ import annotations

import json
from datetime import datetime

from incident_flows.services.desk import Desk


def take_in(desk: Desk, ref: str, count: int, *, now: datetime) -> None:
    """Store `count` people who read English; every tenth has a name that would be a link if it were not escaped."""
    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
    for first in range(0, count, 10_000):
        rows = []
        for number in range(first, min(first + 10_000, count)):
            person = {"email": f"person{number}@people.example", "name": name_of(number)}
            sealed = desk.vault.seal(incident.wrapped_key, ref, "recipient", json.dumps(person).encode())
            rows.append(
                {
                    "address_hmac": desk.vault.address_hmac(incident.wrapped_key, person["email"]),
                    "sealed": sealed,
                    "language": "en",
                    "place": None,
                    "imported_at": now,
                }
            )
        with desk.database.write() as tx:
            tx.people.add_many(incident.id, rows)


def name_of(number: int) -> str:
    """Return a person's name."""
    return f"Ana <b>{number}" if number % 10 == 0 else f"Ana Ruiz {number}"
