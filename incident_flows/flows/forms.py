"""Forms in the Prefect UI: open an incident, decide risk or an obligation. The services are the terminal's.

What a form takes is stored by Prefect, so no form has a field for a title, a name or a story of affected
people. The one free text is the reason of a decision: it is refused if it holds an address, and taken out of
Prefect again as soon as it stands in our own record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from prefect import State, flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run as this_run
from prefect.states import Completed
from pydantic import BaseModel, Field

from incident_flows.core.facts import BreachKind, Cause, Exposure, Medium, Protection, Role
from incident_flows.errors import InputError
from incident_flows.flows import connected
from incident_flows.flows.guard import guarded
from incident_flows.flows.mirror import mirror
from incident_flows.flows.phases import Ref
from incident_flows.services.acknowledge import acknowledge as acknowledged
from incident_flows.services.decide import decide as decided
from incident_flows.services.desk import checked_facts
from incident_flows.services.open import open_incident as opened_incident
from incident_flows.services.prove import proof_of
from incident_flows.services.update import change_facts

TAKEN_OUT = "(stands in the record of the incident)"
_ADDRESS = re.compile(r"\S+@\S+\.\S+")

Subject = Annotated[
    str,
    Field(
        pattern=r"^(risk|[\w.-]+/[\w./:+-]+@[\w./:+-]+)$",
        max_length=200,
        description="An obligation's id, or `risk`",
    ),
]
Account = Annotated[
    str,
    Field(pattern=r"^[\w.-]{0,80}$", description="Your account; empty: the engine's own user"),
]
Code = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-fA-F -]{0,30}$",
        description="A one-time code of your account; needed only to lower protection, which takes two people",
    ),
]
Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2000,
        json_schema_extra={"format": "textarea"},
        description="The reason in a sentence; no names or addresses of affected people",
    ),
]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,60}$")]
Place = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]


class _Whose(BaseModel):
    organisation: Word = Field(description="Id of the organisation's profile, such as aimigos-studio")


class Known(BaseModel):
    """Facts somebody has found out. What is left empty stays as it is."""

    role: Role | None = Field(
        default=None, description="Whose data are they: ours (controller), or a client's (processor)?"
    )
    detected_at: datetime | None = Field(default=None, description="When it was first noticed; with offset")
    aware_at: datetime | None = Field(
        default=None,
        description="When it was reasonably certain that personal data are affected; with offset",
    )
    kinds: list[BreachKind] = Field(default_factory=list, description="What was lost")
    cause: Cause | None = None
    exposure: Exposure | None = Field(default=None, description="Who has the data")
    acquired: bool | None = Field(default=None, description="Were they actually taken or seen?")
    medium: Medium | None = None
    data_kinds: list[Word] = Field(
        default_factory=list, description="Words of the vocabulary, such as name, email, health"
    )
    protection: Protection | None = None
    people_total: int | None = Field(default=None, ge=0, description="How many people, if known")
    people_by_place: dict[Place, int] = Field(
        default_factory=dict, description="How many of them where; ISO codes, such as ES, US-CA, DE-BW"
    )
    reference: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9#/_.:-]{0,40}$", description="Your ticket's number"
    )

    def facts(self) -> dict[str, Any]:
        """Return the answers as a facts file would say them; empty ones are left out."""
        found: dict[str, Any] = {
            "role": self.role,
            "reference": self.reference or None,
            "moments": {"detected_at": _iso(self.detected_at), "aware_at": _iso(self.aware_at)},
            "breach": {
                "kinds": self.kinds or None,
                "cause": self.cause,
                "exposure": self.exposure,
                "acquired": self.acquired,
                "medium": self.medium,
            },
            "data": {"kinds": self.data_kinds or None, "protection": self.protection},
            "people": {"total": self.people_total, "by_place": self.people_by_place or None},
        }
        return {
            key: {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
            for key, value in found.items()
            if value is not None
        }


class Report(Known, _Whose):
    """What somebody knows when they open an incident. Leave empty what is not known: unknown is an answer."""

    acting_as: Account = Field(default="", description="Your account; empty: the engine's own user")

    def facts(self) -> dict[str, Any]:
        """Return the report as a facts file would say it; empty answers are unknown."""
        return {"organisation": self.organisation, **super().facts()}


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


@flow(name="open incident", flow_run_name="open incident", persist_result=False)
@guarded(own_words=True)
def open_incident(report: Report) -> State[None]:
    """Open an incident from this form; the same request twice opens one.

    Args:
        report: What is known by now. Leave empty what is not: unknown is an answer.
    """
    desk, now = connected.desk(), connected.now()
    facts = checked_facts(desk, report.facts(), name="form")
    opened = opened_incident(
        desk,
        facts,
        actor=connected.actor(report.acting_as),
        now=now,
        source="Prefect form",
        request_key=f"prefect:{this_run.id}",
    )
    mirror(desk, now=now, only=opened.ref, wait=10)
    return Completed(name="Opened", message=opened.ref)


@flow(name="correct facts", flow_run_name="{incident} · correct facts", persist_result=False)
@guarded(own_words=True)
def correct_facts(incident: Ref, known: Known, acting_as: Account = "") -> State[None]:
    """Add or correct facts; everything derived follows. To make a fact unknown again, use the terminal.

    Args:
        incident: Such as INC-2026-0001.
        known: What was found out. What is left empty stays as it is.
        acting_as: Your account; empty: the engine's own user.
    """
    desk, now = connected.desk(), connected.now()
    done = change_facts(
        desk, incident, known.facts(), actor=connected.actor(acting_as), now=now, source="Prefect form"
    )
    mirror(desk, now=now, only=incident, wait=10)
    return Completed(
        name="Corrected" if done.changed else "NothingNew",
        message=f"version {done.version}: {', '.join(done.changed) or 'no fact changed'}",
    )


@flow(name="acknowledge", flow_run_name="{incident} · acknowledge", persist_result=False)
@guarded(own_words=True)
def acknowledge(
    incident: Ref,
    which: Annotated[
        str,
        Field(
            pattern=r"^[\w./:+@-]{0,200}$",
            description="A step's number or an obligation's id; empty: all that was told and nobody has seen",
        ),
    ] = "",
    acting_as: Account = "",
) -> State[None]:
    """Say that a reminder was seen. It stops being repeated; the clock goes on.

    Args:
        incident: Such as INC-2026-0001.
        which: A step's number or an obligation's id; empty: all that was told and nobody has seen.
        acting_as: Your account; empty: the engine's own user.
    """
    desk, now = connected.desk(), connected.now()
    seen = acknowledged(
        desk, incident, which or None, actor=connected.actor(acting_as), now=now, via="Prefect form"
    )
    return Completed(name="Acknowledged" if seen else "NothingToSee", message=f"{len(seen)} reminders seen")


@flow(name="decide", flow_run_name="{incident} · decide {subject}", persist_result=False)
@guarded()
def decide(
    incident: Ref,
    subject: Subject,
    answer: Literal["owed", "not-owed", "unlikely", "risk", "high-risk"],
    because: Reason,
    acting_as: Account = "",
    code: Code = "",
) -> State[None]:
    """Decide an obligation (owed, not-owed) or the risk (unlikely, risk, high-risk).

    Args:
        incident: Such as INC-2026-0001.
        subject: `risk`, or an obligation's id as the artifact of the obligations names it.
        answer: For an obligation owed or not-owed, for the risk unlikely, risk or high-risk.
        because: The reason in a sentence; no names or addresses of affected people.
        acting_as: Your account; empty: the engine's own user.
        code: A one-time code of your account; needed only to lower protection, which takes two people.
    """
    with _reason_taken_out():
        return decided_in_form(incident, subject, answer, because, acting_as, code)


@contextmanager
def _reason_taken_out() -> Iterator[None]:
    """Take the reason out of the run's parameters at the end, however it ends."""
    try:
        yield
    finally:
        if this_run.id:
            with get_client(sync_client=True) as client:
                client.update_flow_run(
                    UUID(this_run.id), parameters={**this_run.parameters, "because": TAKEN_OUT, "code": ""}
                )


def decided_in_form(
    incident: str, subject: str, answer: str, because: str, acting_as: str, code: str = ""
) -> State[None]:
    """Decide as the terminal does, for whoever the form names; a code proves who that is."""
    if _ADDRESS.search(because):
        raise InputError("because: holds an address; a reason names no affected person")
    desk, now = connected.desk(), connected.now()
    proof = proof_of(desk, acting_as, code, now=now) if code else None
    who = connected.actor(acting_as) if proof is None else proof.actor
    result = decided(
        desk, incident, subject, answer, because=because, actor=who, now=now, proved=proof is not None,
        proof=proof,
    )  # fmt: skip
    mirror(desk, now=now, only=incident, wait=10)
    return Completed(
        name="Decided" if result.in_force else "AwaitingSecondPerson",
        message=f"{subject}: {answer}" if result.in_force else result.waits_because,
    )
