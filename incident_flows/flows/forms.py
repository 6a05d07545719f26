"""Forms in the Prefect UI: open an incident, decide a risk or an obligation. The same services as the terminal.

What a form takes is stored by Prefect, so no form has a field for a title, a name or a story of affected
people; the one free text is the reason of a decision, which is refused if it holds an address.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Literal

from prefect import State, flow, suspend_flow_run
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.input import RunInput
from prefect.states import Completed
from pydantic import BaseModel, Field

from incident_flows.core.facts import BreachKind, Cause, Exposure, Medium, Protection, Role
from incident_flows.errors import InputError
from incident_flows.flows import connected
from incident_flows.flows.mirror import mirror
from incident_flows.services.board import boards
from incident_flows.services.decide import decide as decided
from incident_flows.services.desk import Desk, checked_facts
from incident_flows.services.open import open_incident as opened_incident

ASK = "ask/ask"
FORM_STAYS = timedelta(days=30)
_ADDRESS = re.compile(r"\S+@\S+\.\S+")


class Report(BaseModel):
    """What somebody knows when they open an incident. Leave empty what is not known: unknown is an answer."""

    organisation: str = Field(description="Id of the organisation's profile, such as aimigos-studio")
    role: Role | None = Field(default=None, description="Whose data are they: ours (controller), or a client's (processor)?")
    detected_at: datetime | None = Field(default=None, description="When it was first noticed; with offset")
    aware_at: datetime | None = Field(default=None, description="When it was reasonably certain that personal data are affected")
    kinds: list[BreachKind] = Field(default_factory=list, description="What was lost")
    cause: Cause | None = None
    exposure: Exposure | None = Field(default=None, description="Who has the data")
    acquired: bool | None = Field(default=None, description="Were they actually taken or seen?")
    medium: Medium | None = None
    data_kinds: list[str] = Field(default_factory=list, description="Words of the vocabulary, such as name, email, health")
    protection: Protection | None = None
    people_total: int | None = Field(default=None, ge=0)
    people_by_place: dict[str, int] = Field(default_factory=dict, description="ISO codes, such as ES, US-CA, DE-BW")
    reference: str | None = Field(default=None, max_length=40, description="Your ticket's number; no names")
    acting_as: str | None = Field(default=None, description="Your account; empty: the engine's own user")

    def facts(self) -> dict[str, Any]:
        """Return the report as a facts file would say it; empty answers are unknown."""
        found: dict[str, Any] = {
            "organisation": self.organisation, "role": self.role, "reference": self.reference,
            "moments": {"detected_at": _iso(self.detected_at), "aware_at": _iso(self.aware_at)},
            "breach": {"kinds": self.kinds or None, "cause": self.cause, "exposure": self.exposure,
                       "acquired": self.acquired, "medium": self.medium},
            "data": {"kinds": self.data_kinds or None, "protection": self.protection},
            "people": {"total": self.people_total, "by_place": self.people_by_place or None},
        }
        return {
            key: {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
            for key, value in found.items()
            if value is not None
        }


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


@flow(name="open incident", flow_run_name="open incident", persist_result=False)
def open_incident(report: Report) -> State[None]:
    """Open an incident from this form; the same request twice opens one."""
    from prefect.runtime import flow_run

    desk, now = connected.desk(), connected.now()
    facts = checked_facts(desk, report.facts(), name="form")
    opened = opened_incident(
        desk, facts, actor=connected.actor(report.acting_as), now=now, source="Prefect form",
        request_key=f"prefect:{flow_run.id}",
    )
    mirror(desk, now=now)
    return Completed(name="Opened", message=opened.ref)


@flow(name="decide", flow_run_name="{incident} · decide {subject}", persist_result=False)
def decide(
    incident: str,
    subject: str,
    answer: Literal["owed", "not-owed", "unlikely", "risk", "high-risk"],
    because: str,
    acting_as: str | None = None,
) -> State[None]:
    """Decide an obligation (owed, not-owed) or the risk (subject `risk`). No names of affected people in the reason."""
    return _decide(incident, subject, answer, because, acting_as)


def _decide(incident: str, subject: str, answer: str, because: str, acting_as: str | None) -> State[None]:
    if _ADDRESS.search(because):
        raise InputError("because: holds an address; a reason names no affected person")
    desk, now = connected.desk(), connected.now()
    result = decided(desk, incident, subject, answer, because=because, actor=connected.actor(acting_as), now=now)
    mirror(desk, now=now)
    return Completed(
        name="Decided" if result.in_force else "AwaitingSecondPerson",
        message=f"{subject}: {answer}" if result.in_force else result.waits_because,
    )


class Answer(RunInput):
    """The decision on one obligation."""

    answer: Literal["owed", "not-owed"]
    because: str = Field(description="The reason in a sentence; no names of affected people")
    acting_as: str = Field(default="", description="Your account; empty: the engine's own user")


class RiskAnswer(RunInput):
    """The decision on the risk to people."""

    answer: Literal["unlikely", "risk", "high-risk"]
    because: str = Field(description="The reason in a sentence; no names of affected people")
    acting_as: str = Field(default="", description="Your account; empty: the engine's own user")


@flow(name="ask", flow_run_name="{incident} · decide {subject}", persist_result=False)
def ask(incident: str, subject: str) -> State[None]:
    """Wait, suspended, for a person's decision; the answer counts once it is stored in our database."""
    form = RiskAnswer if subject == "risk" else Answer
    answer = suspend_flow_run(
        wait_for_input=form.with_initial_data(description=f"**{incident}** · decide `{subject}`. The grounds: artifact `{incident.lower()}-status`."),
        timeout=int(FORM_STAYS.total_seconds()),
        key="decision",
    )
    return _decide(incident, subject, answer.answer, answer.because, answer.acting_as or None)


def offer_forms(desk: Desk, *, now: datetime) -> int:
    """Offer a suspended form for every open decision that has none; return how many were new.

    A form that lapsed or failed is offered anew; a decision made elsewhere ends its form.
    """
    offered = 0
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(ASK)
        except ObjectNotFound:
            return 0
        waiting = _waiting(client, deployment.id)
        wanted = {(board.ref, subject) for board in boards(desk, now=now) for subject in board.decisions[:10]}
        for (ref, subject), run_id in waiting.items():
            if (ref, subject) not in wanted:
                client.delete_flow_run(run_id)
        for ref, subject in sorted(wanted - set(waiting)):
            client.create_flow_run_from_deployment(
                deployment.id, parameters={"incident": ref, "subject": subject}, tags=[ref, "decision"],
                name=f"{ref} · decide {subject}",
            )
            offered += 1
    return offered


def _waiting(client: Any, deployment_id: Any) -> dict[tuple[str, str], Any]:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType

    live = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(
        any_=[StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED]
    )))
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])), flow_run_filter=live, limit=200
    )
    return {(run.parameters["incident"], run.parameters["subject"]): run.id for run in runs if "incident" in run.parameters}
