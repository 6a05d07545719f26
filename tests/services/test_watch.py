"""The tick: each reminder once, late ones marked, nothing lost when a process dies half-way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from incident_flows.services.update import change_facts
from incident_flows.services.watch import status, tick

AEPD = "eu-gdpr/tell-authority@es-aepd"


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs."""


def _steps(house: Any, ref: str, oid: str) -> list[Any]:
    with house.desk.database.read() as tx:
        return [step for step in tx.steps.list(tx.incidents.get(ref).id) if step.oid == oid]


def test_advance_to_four_hours_before_the_end_and_tick_one_reminder_tick_again_none(house: Any) -> None:
    ref = house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
    tick(house.desk, now=house.now)
    fired = [step.name for step in _steps(house, ref, AEPD) if step.state == "fired"]
    assert fired.count("t-4h") == 1
    again = tick(house.desk, now=house.now)
    assert again.fired == 0


def test_reminders_missed_in_an_outage_fire_once_late_and_say_why(house: Any) -> None:
    ref = house.open("aimigos-studio")
    tick(house.desk, now=house.now)
    house.advance(hours=30)
    done = tick(house.desk, now=house.now)
    late = [step for step in _steps(house, ref, AEPD) if step.state == "fired" and step.late_because]
    assert done.late >= len(late) >= 2
    assert all("no tick ran" in step.late_because for step in late)
    assert tick(house.desk, now=house.now).fired == 0


def test_an_overdue_duty_is_called_every_hour_until_it_is_met(house: Any) -> None:
    ref = house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    tick(house.desk, now=house.now)
    for hour in (1, 2, 3):
        house.advance(hours=1)
        tick(house.desk, now=house.now)
        names = [step.name for step in _steps(house, ref, AEPD) if step.state == "fired"]
        assert f"overdue-{hour}" in names
    with house.desk.database.write() as tx:
        tx.obligations.meet(ref, AEPD, at=house.now, by="test")
    change_facts(house.desk, ref, {"reference": "T-1"}, actor=house.person(), now=house.now, source="test")
    house.advance(hours=1)
    tick(house.desk, now=house.now)
    assert "overdue-4" not in [step.name for step in _steps(house, ref, AEPD) if step.state == "fired"]


def test_a_process_that_dies_after_claiming_loses_no_reminder(house: Any) -> None:
    ref = house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)

    def die(point: str) -> None:
        if point == "watch:claimed":
            raise Killed

    house.desk.on_step = die
    with pytest.raises(Killed):
        tick(house.desk, now=house.now)
    house.desk.on_step = None
    assert not [step for step in _steps(house, ref, AEPD) if step.state == "fired"]
    house.advance(minutes=2)  # the dead process's lease has run out
    tick(house.desk, now=house.now)
    fired = [step.name for step in _steps(house, ref, AEPD) if step.state == "fired"]
    assert sorted(fired) == sorted(set(fired))
    assert "t-1h" in fired


def test_reminders_reach_the_team_with_addressee_and_time_left_and_no_story(house: Any) -> None:
    house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)
    tick(house.desk, now=house.now)
    titles = [title for title, _ in house.pager.pages]
    assert any("Agencia Española" in title and "one hour left" in title for title in titles)
    assert not any("laptop" in (title + body).lower() for title, body in house.pager.pages)


def test_duties_whose_reach_is_unknown_share_one_clock(house: Any) -> None:
    ref = house.open("terran-studio")
    assert _steps(house, ref, "open-questions")
    with house.desk.database.read() as tx:
        oids = {step.oid for step in tx.steps.list(tx.incidents.get(ref).id)}
    assert len(oids) < 10, "ninety authorities must not mean ninety reminders"


def test_status_says_whether_the_clocks_are_alive(house: Any) -> None:
    assert status(house.desk, now=house.now)["ticking"] is False
    tick(house.desk, now=house.now)
    assert status(house.desk, now=house.now)["ticking"] is True
    assert status(house.desk, now=house.advance(minutes=10))["ticking"] is False


def test_the_auditor_sees_what_is_due_and_unfired(house: Any) -> None:
    ref = house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
    with house.desk.database.write() as tx:
        tx.steps.claim(house.now, "somebody-slow", house.advance(hours=2) - house.now, 1000)
    house.now = datetime(2026, 11, 23, 16, 40, tzinfo=UTC)
    assert _steps(house, ref, AEPD)
    assert status(house.desk, now=house.now)["due_and_unfired"] > 0
