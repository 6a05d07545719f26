"""Forms are offered for what people have to decide, and taken away once it is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from incident_flows.errors import InputError
from incident_flows.flows.asking import offer_forms
from incident_flows.flows.deployments import deployments
from incident_flows.flows.forms import Report, decided_in_form
from incident_flows.flows.mirror import mirror
from incident_flows.services.decide import decide


@pytest.fixture
def served(deployed: Any, board: Any) -> Any:
    """Give the emptied server with the deployments registered."""
    return board


@pytest.fixture
def tick(house: Any) -> Callable[[], int]:
    return lambda: offer_forms(mirror(house.desk, now=house.now))


def _forms(board: Any) -> dict[str, dict[str, Any]]:
    return {run["parameters"]["subject"]: run for run in board.runs("decision")}


def test_an_open_decision_is_offered_as_one_suspended_form(served: Any, house: Any, tick: Any) -> None:
    ref = house.open_unknown()
    assert tick() >= 1
    form = _forms(served)["risk"]
    assert (form["state_type"], form["state_name"]) == ("PAUSED", "Suspended")
    assert form["name"] == f"{ref} · decide risk"
    assert form["parameters"] == {"incident": ref, "subject": "risk"}
    keys = form["state"]["state_details"]["run_input_keyset"]
    schema = served.http.get(f"/flow_runs/{form['id']}/input/{keys['schema']}").json()
    assert schema["properties"]["answer"]["enum"] == ["unlikely", "risk", "high-risk"]
    assert set(schema["required"]) == {"answer", "because"}
    assert ref in served.http.get(f"/flow_runs/{form['id']}/input/{keys['description']}").text
    assert tick() == 0
    assert len(_forms(served)) == len(served.runs("decision"))


def test_a_decision_made_in_the_terminal_removes_the_form(served: Any, house: Any, tick: Any) -> None:
    ref = house.open_unknown()
    tick()
    decide(house.desk, ref, "risk", "high-risk", because="bank data", actor=house.person(), now=house.now)
    tick()
    assert "risk" not in _forms(served)


@pytest.mark.parametrize(
    "state",
    [
        {"type": "FAILED", "name": "Failed", "message": "The flow was suspended and never resumed."},
        {"type": "CRASHED", "name": "Crashed"},
        {"type": "CANCELLED", "name": "Cancelled"},
        {"type": "PAUSED", "name": "BeingOffered"},
    ],
    ids=lambda state: state["name"],
)
def test_a_form_that_lapsed_or_broke_is_offered_anew(
    served: Any, house: Any, tick: Any, state: dict[str, str]
) -> None:
    house.open_unknown()
    offered = tick()
    old = _forms(served)["risk"]
    served.ask(f"/flow_runs/{old['id']}/set_state", state=state, force=True)
    assert tick() == 1
    fresh = [run for run in served.runs("decision") if run["state_type"] == "PAUSED"]
    assert len(fresh) == offered
    assert old["id"] not in {run["id"] for run in fresh}


def test_an_answer_in_the_works_is_left_alone(served: Any, house: Any, tick: Any) -> None:
    house.open_unknown()
    tick()
    form = _forms(served)["risk"]
    served.ask(f"/flow_runs/{form['id']}/set_state", state={"type": "RUNNING", "name": "Running"}, force=True)
    assert tick() == 0
    assert _forms(served)["risk"]["id"] == form["id"]


def test_where_nobody_serves_the_forms_none_is_offered_and_nothing_fails(
    board: Any, house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incident_flows.flows.asking.ASK", "ask/of-another-house")
    house.open_unknown()
    assert offer_forms(mirror(house.desk, now=house.now)) == 0


def test_an_unanswered_field_of_the_report_stays_unknown() -> None:
    report = Report(organisation="aimigos-studio", acquired=False, people_by_place={"ES": 3})
    assert report.facts() == {
        "organisation": "aimigos-studio", "moments": {}, "breach": {"acquired": False}, "data": {},
        "people": {"by_place": {"ES": 3}},
    }  # fmt: skip


def test_a_reason_that_holds_an_address_is_refused(house: Any) -> None:
    ref = house.open()
    with disable_run_logger(), pytest.raises(InputError, match="holds an address"):
        decided_in_form(ref, "risk", "high-risk", "ana@example.org complained", "")


def test_every_deployment_is_a_flow_and_no_form_asks_for_a_story() -> None:
    from prefect.utilities.callables import parameter_schema

    free: set[str] = set()
    for one in deployments():
        schema = parameter_schema(one.flow).model_dump()
        for name, field in _fields(schema):
            if field.get("type") == "string" and not {"enum", "pattern", "format"} & set(field):
                free.add(f"{one.name}: {name}")
        assert one.description or one.flow.description
    assert {one.name for one in deployments()} >= {"watch", "open-incident", "decide", "ask", "close"}
    assert free == set()


def _fields(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for part in (schema, *schema.get("definitions", {}).values()):
        for name, field in part.get("properties", {}).items():
            found += [(name, one) for one in (field, *field.get("anyOf", ()), field.get("items", {}))]
    return found
