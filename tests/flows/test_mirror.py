"""The board shows what our database says, on a real Prefect server, and is rebuilt from it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from incident_flows.flows.mirror import mirror
from incident_flows.services.board import PHASES
from incident_flows.services.update import change_facts


def _phases(board: Any, ref: str) -> dict[str, dict[str, Any]]:
    runs = board.runs(ref, "phase")
    return {key: run for key in PHASES for run in runs if key in run["tags"]}


def test_each_phase_is_one_run_named_after_the_incident_and_tagged(board: Any, house: Any) -> None:
    ref = house.open()
    shown = mirror(house.desk, now=house.now)
    assert shown.changed == 1
    runs = _phases(board, ref)
    assert list(runs) == list(PHASES)
    assert len(board.runs(ref, "phase")) == len(PHASES)
    triage = runs["detection-and-triage"]
    assert triage["name"] == f"{ref} · detection and triage"
    assert triage["state_name"] == "ClockStarted"
    assert "2026-11-23T17:00:00Z" in triage["state"]["message"]
    assert {ref, "aimigos-studio", "eu-gdpr", "uk-gdpr"} <= set(triage["tags"])
    assert triage["parameters"] == {"incident": ref}
    assert (runs["risk-assessment"]["state_type"], runs["risk-assessment"]["state_name"]) == (
        "COMPLETED",
        "RiskHigh",
    )
    assert (runs["authority-notification"]["state_type"], runs["close"]["state_type"]) == (
        "RUNNING",
        "RUNNING",
    )


def test_the_artifacts_show_each_deadline_and_the_status(board: Any, house: Any) -> None:
    house.open()
    mirror(house.desk, now=house.now)
    artifacts = board.artifacts()
    pages = {f"inc-2026-0001-{one}" for one in ("clocks", "status", "obligations", "notices", "timeline")}
    assert set(artifacts) == pages | {"wall-of-clocks", "upcoming-steps"}
    rows = json.loads(artifacts["inc-2026-0001-clocks"]["data"])
    spain = next(row for row in rows if "Española" in row["tell"])
    assert spain["by (UTC)"] == "2026-11-23T17:00:00Z"
    assert spain["by (their time)"] == "Mon 23 Nov 2026 18:00 Europe/Madrid"
    assert spain["left"] == "33 h 00 min"
    assert "33(1)" in spain["article"]
    assert "| authority-notification | **Owed** |" in artifacts["inc-2026-0001-status"]["data"]
    assert json.loads(artifacts["wall-of-clocks"]["data"])[0]["incident"] == "INC-2026-0001"


def test_another_tick_refreshes_the_same_versions_and_makes_none(board: Any, house: Any) -> None:
    ref = house.open()
    mirror(house.desk, now=house.now)
    house.advance(minutes=30)
    assert mirror(house.desk, now=house.now).changed == 0
    assert len(board.runs(ref, "phase")) == len(PHASES)
    for key in ("inc-2026-0001-clocks", "inc-2026-0001-status", "wall-of-clocks"):
        assert len(board.versions(key)) == 1
    assert "32 h 30 min" in board.artifacts()["inc-2026-0001-clocks"]["data"]
    assert "32 h 30 min" in board.versions("inc-2026-0001-clocks")[0]["data"]
    assert "08:30" in board.artifacts()["inc-2026-0001-status"]["data"]


def test_a_change_moves_the_same_runs_on_and_keeps_what_stood_before(board: Any, house: Any) -> None:
    ref = house.open()
    mirror(house.desk, now=house.now)
    before = _phases(board, ref)
    change_facts(
        house.desk,
        ref,
        {"moments": {"aware_at": "2026-11-20T17:15:00+01:00"}},
        actor=house.person(),
        now=house.now,
        source="test",
    )
    assert mirror(house.desk, now=house.now).changed == 1
    after = _phases(board, ref)
    assert {key: run["id"] for key, run in after.items()} == {key: run["id"] for key, run in before.items()}
    assert "2026-11-23T16:15:00Z" in after["detection-and-triage"]["state"]["message"]
    states = board.http.get(
        "/flow_run_states/", params={"flow_run_id": after["detection-and-triage"]["id"]}
    ).json()
    assert [one["name"] for one in states] == ["ClockStarted", "ClockStarted"]
    assert len(board.versions("inc-2026-0001-clocks")) == 2


def test_an_emptied_prefect_is_shown_everything_again_closed_incidents_too(board: Any, house: Any) -> None:
    closed, open_ = house.open(), house.open()
    with house.desk.database.write() as tx:
        tx.incidents.close(closed, house.now)
    mirror(house.desk, now=house.now)
    board.emptied()
    assert mirror(house.desk, now=house.now).changed == 2
    assert _phases(board, closed)["close"]["state_name"] == "Closed"
    assert _phases(board, open_)["detection-and-triage"]["state_name"] == "ClockStarted"
    assert {"inc-2026-0001-clocks", "inc-2026-0002-clocks", "wall-of-clocks"} <= set(board.artifacts())


def test_an_incident_closed_between_two_ticks_is_shown_closed_and_then_left_alone(
    board: Any, house: Any
) -> None:
    ref = house.open()
    mirror(house.desk, now=house.now)
    with house.desk.database.write() as tx:
        tx.incidents.close(ref, house.now)
    assert mirror(house.desk, now=house.now).changed == 1
    assert _phases(board, ref)["close"]["state_name"] == "Closed"
    assert mirror(house.desk, now=house.now).decisions == {}
    assert json.loads(board.artifacts()["wall-of-clocks"]["data"]) == []


def test_what_somebody_deletes_in_prefect_is_made_again(board: Any, house: Any) -> None:
    ref = house.open()
    mirror(house.desk, now=house.now)
    page = board.artifacts()["inc-2026-0001-status"]["latest_id"]
    assert board.http.delete(f"/artifacts/{page}").is_success
    assert "inc-2026-0001-status" not in board.artifacts()
    mirror(house.desk, now=house.now)
    assert "inc-2026-0001-status" in board.artifacts()
    board.http.delete(f"/flow_runs/{_phases(board, ref)['risk-assessment']['id']}")
    change_facts(
        house.desk,
        ref,
        {"data": {"protection": "encrypted"}, "people": {"total": 1021}},
        actor=house.person(),
        now=house.now,
        source="test",
    )
    mirror(house.desk, now=house.now)
    assert len(_phases(board, ref)) == len(PHASES)


def test_only_one_process_shows_the_board_at_a_time(board: Any, house: Any) -> None:
    house.open()
    with house.desk.database.write() as tx:
        tx.leases.take("mirror", "another", house.now, timedelta(seconds=30))
    assert mirror(house.desk, now=house.now).alone is False
    assert board.artifacts() == {}
    house.advance(seconds=31)
    assert mirror(house.desk, now=house.now).alone is True


def test_a_round_without_time_goes_on_where_the_last_one_ended_and_begins_with_what_is_new(
    board: Any, house: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("incident_flows.flows.mirror.PATIENCE", 0.0)
    refs = [house.open() for _ in range(3)]
    rounds = []
    for number in range(4):
        if number == 2:
            refs.append(house.open())
        shown = mirror(house.desk, now=house.now)
        rounds.append((list(shown.decisions), shown.left))
    assert rounds == [([refs[0]], 2), ([refs[1]], 2), ([refs[3]], 3), ([refs[2]], 3)]
