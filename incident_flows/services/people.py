"""The people to be told, as they are read back: block by block, in the order they were taken in.

Only one block's people are in memory at a time. Their data are for letters and letter files alone; a log, a
journal entry, a flow or an error names a person by number.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from incident_flows.errors import TamperedError
from incident_flows.services.desk import Desk
from incident_flows.services.packed import Packed, unpack

_ONE_BY_ONE = b"\0"  # a block whose people were sealed each by themselves, by an earlier version


@dataclass(frozen=True, slots=True)
class Person:
    """One person to be told.

    Attributes:
        number: Within the incident, from 0; never given to anybody else.
        email: In the form mail is sent to; empty if the person can be reached by post only.
        name: As written in the file.
        language: Two or three small letters, or None.
        place: ISO 3166 code of country or state, or None.
        second_email: To be tried if the first one bounces.
        postal: Lines of the postal address, without the name.
        guardian_name: To whom a minor's letter is addressed.
        guardian_email: Where a minor's letter goes, if somewhere else.
        minor: Whether under age on the day of taking in; None if not known.
    """

    number: int
    email: str = field(repr=False)
    name: str | None = field(default=None, repr=False)
    language: str | None = None
    place: str | None = None
    second_email: str | None = field(default=None, repr=False)
    postal: tuple[str, ...] = field(default=(), repr=False)
    guardian_name: str | None = field(default=None, repr=False)
    guardian_email: str | None = field(default=None, repr=False)
    minor: bool | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A block of people, opened."""

    first: int
    people: Sequence[Person]


def blocks(desk: Desk, ref: str, *, after: int = -1) -> Iterator[Block]:
    """Yield the people of an incident, those with a number above `after`, a block at a time.

    Each block is read in a transaction of its own, so that a long walk holds nothing up.

    Raises:
        StorageError: They were shredded.
        TamperedError: A block was changed, moved, or belongs to another incident.
    """
    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
    while True:
        with desk.database.read() as tx:
            found = tx.people.blocks(incident.id, after)
        if not found:
            return
        (row,) = found
        people = open_block(desk, incident, row)
        yield Block(row.first, [one for one in people if one.number > after])
        after = row.first + row.count - 1


def open_block(desk: Desk, incident: Any, row: Any) -> list[Person]:
    """Return the people of one block.

    Args:
        desk: The connected parts.
        incident: The incident's row.
        row: The block's row.
    """
    sealed: bytes | None = row.sealed
    if sealed is not None and sealed[:1] == _ONE_BY_ONE:
        packed = [_opened_alone(desk, incident, one) for one in json.loads(sealed[1:])]
    else:
        opened = desk.vault.open_(incident.wrapped_key, incident.ref, purpose_of(row.first), sealed)
        packed = unpack(opened)
    if len(packed) != row.count:
        raise TamperedError(
            f"{incident.ref}: a block of people holds another number of them than was stored."
        )
    return [_person(row.first + place, values) for place, values in enumerate(packed)]


def person(desk: Desk, ref: str, number: int) -> Person:
    """Return one person by number.

    Raises:
        NotFoundError: Nobody has that number.
    """
    with desk.database.read() as tx:
        incident = tx.incidents.get(ref)
        row = tx.people.block_of(incident.id, number)
    return open_block(desk, incident, row)[number - row.first]


def purpose_of(first: int) -> str:
    """Return what a block is sealed for, so that none can be put in another's place."""
    return f"recipient-block:{first}"


def summary_of(people: Sequence[Packed]) -> list[tuple[str | None, str | None, int]]:
    """Return how many people there are by language and place."""
    counts = Counter((one[2], one[3]) for one in people)
    return [(language, place, count) for (language, place), count in counts.items()]


def _person(number: int, values: Packed) -> Person:
    email, name, language, place, second, postal, guardian_name, guardian_email, minor = (
        values + [None] * (9 - len(values))
    )
    return Person(
        number, email, name, language, place, second, tuple(postal or ()), guardian_name, guardian_email, minor
    )


def _opened_alone(desk: Desk, incident: Any, one: Sequence[Any]) -> Packed:
    language, place, sealed = one
    opened = json.loads(
        desk.vault.open_(incident.wrapped_key, incident.ref, "recipient", base64.b64decode(sealed))
    )
    return [opened["email"], opened.get("name"), language, place]
