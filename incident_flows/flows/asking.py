"""Forms that wait in the Prefect UI for a person's decision, one for each that is open; offered by the tick."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal
from uuid import UUID

from prefect import State, flow, suspend_flow_run
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.input import RunInput, read_flow_run_input
from prefect.input.run_input import keyset_from_paused_state
from prefect.runtime import flow_run as this_run
from prefect.states import Completed, Suspended

from incident_flows.flows import connected
from incident_flows.flows.forms import Account, Code, Reason, Subject, decided_in_form
from incident_flows.flows.guard import guarded
from incident_flows.flows.mirror import Shown
from incident_flows.flows.phases import Ref
from incident_flows.services.decide import RISK
from incident_flows.services.grounds import grounds_of

ASK = "ask/ask"
KEY = "decision"  # under which a suspended form keeps its fields and its answer
FORM_STAYS = timedelta(days=30)
FORMS_AN_INCIDENT = 10
FORMS_A_TICK = 50
PAGE = 200
OFFERED = "decision"  # the tag of a form made here, not started by hand
HALF_MADE = "BeingOffered"


class Answer(RunInput):
    """The decision on one obligation."""

    answer: Literal["owed", "not-owed"]
    because: Reason
    acting_as: Account = ""
    code: Code = ""


class RiskAnswer(RunInput):
    """The decision on the risk to people."""

    answer: Literal["unlikely", "risk", "high-risk"]
    because: Reason
    acting_as: Account = ""
    code: Code = ""


@flow(name="ask", flow_run_name="{incident} · decide {subject}", persist_result=False)
@guarded()
def ask(incident: Ref, subject: Subject) -> State[None]:
    """Take a person's decision from a suspended form; it counts once it is stored in our database."""
    form = _form(incident, subject)
    keys = keyset_from_paused_state(Suspended(pause_key=KEY))
    given = _given(form, keys["response"])
    if given is None:  # started by hand: wait for the answer now; never returns
        suspend_flow_run(wait_for_input=form, timeout=int(FORM_STAYS.total_seconds()), key=KEY)
        return Completed(name="Suspended")
    try:
        return decided_in_form(incident, subject, given.answer, given.because, given.acting_as, given.code)
    finally:
        with get_client(sync_client=True) as client:
            client.delete_flow_run_input(UUID(this_run.id), keys["response"])


def _form(incident: str, subject: str) -> type[Answer] | type[RiskAnswer]:
    console = connected.console()
    words = grounds_of(connected.desk(), incident, subject)
    if console:
        place = "risk" if subject == RISK else f"duties/{subject}"
        words += f"\n\n[In the console]({console}/incidents/{incident}/{place})"
    kind: type[Answer] | type[RiskAnswer] = RiskAnswer if subject == RISK else Answer
    return kind.with_initial_data(description=words)


def _given(form: type[Answer] | type[RiskAnswer], key: str) -> Answer | RiskAnswer | None:
    stored = read_flow_run_input(key, flow_run_id=UUID(this_run.id))
    return None if stored is None else form.model_validate(stored)


def offer_forms(shown: Shown) -> int:
    """Offer a suspended form for every open decision that has none; return how many were new.

    No process waits behind a form: the run is put into its suspended state, and starts when somebody answers.
    A form that lapsed or failed is offered anew; a decision made elsewhere removes the form offered for it, but
    not one that a person started to decide anew.
    """
    wanted = {
        (ref, subject)
        for ref, subjects in shown.decisions.items()
        for subject in subjects[:FORMS_AN_INCIDENT]
    }
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(ASK)
        except ObjectNotFound:
            return 0
        standing: set[tuple[str, str]] = set()
        for run in live(client, deployment.id):
            one = (str(run.parameters.get("incident")), str(run.parameters.get("subject")))
            waits = run.state_type == StateType.PAUSED
            settled = OFFERED in run.tags and one[0] in shown.decisions and one not in wanted
            if run.state_name == HALF_MADE or (waits and (settled or one in standing)):
                client.delete_flow_run(run.id)
            else:
                standing.add(one)
        missing = sorted(wanted - standing)[:FORMS_A_TICK]
        for ref, subject in missing:
            offer(
                client,
                deployment.id,
                {"incident": ref, "subject": subject},
                _form(ref, subject),
                name=f"{ref} · decide {subject}",
                tags=[ref, OFFERED],
                message=f"waits for a person to decide {subject}",
            )
    return len(missing)


def offer(
    client: SyncPrefectClient,
    deployment_id: UUID,
    parameters: dict[str, str],
    form: type[RunInput],
    *,
    name: str,
    tags: list[str],
    message: str,
) -> None:
    """Make a suspended run; until its fields are stored it has a name of its own: the next tick removes it."""
    suspended: State[None] = Suspended(timeout_seconds=int(FORM_STAYS.total_seconds()), pause_key=KEY)
    half_made = suspended.model_copy(update={"name": HALF_MADE}, deep=True)
    run = client.create_flow_run_from_deployment(
        deployment_id, parameters=parameters, state=half_made, tags=tags, name=name
    )
    keys = keyset_from_paused_state(suspended)
    suspended.state_details.run_input_keyset = {str(part): key for part, key in keys.items()}
    suspended.message = message
    form.save(keys, flow_run_id=run.id)
    client.set_flow_run_state(run.id, suspended, force=True)


def live(client: SyncPrefectClient, deployment_id: UUID) -> Iterator[FlowRun]:
    live = FlowRunFilter(
        state=FlowRunFilterState(
            type=FlowRunFilterStateType(
                any_=[StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED]
            )
        )
    )
    found: list[FlowRun] = []
    while True:
        page = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id])),
            flow_run_filter=live,
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=PAGE,
            offset=len(found),
        )
        found += page
        if len(page) < PAGE:
            return iter(found)
