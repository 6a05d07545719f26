"""Flows around reminders: acknowledge one from a form; call the team when an automation asks for it."""

from __future__ import annotations

from typing import Annotated

from prefect import State, flow
from prefect.states import Completed
from pydantic import Field

from incident_flows.flows import connected
from incident_flows.flows.forms import Account
from incident_flows.flows.guard import guarded
from incident_flows.flows.mirror import mirror
from incident_flows.flows.phases import Ref
from incident_flows.services.acknowledge import acknowledge as acknowledged
from incident_flows.services.page_team import Because
from incident_flows.services.page_team import page_team as paged

Reminder = Annotated[
    str,
    Field(
        pattern=r"^(\d{1,12}|open-questions|[\w.-]+/[\w./:+-]+@[\w./:+-]+)?$",
        max_length=200,
        description="A reminder's number or an obligation's id; empty: everything told and not yet seen",
    ),
]
Id = Annotated[str, Field(pattern=r"^[\w./:+@ -]{0,200}$")]


@flow(name="acknowledge", flow_run_name="{incident} · acknowledge", persist_result=False)
@guarded(own_words=True)
def acknowledge(incident: Ref, reminder: Reminder = "", acting_as: Account = "") -> State[None]:
    """Say that a reminder was seen: nobody else is told about it; the clock runs on."""
    desk, now = connected.desk(), connected.now()
    seen = acknowledged(
        desk, incident, reminder or None, actor=connected.actor(acting_as), now=now, via="prefect"
    )
    mirror(desk, now=now, only=incident, wait=10)
    fresh = [one for one in seen if not one.again]
    return Completed(name="Acknowledged" if fresh else "NothingNew", message=f"{len(fresh)} reminders")


@flow(name="page team", flow_run_name="page team: {because}", persist_result=False)
@guarded(own_words=True)
def page_team(because: Because, incident: Id = "", subject: Id = "") -> State[None]:
    """Call the team, unless it was called about the same a short while ago."""
    called = paged(
        connected.desk(), because, now=connected.now(), incident=incident, subject=subject
    )
    return Completed(name="Called" if called else "NotNeeded", message=because)
