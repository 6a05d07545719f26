"""The tick when things go wrong: deaths between page and record, a database that goes away, alarms, clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incident_flows.errors import StorageError
from incident_flows.services.update import change_facts, store_change
from incident_flows.services.watch import next_wake, status, tick

AEPD = "eu-gdpr/tell-authority@es-aepd"


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs."""


def _steps(house: Any, ref: str) -> dict[str, Any]:
    with house.desk.database.read() as tx:
        return {row.name: row for row in tx.steps.list(tx.incidents.get(ref).id) if row.oid == AEPD}


def _die_at(house: Any, point: str) -> None:
    def die(reached: str) -> None:
        if reached == point:
            raise Killed

    house.desk.on_step = die


def _acts(house: Any, act: str) -> list[Any]:
    with house.desk.database.read() as tx:
        return [row for row in tx.journal.entries(limit=10_000) if row.act == act]


def _killed_tick(house: Any, point: str) -> None:
    """Tick as a process that dies at a point; whatever it knew dies with it."""
    _die_at(house, point)
    with pytest.raises(Killed):
        tick(house.desk, now=house.now)
    house.desk.on_step, house.desk.unrecorded = None, []


def _pages(house: Any, words: str) -> list[str]:
    return [body for title, body in house.pager.pages if words in title and "Agencia" in title]


def test_a_page_whose_process_died_before_the_record_goes_out_once_more_and_says_the_doubt(
    house: Any,
) -> None:
    ref = house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)
    _killed_tick(house, "watch:before-fired")
    first = len(house.pager.pages)
    assert first
    assert _steps(house, ref)["t-1h"].state in ("pending", "claimed")
    house.advance(minutes=2)
    done = tick(house.desk, now=house.now)
    assert done.in_doubt >= 1
    doubted = [body for _, body in house.pager.pages[first:] if "In doubt" in body]
    assert len(doubted) == done.in_doubt
    assert any(
        "may have been told before" in (row.payload.get("doubt") or "") for row in _acts(house, "reminded")
    )
    assert tick(house.desk, now=house.advance(minutes=2)).fired == 0


def test_it_never_goes_out_a_third_time_and_a_person_is_told_by_another_path(house: Any) -> None:
    ref = house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)
    with house.desk.database.write() as tx:
        tx.steps.claim(house.now, "dead", timedelta(seconds=60), 1000)
    for _ in range(2):
        house.advance(minutes=2)
        with house.desk.database.write() as tx:
            tx.steps.claim(house.now, "dead", timedelta(seconds=60), 1000)
    house.advance(minutes=2)
    done = tick(house.desk, now=house.now)
    assert done.fired == done.in_doubt > 0
    assert not _pages(house, "one hour left")
    assert "not told a third time" in _steps(house, ref)["t-1h"].detail["shown"]
    (alarm,) = _acts(house, "audit-alarm")
    assert alarm.payload["in_doubt"] == done.fired
    assert [body for title, body in house.pager.pages if "need a person" in title]


def test_the_alarm_about_doubt_outlives_the_process_that_found_it(house: Any) -> None:
    house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)
    for _ in range(3):
        with house.desk.database.write() as tx:
            tx.steps.claim(house.now, "dead", timedelta(seconds=60), 1000)
        house.advance(minutes=2)
    _killed_tick(house, "audit:paging")
    assert not _acts(house, "audit-alarm")
    house.advance(minutes=2)
    tick(house.desk, now=house.now)
    (alarm,) = _acts(house, "audit-alarm")
    assert alarm.payload["in_doubt"] > 0
    tick(house.desk, now=house.advance(minutes=1))
    assert len(_acts(house, "audit-alarm")) == 1


def test_what_was_told_and_could_not_be_recorded_is_recorded_by_the_next_tick_and_not_told_again(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)

    def gone(point: str) -> None:
        if point == "watch:before-fired":
            raise StorageError("the database restarts")

    house.desk.on_step = gone
    with pytest.raises(StorageError):
        tick(house.desk, now=house.now)
    house.desk.on_step = None
    told = len(house.pager.pages)
    assert house.desk.unrecorded
    done = tick(house.desk, now=house.advance(seconds=10))
    assert not done.in_doubt
    assert _steps(house, ref)["t-1h"].state == "fired"
    bodies = [body for _, body in house.pager.pages]
    assert len(bodies) == len(set(bodies)) >= told


def test_an_answer_the_database_lost_is_not_recorded_twice(house: Any) -> None:
    house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)
    kept: list[Any] = []

    def remember(point: str) -> None:
        if point == "watch:before-fired" and not kept:
            kept.extend(house.desk.unrecorded)

    house.desk.on_step = remember
    tick(house.desk, now=house.now)
    house.desk.on_step = None
    before = len(_acts(house, "reminded"))
    house.desk.unrecorded = kept  # as if the commit had gone through and its answer had not come
    assert tick(house.desk, now=house.advance(seconds=10)).fired == 0
    assert len(_acts(house, "reminded")) == before
    assert not _acts(house, "reminded-twice")


def test_a_step_another_process_took_over_meanwhile_is_journalled_as_told_twice(house: Any) -> None:
    ref = house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)

    def rival(point: str) -> None:
        if point == "watch:paged":
            house.desk.on_step = None
            with house.desk.database.write() as tx:
                tx.steps.claim(house.now + timedelta(minutes=2), "rival", timedelta(seconds=60), 1)

    house.desk.on_step = rival
    tick(house.desk, now=house.now)
    assert len(_acts(house, "reminded-twice")) == 1
    held = [row for row in _steps(house, ref).values() if row.claimed_by == "rival"]
    assert all(row.state == "claimed" for row in held)


def test_a_moved_deadline_cancels_and_plans_anew_in_one_transaction(house: Any) -> None:
    ref = house.open("aimigos-studio")
    before = _steps(house, ref)
    change = {
        "moments": {
            "aware_at": "2026-11-19T17:00:00Z",
            "occurred_from": None,
            "occurred_until": None,
            "detected_at": None,
        }
    }

    def die_before_the_commit() -> None:
        with house.desk.database.write() as tx:
            store_change(tx, house.desk, ref, change, actor="anna", now=house.now, source="test")
            raise Killed

    with pytest.raises(Killed):
        die_before_the_commit()
    assert _steps(house, ref) == before
    change_facts(house.desk, ref, change, actor=house.person(), now=house.now, source="test")
    with house.desk.database.read() as tx:
        rows = [row for row in tx.steps.list(tx.incidents.get(ref).id) if row.oid == AEPD]
    live = [row for row in rows if row.state == "pending"]
    assert {row.plan_version for row in live} == {max(row.plan_version for row in rows)}
    assert all(row.state == "cancelled" for row in rows if row.plan_version < live[0].plan_version)
    assert "moved" in {row.name for row in live}, "and the team is told at once that it moved"
    tick(house.desk, now=house.now)
    assert any("the deadline moved" in title for title, _ in house.pager.pages)


def test_the_auditor_raises_its_alarm_once_and_again_when_it_grows_worse(house: Any) -> None:
    house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
    with house.desk.database.write() as tx:
        tx.steps.claim(datetime(2026, 11, 23, 13, 0, tzinfo=UTC), "stuck", timedelta(hours=9), 1000)
    house.now = datetime(2026, 11, 23, 13, 10, tzinfo=UTC)
    assert tick(house.desk, now=house.now).missed > 0
    assert tick(house.desk, now=house.advance(minutes=1)).missed > 0
    assert len(_acts(house, "audit-alarm")) == 1
    tick(house.desk, now=house.advance(minutes=40))
    assert len(_acts(house, "audit-alarm")) == 2
    assert [title for title, _ in house.pager.pages if "need a person" in title]


def test_the_heartbeat_is_called_after_an_audited_tick_and_not_while_something_is_missed(house: Any) -> None:
    beats: list[datetime] = []
    house.desk.heartbeat = lambda: beats.append(house.now) is None
    house.open("aimigos-studio")
    tick(house.desk, now=house.now)
    assert len(beats) == 1
    assert status(house.desk, now=house.now)["heartbeat"]["ok"] is True
    with house.desk.database.write() as tx:
        tx.steps.claim(datetime(2026, 11, 23, 13, 0, tzinfo=UTC), "stuck", timedelta(days=9), 1000)
    house.now = datetime(2026, 11, 23, 13, 10, tzinfo=UTC)
    tick(house.desk, now=house.now)
    assert len(beats) == 1


def test_a_heartbeat_that_fails_rests_for_a_minute(house: Any) -> None:
    tried: list[datetime] = []

    def fails() -> bool:
        tried.append(house.now)
        return False

    house.desk.heartbeat = fails
    for _ in range(3):
        tick(house.desk, now=house.now)
        house.advance(seconds=25)
    assert len(tried) == 1
    tick(house.desk, now=house.now)
    assert len(tried) == 2


@pytest.mark.parametrize(
    ("wall", "monotonic", "jump"), [(60, 60, None), (7260, 60, 7200.0), (60, 3660, -3600.0)]
)
def test_wall_and_monotonic_clock_going_apart_is_a_jump(
    house: Any, wall: float, monotonic: float, jump: float | None
) -> None:
    seconds = [100.0]
    house.desk.monotonic = lambda: seconds[0]
    tick(house.desk, now=house.now)
    seconds[0] += monotonic
    done = tick(house.desk, now=house.advance(seconds=wall))
    assert done.jumped == jump
    found = status(house.desk, now=house.now)["clock"]
    assert found["jumps"] == (jump is not None)
    assert [row.payload["seconds"] for row in _acts(house, "clock-jumped")] == (
        [] if jump is None else [jump]
    )


def test_a_clock_set_back_between_stored_ticks_is_seen_and_no_claim_outlives_it(house: Any) -> None:
    ref = house.open("aimigos-studio")
    house.now = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)
    _killed_tick(house, "watch:claimed")
    with house.desk.database.write() as tx:
        tx.leases.put("last-tick", house.now.isoformat())
    house.advance(hours=-2)
    assert tick(house.desk, now=house.now).jumped == -7200.0
    house.advance(minutes=2)
    for _ in range(40):
        tick(house.desk, now=house.advance(seconds=61))
    assert not [row for row in _steps(house, ref).values() if row.state == "claimed"]


def test_a_running_loop_fires_a_step_within_two_seconds_of_its_instant(house: Any) -> None:
    ref = house.open("aimigos-studio")
    start = datetime(2026, 11, 22, 9, 0, 0, 250_000, tzinfo=UTC)
    with house.desk.database.write() as tx:
        for row in tx.incidents.list():
            tx.steps.cancel(row.id)
        incident = tx.incidents.get(ref)
        due = [start + timedelta(seconds=3.7 * number, microseconds=number * 1313) for number in range(120)]
        tx.steps.plan(incident.id, "loop", 1, [(f"s{number}", at, {}) for number, at in enumerate(due)])
    house.now, late = start, []
    while len(late) < len(due):
        wake = next_wake(house.desk, house.now)
        if wake <= house.now:
            tick(house.desk, now=house.now)
            house.advance(milliseconds=40)  # what a tick takes
            with house.desk.database.read() as tx:
                rows = tx.steps.list(incident.id)
            late = [row.late_seconds for row in rows if row.oid == "loop" and row.state == "fired"]
            continue
        house.now = min(wake, house.now + timedelta(seconds=1))
    assert sorted(late)[round(0.99 * len(late)) - 1] <= 2
    assert max(late) <= 2


def test_the_loop_wakes_for_the_next_step_a_lapsing_claim_or_once_a_minute(house: Any) -> None:
    assert next_wake(house.desk, house.now) == house.now + timedelta(seconds=60)
    house.open("aimigos-studio")
    near = datetime(2026, 11, 23, 12, 59, 30, tzinfo=UTC)
    house.now = near
    tick(house.desk, now=near)
    assert next_wake(house.desk, near) == datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
    with house.desk.database.write() as tx:
        tx.steps.claim(datetime(2026, 11, 23, 13, 0, tzinfo=UTC), "w", timedelta(seconds=20), 1000)
    assert next_wake(house.desk, datetime(2026, 11, 23, 13, 0, 1, tzinfo=UTC)) == datetime(
        2026, 11, 23, 13, 0, 20, tzinfo=UTC
    )
