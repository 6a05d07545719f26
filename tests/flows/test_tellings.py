"""Each addressee has a run that says where its notice stands; pages say why; all of it again from our database."""

from __future__ import annotations

from typing import Any

import pytest

from incident_flows.flows.mirror import mirror
from incident_flows.flows.phases import one_notice
from incident_flows.services.approve import approve
from incident_flows.services.decide import decide
from incident_flows.services.desk import acting
from incident_flows.services.draft import draft
from incident_flows.services.notify import record_filing
from incident_flows.services.update import change_facts

OFFICER = {"organisation": {"dpo": {"name": "Ana", "email": "dpo@aimigos.example", "phone": "+34 600 000 000"}}}
ICO = "uk-gdpr/tell-authority@gb-ico"


@pytest.fixture
def served(deployed: Any, board: Any) -> Any:
    """Give the emptied server with the deployments registered."""
    return board


def _notices(board: Any, ref: str) -> dict[str, dict[str, Any]]:
    return {run["name"].partition(" · ")[2]: run for run in board.runs(ref, "notice")}


def _states(board: Any, run: dict[str, Any]) -> list[str]:
    found = board.http.get("/flow_run_states/", params={"flow_run_id": run["id"]}).json()
    return [one["name"] for one in found]


def test_each_addressee_is_one_run_with_speaking_states_and_tags(served: Any, house: Any) -> None:
    ref = house.open()
    mirror(house.desk, now=house.now)
    runs = _notices(served, ref)
    assert set(runs) == {
        "AEPD notice", "ICO notice", "notice to people · eu-gdpr", "notice to people · uk-gdpr",
    }  # fmt: skip
    ico = runs["ICO notice"]
    assert (ico["state_type"], ico["state_name"]) == ("RUNNING", "ClockStarted")
    assert ico["state"]["message"] == "deadline 2026-11-23T17:00:00Z"
    assert {ref, "breach", "notice", "authority-notification", "uk-gdpr", "GB", "gb-ico"} <= set(ico["tags"])
    assert ico["parameters"] == {"incident": ref, "obligation": ICO}
    state = one_notice(ref, ICO, return_state=True)
    assert (state.name, state.message) == ("ClockStarted", ico["state"]["message"])
    house.advance(hours=34)
    mirror(house.desk, now=house.now)
    late = _notices(served, ref)["ICO notice"]
    assert (late["id"], late["state_type"], late["state_name"]) == (ico["id"], "FAILED", "Overdue")
    assert _states(served, late) == ["ClockStarted", "Overdue"]


def _drafted(house: Any, ref: str) -> None:
    """Draft the letter to the people, which then waits for somebody else."""
    desk, now = house.desk, house.now
    with desk.database.write() as tx:
        for name in ("anna", "boris"):
            tx.accounts.ensure(name, ["handler", "approver"], now)
    change_facts(desk, ref, OFFICER, actor=acting(desk, "anna", now=now), now=now, source="call")
    draft(desk, ref, "eu-gdpr/tell-people", actor=acting(desk, "anna", now=now), now=now, language="en")


def test_a_notice_goes_from_draft_to_approval_and_its_page_says_what_is_next(served: Any, house: Any) -> None:
    ref = house.open()
    _drafted(house, ref)
    mirror(house.desk, now=house.now)
    people = _notices(served, ref)["notice to people · eu-gdpr"]
    assert people["state_name"] == "AwaitingApproval"
    assert "N-0001 awaiting-approval" in people["state"]["message"]
    page = served.artifacts()["inc-2026-0001-notices"]["data"]
    assert f"run *{ref} · approve N-0001*" in page
    approve(house.desk, ref, "N-0001", actor=acting(house.desk, "boris", now=house.now), now=house.now)
    mirror(house.desk, now=house.now)
    again = _notices(served, ref)["notice to people · eu-gdpr"]
    assert (again["id"], _states(served, again)) == (people["id"], ["AwaitingApproval", "Approved"])
    assert "breach notify" in served.artifacts()["inc-2026-0001-notices"]["data"]
    boris = acting(house.desk, "boris", now=house.now)
    record_filing(house.desk, ref, "N-0001", filed_as="REF-42", actor=boris, now=house.now)
    mirror(house.desk, now=house.now)
    filed = _notices(served, ref)["notice to people · eu-gdpr"]
    assert (filed["state_type"], filed["state_name"]) == ("COMPLETED", "Filed")
    assert "REF-42" not in str(_seen(served))
    assert "breach notify" not in served.artifacts()["inc-2026-0001-notices"]["data"]
    assert len(served.versions("inc-2026-0001-notices")) == 3
    assert len(served.versions("inc-2026-0001-timeline")) == 1
    assert "| approved | `N-0001` |" in served.artifacts()["inc-2026-0001-timeline"]["data"]


def test_what_a_person_decided_away_is_said_and_what_facts_took_away_is_gone(served: Any, house: Any) -> None:
    ref = house.open_unknown()
    mirror(house.desk, now=house.now)
    oid = "eu-gdpr/tell-authority@es-aepd"
    assert _notices(served, ref)["AEPD notice"]["state_name"] == "Undecided"
    decide(house.desk, ref, oid, "not-owed", because="a test of ours", actor=house.person(), now=house.now)
    mirror(house.desk, now=house.now)
    decided = _notices(served, ref)["AEPD notice"]
    assert (decided["state_type"], decided["state_name"]) == ("COMPLETED", "NotOwed")
    page = served.artifacts()["inc-2026-0001-obligations"]["data"]
    assert f"- `{oid}`: decided by a person" in page
    assert "a test of ours" not in page
    change_facts(
        house.desk, ref, {"role": "processor"}, actor=house.person(), now=house.now, source="call"
    )
    mirror(house.desk, now=house.now)
    assert "notice to people" not in _notices(served, ref)


def test_reasons_stand_beside_each_obligation(served: Any, house: Any) -> None:
    house.open()
    mirror(house.desk, now=house.now)
    page = served.artifacts()["inc-2026-0001-obligations"]["data"]
    spain = page.partition("### Agencia Española")[2].partition("###")[0]
    assert "Regulation (EU) 2016/679, Art. 33(1)" in spain
    assert "- risk to people is high" in spain
    assert "- `uk-gdpr/tell-public@public`: arises only once" in page


def test_links_lead_to_the_console_where_there_is_one(
    served: Any, house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREACH_CONSOLE_URL", "https://breach.example.org")
    ref = house.open()
    _drafted(house, ref)
    mirror(house.desk, now=house.now)
    artifacts, room = served.artifacts(), f"https://breach.example.org/incidents/{ref}"
    assert f"[N-0001]({room}/notices/N-0001)" in artifacts["inc-2026-0001-notices"]["data"]
    assert f"({room}/duties/{ICO})" in artifacts["inc-2026-0001-obligations"]["data"]


def _seen(board: Any) -> Any:
    """Return what people see of a board: runs with states and tags, artifacts with their content."""
    runs = [
        (run["name"], run["state_type"], run["state_name"], run["state"]["message"], sorted(run["tags"]))
        for run in board.runs()
    ]
    return sorted(runs), {key: (one["data"], one["description"]) for key, one in board.artifacts().items()}


def test_a_rebuilt_board_is_the_same_board(served: Any, house: Any) -> None:
    first, second = house.open(), house.open_unknown()
    mirror(house.desk, now=house.now)
    _drafted(house, first)
    decide(house.desk, second, "risk", "high-risk", because="bank data", actor=house.person(), now=house.now)
    house.advance(hours=20)
    mirror(house.desk, now=house.now)
    before = _seen(served)
    served.emptied()
    assert _seen(served) == ([], {})
    mirror(house.desk, now=house.now)
    assert _seen(served) == before


def test_a_mirror_that_died_before_it_could_note_a_run_makes_no_second_one(served: Any, house: Any) -> None:
    house.open()
    mirror(house.desk, now=house.now)
    runs = {run["id"] for run in served.runs()}
    with house.desk.database.write() as tx:
        for name, mark in tx.leases.marks("board/").items():
            if name.endswith("INC-2026-0001"):
                tx.leases.put(name, {**mark, "runs": {}, "fingerprint": None})
    mirror(house.desk, now=house.advance(hours=40))
    assert {run["id"] for run in served.runs()} == runs
    assert _notices(served, "INC-2026-0001")["ICO notice"]["state_name"] == "Overdue"
