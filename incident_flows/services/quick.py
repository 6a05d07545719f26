"""The one-minute lane for the everyday case: decide, record and close it properly, or say why that cannot be.

Nothing is skipped: the incident is opened and assessed like any other. It is closed at once only if the engine
proposes that a risk to people is unlikely, on positive grounds, and nothing is owed or open but the record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incident_flows.core.facts import Facts
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError
from incident_flows.services.close import against_closing, close
from incident_flows.services.decide import RISK, decide
from incident_flows.services.desk import Desk
from incident_flows.services.open import open_incident

READERS = {
    "colleague": "trusted-recipient",
    "bound-to-secrecy": "trusted-recipient",
    "somebody-known": "known-recipient",
    "somebody-unknown": "unknown-recipient",
}
REACTIONS = {
    "returned": "recipient-returned",
    "confirmed-deletion": "recipient-confirmed-deletion",
    "asked-to-delete": "recipient-asked-to-delete",
    "none": None,
}


def everyday_facts(
    organisation: str,
    *,
    role: str | None,
    aware_at: str | None,
    data_kinds: Sequence[str] | None,
    reader: str | None,
    reaction: str | None,
    by_place: Mapping[str, int] | None,
    groups: Sequence[str] | None,
) -> dict[str, Any]:
    """Return the facts of a message that reached one wrong reader, as a facts file would say them.

    What it is by definition (a mistake, readable, not lost) is stated; what is None stays unknown.

    Args:
        aware_at: When somebody was sure of it, with its offset; noticed and sure are then the same.
        reader: One of READERS.
        reaction: One of REACTIONS.
        by_place: Where the people live and how many; the places are then all there are.
    """
    facts: dict[str, Any] = {
        "format": 1,
        "title": "Message to a wrong reader",
        "organisation": organisation,
        "breach": {
            "kinds": ["confidentiality"],
            "cause": "mistake",
            "acquired": True,
            "medium": "electronic",
        },
        "data": {"protection": "none", "backup": "complete", "unavailable_hours": 0},
    }
    if role:
        facts["role"] = role
    if aware_at:
        facts["moments"] = {"detected_at": aware_at, "aware_at": aware_at}
    if data_kinds:
        facts["data"]["kinds"] = list(data_kinds)
    if reader:
        facts["breach"]["exposure"] = READERS[reader]
    if reaction:
        measure = REACTIONS[reaction]
        facts["harm"] = {"measures": [measure] if measure else []}
    people: dict[str, Any] = {}
    if by_place:
        people |= {"by_place": dict(by_place), "total": sum(by_place.values())}
    if groups:
        people["groups"] = list(groups)
    return {**facts, "people": people} if people else facts


@dataclass(frozen=True)
class Quick:
    """What the lane came to.

    Attributes:
        ref: The incident, which exists either way.
        closed: Whether it could be closed at once.
        risk: The level the engine proposed.
        because: Why, in sentences: the grounds for closing, or what stands against it.
    """

    ref: str
    closed: bool
    risk: str
    because: tuple[str, ...]


def open_quickly(desk: Desk, facts: Facts, *, actor: Actor, now: datetime, source: str) -> Quick:
    """Open an incident and close it in the same breath if the law lets it.

    The actor accepts the engine's proposal by name; where somebody wants to go below it, the ordinary way
    with a second person is the only one.
    """
    opened = open_incident(desk, facts, actor=actor, now=now, source=source)
    assert opened.assessment is not None
    risk = opened.assessment.risk
    if risk.level != "unlikely":
        return Quick(
            opened.ref,
            False,
            risk.level,
            (f"the risk to people is {risk.level}, not unlikely", *risk.because[:4]),
        )
    with desk.database.read() as tx:
        open_ = against_closing(tx, opened.ref)
    if open_:
        return Quick(
            opened.ref, False, risk.level, tuple(f"{one.subject}: {one.because}" for one in open_[:10])
        )
    grounds = f"accepts the engine's proposal: {risk.paragraph()}"
    decide(desk, opened.ref, RISK, "unlikely", because=grounds, actor=actor, now=now)
    try:
        close(desk, opened.ref, actor=actor, now=now)
    except IllegalTransitionError as error:
        return Quick(opened.ref, False, risk.level, (str(error),))
    return Quick(opened.ref, True, risk.level, risk.because[:4])
