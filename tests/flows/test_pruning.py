"""Old ticks, forms and versions leave the board by policy, a bounded number a tick; what is gone by hand comes back."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from incident_flows.errors import InputError
from incident_flows.flows import pruning
from incident_flows.flows.mirror import mirror
from incident_flows.flows.pruning import prune
from incident_flows.services.board_policy import board_policy
from incident_flows.services.decide import decide
from incident_flows.services.update import change_facts

POLICY = Path(__file__).parents[2] / "playbooks" / "policies" / "board.yaml"
DAY = timedelta(days=1)


@pytest.fixture
def served(deployed: Any, board: Any) -> Any:
    """Give the emptied server with the deployments registered."""
    return board


def _ended(board: Any, deployment: str, times: int) -> None:
    """Make runs that have ended by the server's own clock, which nobody moves."""
    for _ in range(times):
        made = board.start(deployment).raise_for_status().json()
        over = {"type": "COMPLETED", "name": "Ticked"}
        board.ask(f"/flow_runs/{made['id']}/set_state", state=over, force=True)


def _later(house: Any, by: timedelta) -> datetime:
    """Return an instant as much after the server's own present, and move the house there."""
    house.now = datetime.now(house.now.tzinfo) + by
    return house.now


def _policy(monkeypatch: pytest.MonkeyPatch, house: Any, **but: int) -> None:
    policy = board_policy(house.desk)
    monkeypatch.setattr(pruning, "board_policy", lambda desk: type(policy)(**{**vars(policy), **but}))


def test_old_ticks_go_a_bounded_number_at_a_time_and_runs_of_incidents_stay(
    served: Any, house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.open()
    mirror(house.desk, now=house.now)
    _ended(served, "watch/watch", 5)
    _policy(monkeypatch, house, at_once=3)
    standing = len(served.runs("INC-2026-0001"))
    assert prune(house.desk, now=_later(house, 0.9 * 2 * DAY)) == 0
    assert prune(house.desk, now=_later(house, 2.1 * DAY)) == 3
    assert len(served.runs("tick")) == 2
    assert prune(house.desk, now=house.now) == 2
    assert (served.runs("tick"), len(served.runs("INC-2026-0001"))) == ([], standing)


def test_versions_are_kept_by_number_and_by_age_and_the_newest_always(
    served: Any, house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = house.open()
    for people in range(1021, 1025):
        mirror(house.desk, now=house.now)
        people_now = {"people": {"total": people}, "data": {"protection": ("none", "encrypted")[people % 2]}}
        change_facts(house.desk, ref, people_now, actor=house.person(), now=house.now, source="test")
    mirror(house.desk, now=house.now)
    assert len(served.versions("inc-2026-0001-obligations")) == 5
    newest = {key: one["latest_id"] for key, one in served.artifacts().items()}
    _policy(monkeypatch, house, versions=2)
    assert prune(house.desk, now=_later(house, DAY)) > 0
    keys = Counter(one["key"] for one in served.ask("/artifacts/filter"))
    assert (keys["inc-2026-0001-obligations"], max(keys.values())) == (2, 2)
    assert prune(house.desk, now=_later(house, 91 * DAY)) > 0
    assert {key: one["latest_id"] for key, one in served.artifacts().items()} == newest
    assert set(Counter(one["key"] for one in served.ask("/artifacts/filter")).values()) == {1}


def test_a_closed_incident_leaves_the_board_after_its_time_and_a_fresh_board_passes_it_over(
    served: Any, house: Any
) -> None:
    gone, stays = house.open(), house.open()
    house.now = datetime.now(house.now.tzinfo)
    mirror(house.desk, now=house.now)
    with house.desk.database.write() as tx:
        tx.incidents.close(gone, house.now)
    mirror(house.desk, now=house.now)
    assert prune(house.desk, now=house.advance(days=89)) == 0
    assert served.runs(gone)
    assert prune(house.desk, now=house.advance(days=2)) > 0
    assert served.runs(gone) == []
    assert {key[:13] for key in served.artifacts() if key.startswith("inc-")} == {stays.lower()}
    assert prune(house.desk, now=house.now) == 0
    served.emptied()
    mirror(house.desk, now=house.now)
    assert (served.runs(gone), bool(served.runs(stays))) == ([], True)


def test_what_somebody_deleted_is_found_and_made_again(served: Any, house: Any) -> None:
    ref = house.open()
    decide(house.desk, ref, "risk", "high-risk", because="bank data", actor=house.person(), now=house.now)
    mirror(house.desk, now=house.now)
    run = served.runs(ref, "notice")[0]
    served.http.delete(f"/flow_runs/{run['id']}")
    served.http.delete(f"/artifacts/{served.artifacts()['inc-2026-0001-timeline']['latest_id']}")
    mirror(house.desk, now=house.now)
    assert run["name"] not in {one["name"] for one in served.runs(ref)}
    prune(house.desk, now=house.now)
    mirror(house.desk, now=house.now)
    assert run["name"] in {one["name"] for one in served.runs(ref)}
    assert "inc-2026-0001-timeline" in served.artifacts()
    assert len(served.versions("inc-2026-0001-obligations")) == 1


@pytest.mark.parametrize(
    ("part", "value"),
    [("versions", {"keep": 0, "keep_days": 9}), ("ticks", {"keep_hours": 0}), ("closed", {}), ("at_once", "many")],
)
def test_a_policy_that_cannot_be_is_refused(house: Any, tmp_path: Path, part: str, value: Any) -> None:
    (tmp_path / "policies").mkdir()
    said = {**yaml.safe_load(POLICY.read_text()), part: value}
    (tmp_path / "policies" / "board.yaml").write_text(yaml.safe_dump(said))
    desk = type("Desk", (), {"library": type("Library", (), {"root": tmp_path})})
    with pytest.raises(InputError, match=r"policies/board.yaml"):
        board_policy(desk)  # type: ignore[arg-type]
