"""The one-minute lane for the everyday case: decide, record and close it properly, or say why that cannot be.

Nothing is skipped: the incident is opened and assessed like any other. It is closed at once only if the engine
proposes that a risk to people is unlikely, on positive grounds, and nothing is owed or open but the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from incident_flows.core.facts import Facts
from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError
from incident_flows.services.close import against_closing, close
from incident_flows.services.decide import RISK, decide
from incident_flows.services.desk import Desk
from incident_flows.services.open import open_incident


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
