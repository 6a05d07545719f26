"""Automations stand on the server as prefect.yaml says; events tell what happened; the team is called once."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.runner import Runner

from incident_flows.flows.automations import apply_automations, automations
from incident_flows.flows.deployments import serve_all
from incident_flows.flows.forms import acknowledge
from incident_flows.flows.mirror import mirror
from incident_flows.flows.page_team import page_team
from incident_flows.flows.watch import watch
from tests.flows.api import wait_for

ALL_TIME = {"since": "2026-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}  # the house's clock is not ours
NAMES = {"breach · ticks stopped", "breach · deadline near and undecided", "breach · delivery failing"}


@pytest.fixture
def served(deployed: Any, board: Any) -> Any:
    """Give the emptied server with the deployments registered."""
    return board


def _apply() -> list[str]:
    async def run() -> list[str]:
        ids = await serve_all(Runner(name="test", pause_on_shutdown=False))
        async with get_client() as client:
            return await apply_automations(client, ids)

    return asyncio.run(run())


def _standing(board: Any) -> dict[str, Any]:
    return {one["name"]: one for one in board.ask("/automations/filter") if "breach" in one["tags"]}


def _events(board: Any, prefix: str = "breach.") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = board.ask(
        "/events/filter",
        filter={"event": {"prefix": [prefix]}, "occurred": ALL_TIME, "order": "ASC"},
        limit=50,
    )["events"]
    return found


def test_automations_stand_as_written_and_changes_are_put_back(served: Any) -> None:
    assert set(_apply()) == NAMES
    first = _standing(served)
    assert set(first) == NAMES
    assert first["breach · ticks stopped"]["trigger"]["within"] == 300
    assert all(one["actions"][0]["type"] == "run-deployment" for one in first.values())
    some = first["breach · delivery failing"]
    served.http.patch(f"/automations/{some['id']}", json={"enabled": False})
    old = {**{key: some[key] for key in ("trigger", "actions", "tags")}, "name": "breach · of last year"}
    served.http.post("/automations/", json=old).raise_for_status()
    _apply()
    again = _standing(served)
    assert set(again) == NAMES
    assert {one["id"] for one in again.values()} == {one["id"] for one in first.values()}
    assert all(one["enabled"] for one in again.values())


def test_every_change_of_state_is_an_event_once(served: Any, house: Any) -> None:
    of_others = {one["id"] for one in _events(served, "breach.opened")}  # events outlive the tests that told them

    def opened() -> list[dict[str, Any]]:
        return [one for one in _events(served, "breach.opened") if one["id"] not in of_others]

    mirror(house.desk, now=house.now)
    ref = house.open()
    mirror(house.desk, now=house.advance(minutes=1))
    events = wait_for(opened)
    assert [one["resource"]["prefect.resource.id"] for one in events] == [f"breach.incident.{ref}"]
    assert events[0]["payload"]["incident"] == ref
    assert "Laptop" not in json.dumps(events)
    mirror(house.desk, now=house.advance(minutes=1))
    wait_for(lambda: len(_events(served, "breach.tick")) >= 3)
    assert len(opened()) == 1


def test_an_open_question_near_its_end_is_an_event_of_its_own(served: Any, house: Any) -> None:
    mirror(house.desk, now=house.now)
    house.open_unknown()
    house.advance(hours=100)
    watch(return_state=True)
    found = wait_for(lambda: _events(served, "breach.deadline.undecided"))
    assert found[0]["payload"]["incident"] == "INC-2026-0001"
    calls = wait_for(lambda: [one for one in _calls(served) if one["because"] == "deadline-undecided"])
    assert calls[0]["incident"] == "INC-2026-0001"
    assert calls[0]["subject"] in {one["payload"]["subject"] for one in found}


def test_when_ticks_stop_the_server_starts_the_run_that_calls(served: Any) -> None:
    """The shipped trigger with a shorter patience: the shortest the server allows."""
    _apply()
    served.http.post("/events", json=[_tick()]).raise_for_status()
    shipped = _standing(served)["breach · ticks stopped"]
    trigger = {key: value for key, value in shipped["trigger"].items() if key != "id"} | {"within": 10}
    body = {"name": "impatient", "tags": [], "trigger": trigger, "actions": shipped["actions"]}
    made = served.http.post("/automations/", json=body)
    made.raise_for_status()
    try:
        wait_for(lambda: [one for one in _calls(served) if one == {"because": "ticks-stopped"}])
    finally:
        served.http.delete(f"/automations/{made.json()['id']}")


def _calls(served: Any) -> list[dict[str, Any]]:
    """Return the parameters of every run an automation scheduled."""
    return [one["parameters"] for one in served.runs(scheduled=True) if one["parameters"].get("because")]


def _tick() -> dict[str, Any]:
    # The server reckons absence by the time in events, so this one bears the host's own.
    return {
        "occurred": datetime.now(UTC).isoformat(), "event": "breach.tick",
        "resource": {"prefect.resource.id": "breach.engine"},
        "payload": {}, "id": "00000000-0000-4000-8000-000000000001",
    }  # fmt: skip


def test_the_team_is_called_about_stopped_ticks_once_and_not_while_they_go_on(board: Any, house: Any) -> None:
    watch(return_state=True)
    assert page_team("ticks-stopped", return_state=True).name == "NotNeeded"
    house.advance(minutes=10)
    assert page_team("ticks-stopped", return_state=True).name == "Called"
    assert page_team("ticks-stopped", return_state=True).name == "NotNeeded"
    house.advance(minutes=31)
    assert page_team("ticks-stopped", return_state=True).name == "Called"
    with house.desk.database.read() as tx:
        alarms = [one for one in tx.journal.entries(limit=1000) if one.act == "audit-alarm"]
    assert [one.payload["because"] for one in alarms] == ["ticks-stopped"] * 2


def test_upcoming_steps_stand_in_one_table(board: Any, house: Any) -> None:
    house.open()
    for _ in range(2):
        mirror(house.desk, now=house.advance(minutes=1))
    tables = [one for one in board.ask("/artifacts/filter") if one["key"] == "upcoming-steps"]
    assert len(tables) == 1
    rows = json.loads(tables[0]["data"])
    assert any("hours left" in row["says"] or "half" in row["says"] for row in rows)
    assert [row["at (UTC)"] for row in rows] == sorted(row["at (UTC)"] for row in rows)


def test_a_reminder_is_acknowledged_from_the_form(board: Any, house: Any) -> None:
    ref = house.open()
    house.advance(hours=60)
    watch(return_state=True)
    assert house.fired(ref)
    assert acknowledge(ref, return_state=True).name == "Acknowledged"
    assert acknowledge(ref, return_state=True).name == "NothingToSee"
    with house.desk.database.read() as tx:
        seen = [one for one in tx.journal.entries(ref, limit=1000) if one.act == "acknowledged"]
    assert {one.payload["via"] for one in seen} == {"Prefect form"}
    assert acknowledge(ref, "999999", return_state=True).name == "Refused"


def test_every_automation_names_a_deployment_that_is_served() -> None:
    from uuid import uuid4

    from incident_flows.flows.deployments import deployments

    found = automations({one.name: uuid4() for one in deployments()})
    assert {one.name for one in found} == NAMES
    assert all(one.trigger.within in (timedelta(0), timedelta(seconds=300)) for one in found)
