"""The tick as a flow: fires, shows, says what it did; and fires all the same when Prefect is gone."""

from __future__ import annotations

from typing import Any

from prefect.logging import disable_run_logger
from prefect.settings import PREFECT_API_URL, temporary_settings

from incident_flows.flows.watch import watch


def test_advance_sixty_hours_tick_and_tick_again(board: Any, house: Any) -> None:
    ref = house.open()
    first = watch(return_state=True)
    assert (first.name, first.is_completed()) == ("Ticked", True)
    before = len(house.fired(ref))
    house.advance(hours=60)
    watch(return_state=True)
    fired = house.fired(ref)
    assert len(fired) > before
    watch(return_state=True)
    assert len(house.fired(ref)) == len(fired)
    assert [run["state_name"] for run in board.runs() if run["name"] == "tick"] == ["Ticked"] * 3


def test_with_prefect_gone_everything_due_fires_and_the_state_says_the_board_is_old(house: Any) -> None:
    ref = house.open()
    house.advance(hours=60)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}), disable_run_logger():
        state = watch.fn()
    assert (state.name, state.is_failed()) == ("NotShown", True)
    assert "the board is not up to date" in state.message
    fired = house.fired(ref)
    assert fired
    assert {row.late_because is not None for row in fired} == {True}
