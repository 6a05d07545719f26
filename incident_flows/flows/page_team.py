"""Calls the team when an automation asks for it: ticks stopped, a deadline undecided, sending fails."""

from __future__ import annotations

from typing import Annotated

from prefect import State, flow
from prefect.states import Completed
from pydantic import Field

from incident_flows.flows import connected
from incident_flows.flows.guard import guarded
from incident_flows.services.page_team import Because
from incident_flows.services.page_team import page_team as paged

Id = Annotated[str, Field(pattern=r"^[\w./:+@ -]{0,200}$")]


@flow(name="page team", flow_run_name="page team: {because}", persist_result=False)
@guarded(own_words=True)
def page_team(because: Because, incident: Id = "", subject: Id = "") -> State[None]:
    """Call the team, unless it was called about the same a short while ago."""
    called = paged(connected.desk(), because, now=connected.now(), incident=incident, subject=subject)
    return Completed(name="Called" if called else "NotNeeded", message=because)
