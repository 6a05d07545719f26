"""What holds for every start, zone and period, tried on many."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incident_flows.core.deadlines import Deadline, deadline_for, first_instant_of, year_end
from incident_flows.core.law import Period
from incident_flows.core.open_days import WEEKDAYS

ZONES = (Path(__file__).resolve().parents[1] / "vectors" / "zones.txt").read_text("utf-8").split()
COUNTINGS = ("plain", "eu-1182", "event-day-counts", "year-end")
DATED = ("calendar-days", "business-days", "weeks", "months", "years")
many = settings(max_examples=300, deadline=None)

zones = st.sampled_from(ZONES).map(ZoneInfo)
starts = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
hours = st.builds(lambda value: Period(value=value, unit="hours"), st.integers(0, 200))
dated = st.builds(
    lambda value, unit: Period(value=value, unit=unit), st.integers(0, 70), st.sampled_from(DATED)
)


class SparseCalendar:
    """Weekends, and a holiday on each 1st, 13th and 14th of a month: closed days in every arrangement."""

    code = "SPARSE"
    source = "this test"

    def is_open(self, day: date) -> bool:
        return self.closed_because(day) is None

    def closed_because(self, day: date) -> str | None:
        if day.weekday() > 4:
            return WEEKDAYS[day.weekday()]
        return "a holiday" if day.day in (1, 13, 14) else None

    def covers(self, year: int) -> bool:
        return True


def end_of(period: Period, start_at: datetime, zone: ZoneInfo, counting: str, roll: bool = False) -> Deadline:
    return deadline_for(
        period, start_at=start_at, zone=zone, counting=counting, roll=roll, open_days=SparseCalendar()
    )


@many
@given(
    st.one_of(hours, dated),
    starts,
    st.timedeltas(timedelta(), timedelta(days=40)),
    zones,
    st.data(),
    st.booleans(),
)
def test_a_later_start_never_gives_an_earlier_deadline(
    period: Period, start: datetime, later: timedelta, zone: ZoneInfo, data: st.DataObject, roll: bool
) -> None:
    fitting = COUNTINGS[:3] if period.unit == "hours" else COUNTINGS
    counting = data.draw(st.sampled_from(fitting))
    first = end_of(period, start, zone, counting, roll)
    second = end_of(period, start + later, zone, counting, roll)
    assert first.due_at <= second.due_at
    for name in ("rounded", "extended", "outermost"):
        one, other = getattr(first, name), getattr(second, name)
        assert (one is None) == (other is None) == (counting != "eu-1182")
        assert one is None or one <= other


@many
@given(st.integers(0, 5000), starts, zones, zones, st.sampled_from(COUNTINGS[:3]))
def test_hours_end_exactly_so_many_seconds_later(
    count: int, start: datetime, seen_from: ZoneInfo, zone: ZoneInfo, counting: str
) -> None:
    end = end_of(Period(value=count, unit="hours"), start.astimezone(seen_from), zone, counting, roll=True)
    assert (end.due_at - start).total_seconds() == count * 3600
    assert end.due_at == end.strict
    assert end.due_on is None


@many
@given(hours, starts, zones)
def test_later_readings_stand_in_order_and_rounding_adds_at_most_an_hour(
    period: Period, start: datetime, zone: ZoneInfo
) -> None:
    end = end_of(period, start, zone, "eu-1182")
    assert end.rounded is not None
    assert end.extended is not None
    assert end.outermost is not None
    assert timedelta() < end.rounded - end.strict <= timedelta(hours=1)
    assert end.rounded <= end.extended <= end.outermost
    if period.value < 48:
        assert end.outermost == end.rounded


@many
@given(dated, starts, zones, st.sampled_from(COUNTINGS), st.booleans())
def test_days_end_with_the_last_instant_of_the_last_day(
    period: Period, start: datetime, zone: ZoneInfo, counting: str, roll: bool
) -> None:
    end = end_of(period, start, zone, counting, roll)
    assert end.due_on is not None
    assert (end.due_at - timedelta(microseconds=1)).astimezone(zone).date() == end.due_on
    assert end.due_at.astimezone(zone).date() == end.due_on + timedelta(days=1)
    if roll:
        assert SparseCalendar().is_open(end.due_on)


@many
@given(dated, starts, zones, st.sampled_from(COUNTINGS))
def test_the_hour_of_the_event_changes_nothing_for_days(
    period: Period, start: datetime, zone: ZoneInfo, counting: str
) -> None:
    day = start.astimezone(zone).date()
    last = first_instant_of(day + timedelta(days=1), zone) - timedelta(microseconds=1)
    ends = {end_of(period, at, zone, counting) for at in (first_instant_of(day, zone), start, last)}
    assert len(ends) == 1


@many
@given(starts, zones)
def test_the_year_end_is_the_last_second_of_31_december(start: datetime, zone: ZoneInfo) -> None:
    end = year_end(start, zone)
    assert end.astimezone(zone).date() == date(start.astimezone(zone).year, 12, 31)
    assert (end + timedelta(seconds=1)).astimezone(zone).date() == date(start.astimezone(zone).year + 1, 1, 1)
    assert year_end(end, zone) == end


@cache
def changes(name: str) -> tuple[date, ...]:
    """Return the days of 2024 to 2030 on which clocks of the zone change."""
    zone, day, found = ZoneInfo(name), date(2024, 1, 1), []
    while day.year < 2031:
        following = day + timedelta(days=1)
        if first_instant_of(following, zone) - first_instant_of(day, zone) != timedelta(days=1):
            found.append(day)
        day = following
    return tuple(found)


@pytest.mark.parametrize("name", ZONES)
def test_deadlines_are_stable_over_every_clock_change(name: str) -> None:
    zone = ZoneInfo(name)
    for day in changes(name):
        for back in range(4):
            event_on = day - timedelta(days=back)
            for minute in range(0, 1440, 117):
                start = first_instant_of(event_on, zone) + timedelta(minutes=minute)
                if start.astimezone(zone).date() != event_on:
                    continue
                elapsed = deadline_for(Period(value=72, unit="hours"), start_at=start, zone=zone)
                assert elapsed.due_at == start + timedelta(seconds=72 * 3600)
                counted = deadline_for(Period(value=3, unit="calendar-days"), start_at=start, zone=zone)
                assert counted.due_on == event_on + timedelta(days=3)
                assert counted.due_at.astimezone(zone).date() == event_on + timedelta(days=4)
                before = counted.due_at - timedelta(microseconds=1)
                assert before.astimezone(zone).date() == event_on + timedelta(days=3)


def test_the_list_of_zones_has_some_that_change_clocks_and_some_that_do_not() -> None:
    changing = [name for name in ZONES if changes(name)]
    assert len(ZONES) == 111
    assert 40 < len(changing) < 100
