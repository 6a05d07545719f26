"""One flow per phase of a breach, and one for a notice. Each reads the incident's state, says it, and ends.

The state's name is what the team reads on the board: ClockStarted, RiskHigh, AwaitingApproval, InDoubt. The
tick keeps one run of each phase per incident in its present state (see mirror); running a phase by hand says
the same. Parameters are ids.
"""

from __future__ import annotations

from typing import Annotated

from prefect import Flow, State, flow
from prefect.states import Completed
from pydantic import Field

from incident_flows.flows import connected
from incident_flows.flows.guard import guarded
from incident_flows.services.board import PHASES, board_of

Ref = Annotated[str, Field(pattern=r"^INC-\d{4}-\d{4,}$", description="The incident, such as INC-2026-0001")]

Oid = Annotated[
    str,
    Field(pattern=r"^[\w.-]+/[\w./:+-]+@[\w./:+-]+$", max_length=200, description="An obligation's id"),
]


def _said(incident: str, phase: str) -> State[None]:
    found = board_of(connected.desk(), incident, now=connected.now())
    shown = next(one for one in found.phases if one.key == phase)
    return Completed(name=shown.state, message=shown.message)


@flow(name="detection and triage", flow_run_name="{incident} · detection and triage", persist_result=False)
@guarded()
def detect_and_triage(incident: Ref) -> State[None]:
    """Which clocks run, since when, and what is not known yet."""
    return _said(incident, "detection-and-triage")


@flow(name="risk assessment", flow_run_name="{incident} · risk assessment", persist_result=False)
@guarded()
def assess_risk(incident: Ref) -> State[None]:
    """How likely and how severe harm to people is."""
    return _said(incident, "risk-assessment")


@flow(
    name="authority notification", flow_run_name="{incident} · authority notification", persist_result=False
)
@guarded()
def notify_authorities(incident: Ref) -> State[None]:
    """Notices to supervisory and other authorities, and to controllers."""
    return _said(incident, "authority-notification")


@flow(name="people notification", flow_run_name="{incident} · people notification", persist_result=False)
@guarded()
def notify_people(incident: Ref) -> State[None]:
    """Letters to the people affected."""
    return _said(incident, "people-notification")


@flow(name="close", flow_run_name="{incident} · close", persist_result=False)
@guarded()
def close_incident(incident: Ref) -> State[None]:
    """What still stands against closing."""
    return _said(incident, "close")


@flow(name="notice", flow_run_name="{incident} · notice {obligation}", persist_result=False)
@guarded()
def one_notice(incident: Ref, obligation: Oid) -> State[None]:
    """Where the notice to one addressee stands."""
    found = board_of(connected.desk(), incident, now=connected.now())
    shown = next((one for one in found.tellings if one.oid == obligation), None)
    if shown is None:
        return Completed(name="NotOwed", message="nothing is to be told under this obligation")
    return Completed(name=shown.state, message=shown.message)


FLOW_OF: dict[str, Flow[[str], State[None]]] = dict(
    zip(
        PHASES,
        (detect_and_triage, assess_risk, notify_authorities, notify_people, close_incident),
        strict=True,
    )
)
