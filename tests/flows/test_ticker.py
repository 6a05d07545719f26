"""The clock of its own: fires what is due within a second's look, with no Prefect anywhere."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from incident_flows.errors import StorageError
from incident_flows.flows.ticker import Ticker


@pytest.fixture
def ticker(house: Any) -> Ticker:
    return Ticker(lambda: house.desk, now=lambda: house.now)


def test_a_reminder_fires_at_the_first_look_after_its_instant_and_never_again(
    house: Any, ticker: Ticker
) -> None:
    house.open()
    ticker.look()
    with house.desk.database.read() as tx:
        due = tx.steps.next_due()
    house.now = due
    house.advance(seconds=-1)
    assert ticker.look() is None
    house.advance(seconds=1)
    done = ticker.look()
    assert done is not None
    assert done.fired >= 1
    assert done.late == 0
    again = ticker.look()
    assert again is None


def test_nothing_due_costs_a_look_and_no_tick(house: Any, ticker: Ticker) -> None:
    assert ticker.look() is not None  # the first one is whole: something may have been left behind
    assert ticker.look() is None


def test_trouble_is_told_once_and_the_next_look_goes_on(house: Any) -> None:
    answers = iter([StorageError("The database is gone."), StorageError("The database is gone."), house.desk])
    told: list[str] = []
    ticks: list[Any] = []

    def desk() -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def tell(done: Any) -> None:
        ticks.append(done)
        ticker.stop()

    ticker = Ticker(desk, now=lambda: house.now, tell=tell, trouble=told.append, every=0.0)
    ticker.run()
    assert told == ["The database is gone."]
    assert len(ticks) == 1


def test_it_is_made_without_prefect() -> None:
    import subprocess

    code = "import sys, incident_flows.flows.engine; print('prefect' in sys.modules)"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "False"
