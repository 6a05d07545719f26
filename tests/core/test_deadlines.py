"""Deadlines at their edges: clock changes, midnights, closed last days, refusals, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from incident_flows.core.deadlines import Deadline, deadline_for, first_instant_of, year_end
from incident_flows.core.law import Period
from incident_flows.core.open_days import WEEKDAYS, Weekdays
from incident_flows.errors import AmbiguousDeadlineError

BERLIN, PARIS, LONDON = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Paris"), ZoneInfo("Europe/London")
NEW_YORK, TOKYO = ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")


class Calendar:
    """A calendar with the holidays a test names, for the years it names."""

    code = "TEST"
    source = "this test"

    def __init__(
        self, holidays: Mapping[str, str] | None = None, *, years: range = range(2020, 2031)
    ) -> None:
        self._holidays = {date.fromisoformat(day): name for day, name in (holidays or {}).items()}
        self._years = years

    def is_open(self, day: date) -> bool:
        return self.closed_because(day) is None

    def closed_because(self, day: date) -> str | None:
        return WEEKDAYS[day.weekday()] if day.weekday() > 4 else self._holidays.get(day)

    def covers(self, year: int) -> bool:
        return year in self._years


class CarefulCalendar(Calendar):
    """A calendar that also knows closures of last days, and doubts."""

    def __init__(self, *, shut: str = "", doubtful: str = "") -> None:
        super().__init__()
        self._shut, self._doubtful = shut, doubtful

    def shut_as_last_day(self, day: date) -> str | None:
        return "the office closes early" if day.isoformat() == self._shut else None

    def doubt(self, day: date) -> str | None:
        return "Eid al-Fitr (estimated)" if day.isoformat() == self._doubtful else None


class NeverOpen(Calendar):
    def is_open(self, day: date) -> bool:
        return False


def end_of(period: str, start: str, zone: ZoneInfo = BERLIN, **how: object) -> Deadline:
    """Return the deadline; `start` is an instant with offset, or a local time in `zone`."""
    start_at = datetime.fromisoformat(start)
    if start_at.tzinfo is None:
        start_at = start_at.replace(tzinfo=zone)
    return deadline_for(Period.parse(period), start_at=start_at, zone=zone, **how)  # type: ignore[arg-type]


def local(instant: datetime | None, zone: ZoneInfo = BERLIN) -> str:
    assert instant is not None
    assert instant.tzinfo is UTC
    return instant.astimezone(zone).isoformat()


# Hours


def test_hours_keep_running_through_a_clock_change() -> None:
    assert local(end_of("72 hours", "2026-03-27T16:30:00").due_at) == "2026-03-30T17:30:00+02:00"
    assert local(end_of("72 hours", "2026-10-23T16:30:00").due_at) == "2026-10-26T15:30:00+01:00"


def test_a_clock_change_inside_the_period_is_said() -> None:
    changed = end_of("72 hours", "2026-10-23T16:30:00")
    assert "Clocks in Europe/Berlin change in between: the wall clock then shows 15:30." in changed.notes
    assert not any("Clocks" in note for note in end_of("72 hours", "2026-11-10T16:30:00").notes)


def test_hours_never_move_off_a_weekend_or_holiday() -> None:
    christmas = Calendar({"2026-12-25": "Christmas Day"})
    end = end_of("24 hours", "2026-12-24T18:00:00", roll=True, open_days=christmas)
    assert local(end.due_at) == "2026-12-25T18:00:00+01:00"
    assert end.due_on is None
    assert end.rule == "hours-elapsed"


def test_minutes_elapse_too() -> None:
    end = end_of("90 minutes", "2026-10-25T02:30:00+02:00")
    assert local(end.due_at) == "2026-10-25T03:00:00+01:00"
    assert end.rule == "minutes-elapsed"


def test_the_zone_of_the_observer_changes_no_hour() -> None:
    seen = {
        deadline_for(
            Period.parse("72 hours"),
            start_at=datetime(2026, 7, 11, 3, tzinfo=UTC).astimezone(ZoneInfo(name)),
            zone=PARIS,
            counting="eu-1182",
        )
        for name in ("America/Los_Angeles", "Europe/Paris", "Asia/Kolkata")
    }
    assert len(seen) == 1


def test_zero_hours_are_over_at_once() -> None:
    assert end_of("0 hours", "2026-11-10T09:17:00+00:00").due_at == datetime(2026, 11, 10, 9, 17, tzinfo=UTC)


# Regulation 1182/71


def test_an_event_exactly_on_the_hour_leaves_the_whole_hour_out() -> None:
    on_the_hour = end_of("72 hours", "2026-11-10T10:00:00", counting="eu-1182")
    just_before_the_next = end_of("72 hours", "2026-11-10T10:59:59.999999", counting="eu-1182")
    next_hour = end_of("72 hours", "2026-11-10T11:00:00", counting="eu-1182")
    assert local(on_the_hour.rounded) == local(just_before_the_next.rounded) == "2026-11-13T11:00:00+01:00"
    assert local(next_hour.rounded) == "2026-11-13T12:00:00+01:00"


def test_hours_are_rounded_on_the_wall_clock_of_the_addressee() -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    end = end_of("24 hours", "2026-11-10T10:10:00", kolkata, counting="eu-1182")
    assert local(end.rounded, kolkata) == "2026-11-11T11:00:00+05:30"


@pytest.mark.parametrize(
    ("period", "prolonged"), [("24 hours", False), ("47 hours", False), ("48 hours", True)]
)
def test_only_periods_of_two_days_or_more_are_ever_extended(period: str, prolonged: bool) -> None:
    end = end_of(period, "2026-11-13T16:30:00", counting="eu-1182", open_days=Calendar())
    assert end.rounded is not None
    assert end.extended is not None
    assert end.outermost is not None
    assert (end.extended > end.rounded) is prolonged
    assert (end.outermost > end.rounded) is prolonged


def test_a_single_day_moves_but_is_not_stretched_to_two_working_days() -> None:
    one = end_of("1 calendar-day", "2026-11-13T10:00:00", counting="eu-1182", open_days=Calendar())
    two = end_of("2 calendar-days", "2026-11-13T10:00:00", counting="eu-1182", open_days=Calendar())
    assert local(one.strict) == "2026-11-15T00:00:00+01:00"
    assert local(one.extended) == "2026-11-17T00:00:00+01:00"  # Monday
    assert local(two.extended) == "2026-11-18T00:00:00+01:00"  # Monday and Tuesday


def test_the_regulation_never_moves_the_instant_that_drives() -> None:
    for period in ("72 hours", "3 calendar-days", "1 month", "2 weeks", "3 business-days", "1 year"):
        plain = end_of(period, "2026-12-23T17:40:00", open_days=Calendar())
        counted = end_of(period, "2026-12-23T17:40:00", open_days=Calendar(), counting="eu-1182")
        assert plain.due_at == plain.strict == counted.due_at == counted.strict
        assert (plain.rounded, plain.extended, plain.outermost) == (None, None, None)
        assert plain.due_on == counted.due_on


def test_without_extension_only_the_rounding_stands_beside() -> None:
    for period in ("72 hours", "1 month"):
        end = end_of(period, "2026-12-23T17:40:00", counting="eu-1182", extend=False)
        assert end.rounded is not None
        assert (end.extended, end.outermost) == (None, None)


def test_the_regulation_has_no_rule_for_minutes() -> None:
    end = end_of("30 minutes", "2026-12-23T17:40:00", counting="eu-1182")
    assert (end.rounded, end.extended, end.outermost) == (None, None, None)


# Days, weeks, months, years


@pytest.mark.parametrize("at", ["00:00:00", "12:00:00", "23:59:59.999999"])
def test_the_day_of_the_event_is_not_counted_whatever_its_hour(at: str) -> None:
    end = end_of("3 calendar-days", f"2026-11-06T{at}", ZoneInfo("Asia/Singapore"))
    assert end.due_on == date(2026, 11, 9)
    assert end.due_at == datetime(2026, 11, 9, 16, tzinfo=UTC)


def test_the_event_lies_on_the_date_of_the_addressee() -> None:
    start = "2026-11-06T23:30:00+00:00"  # already 7 November in Tokyo, still 6 November in New York
    assert end_of("3 calendar-days", start, TOKYO).due_on == date(2026, 11, 10)
    assert end_of("3 calendar-days", start, NEW_YORK).due_on == date(2026, 11, 9)


def test_ten_days_are_not_240_hours() -> None:
    days, hours = (end_of(period, "2026-10-20T15:00:00") for period in ("10 calendar-days", "240 hours"))
    assert local(days.due_at) == "2026-10-31T00:00:00+01:00"
    assert local(hours.due_at) == "2026-10-30T14:00:00+01:00"


@pytest.mark.parametrize(
    ("period", "start", "last"),
    [
        ("1 month", "2027-01-31", "2027-02-28"),
        ("1 month", "2028-01-31", "2028-02-29"),
        ("1 month", "2028-02-29", "2028-03-29"),
        ("1 month", "2026-08-31", "2026-09-30"),
        ("1 month", "2026-12-31", "2027-01-31"),
        ("13 months", "2026-12-31", "2028-01-31"),
        ("1 year", "2028-02-29", "2029-02-28"),
        ("4 years", "2028-02-29", "2032-02-29"),
        ("2 weeks", "2026-12-25", "2027-01-08"),
        ("0 calendar-days", "2026-12-25", "2026-12-25"),
        ("0 business-days", "2026-12-25", "2026-12-25"),
        ("0 months", "2026-12-25", "2026-12-25"),
    ],
)
def test_weeks_months_and_years_end_on_the_corresponding_day(period: str, start: str, last: str) -> None:
    end = end_of(period, f"{start}T15:00:00")
    assert end.due_on == date.fromisoformat(last)
    assert end.rule == Period.parse(period).unit
    assert local(end.due_at)[11:19] == "00:00:00"


@pytest.mark.parametrize(
    ("period", "start", "last"),
    [
        ("30 calendar-days", "2026-11-02", "2026-12-01"),
        ("1 calendar-day", "2026-11-02", "2026-11-02"),
        ("1 week", "2026-11-02", "2026-11-08"),
        ("1 month", "2026-11-02", "2026-12-01"),
        ("1 month", "2026-12-01", "2026-12-31"),
        ("1 month", "2027-01-28", "2027-02-27"),
        ("1 month", "2027-01-29", "2027-02-28"),
        ("1 month", "2027-01-31", "2027-02-28"),
        ("3 business-days", "2026-11-05", "2026-11-09"),
        ("3 business-days", "2026-11-07", "2026-11-11"),
        ("0 calendar-days", "2026-11-02", "2026-11-02"),
    ],
)
def test_where_the_event_day_counts_it_is_day_one(period: str, start: str, last: str) -> None:
    end = end_of(period, f"{start}T15:00:00", TOKYO, counting="event-day-counts", open_days=Calendar())
    assert end.due_on == date.fromisoformat(last)
    assert end.rule == f"event-day-counts-{Period.parse(period).unit}"
    assert "is day 1" in end.notes[0]


# Open days


def test_business_days_leave_weekends_and_holidays_out() -> None:
    calendar = Calendar({"2026-11-20": "Black Awareness Day"})
    end = end_of("3 business-days", "2026-11-19T16:00:00", open_days=calendar)
    assert end.due_on == date(2026, 11, 25)
    assert "Fri 2026-11-20 is no working day: Black Awareness Day." in end.notes
    assert not any("Saturday" in note for note in end.notes)


def test_without_a_calendar_only_weekends_are_left_out_and_it_is_said() -> None:
    end = end_of("3 business-days", "2026-11-19T16:00:00")
    assert end.due_on == date(2026, 11, 24)
    assert "no calendar given: only Saturdays and Sundays are left out, holidays are not" in end.notes


def test_a_year_without_a_list_is_computed_without_holidays_and_it_is_said() -> None:
    calendar = Calendar({"2030-12-25": "Christmas Day"}, years=range(2030, 2031))
    end = end_of("5 business-days", "2030-12-24T16:00:00", open_days=calendar)
    assert end.due_on == date(2031, 1, 1)
    assert "no holiday list for 2031: computed without holidays (TEST)" in end.notes
    assert not any("2030:" in note for note in end.notes)


def test_a_calendar_that_was_not_asked_is_not_mentioned() -> None:
    end = end_of("72 hours", "2030-12-24T16:00:00", open_days=Calendar(years=range(0)))
    assert not any("holiday list" in note or "Working days" in note for note in end.notes)


def test_the_last_day_rolls_only_where_the_law_says_so() -> None:
    stays = end_of("2 calendar-days", "2026-11-13T10:00:00", open_days=Calendar())
    rolls = end_of("2 calendar-days", "2026-11-13T10:00:00", open_days=Calendar(), roll=True)
    assert stays.due_on == date(2026, 11, 15)
    assert rolls.due_on == date(2026, 11, 16)
    assert rolls.due_at == rolls.strict
    assert "The law moves the last day to the next open one, Mon 2026-11-16." in rolls.notes


def test_an_office_closed_on_the_last_day_moves_it_only_where_the_law_rolls() -> None:
    calendar = CarefulCalendar(shut="2026-11-30")
    start = "2026-11-25T10:00:00"
    rolls = end_of("3 business-days", start, open_days=calendar, roll=True)
    stays = end_of("3 business-days", start, open_days=calendar)
    longer = end_of("4 business-days", start, open_days=calendar, roll=True)
    assert rolls.due_on == date(2026, 12, 1)
    assert "Mon 2026-11-30 cannot be the last day: the office closes early." in rolls.notes
    assert stays.due_on == date(2026, 11, 30)
    assert any("Not relied on." in note for note in stays.notes)
    assert longer.due_on == date(2026, 12, 1), "a closed last day still counts as a day in the middle"


def test_a_doubtful_holiday_counts_as_a_working_day_and_it_is_said() -> None:
    end = end_of("3 business-days", "2026-11-09T10:00:00", open_days=CarefulCalendar(doubtful="2026-11-11"))
    assert end.due_on == date(2026, 11, 12)
    assert (
        "Wed 2026-11-11 was counted as a working day, though it may be none: Eid al-Fitr (estimated)."
        in end.notes
    )


def test_a_calendar_without_any_open_day_is_refused() -> None:
    with pytest.raises(AmbiguousDeadlineError, match="calendar TEST: no open day"):
        end_of("1 business-day", "2026-11-09T10:00:00", open_days=NeverOpen())


# Relief until noon


@pytest.mark.parametrize(
    ("start", "relief"),
    [
        ("2026-11-13T19:59:00", None),  # ends Friday 23:59
        ("2026-11-13T20:00:00", None),  # ends Friday 24:00: the stricter reading of midnight
        ("2026-11-13T20:00:01", "2026-11-16T12:00:00+01:00"),
        ("2026-11-15T19:59:59", "2026-11-16T12:00:00+01:00"),
        ("2026-11-15T20:00:01", None),  # ends Monday 00:00:01
    ],
)
def test_relief_stands_beside_an_end_on_a_closed_day(start: str, relief: str | None) -> None:
    end = end_of("4 hours", start, open_days=Calendar(), relief=True)
    assert end.due_at == end.strict
    assert (end.relief and local(end.relief)) == relief


def test_relief_is_noon_on_the_wall_clock_after_a_clock_change() -> None:
    end = end_of("4 hours", "2026-03-28T12:00:00", open_days=Calendar(), relief=True)
    assert local(end.relief) == "2026-03-30T12:00:00+02:00"


def test_no_relief_without_being_asked_for() -> None:
    assert end_of("4 hours", "2026-11-14T10:00:00", open_days=Calendar()).relief is None


# Midnights that clocks skip or repeat


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00+00:00"),  # 00:00 is skipped
        ("America/Santiago", "2026-04-05", "2026-04-05T04:00:00+00:00"),  # 23:00 to 24:00 comes twice before
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00+00:00"),  # 00:00 is skipped
        ("Atlantic/Azores", "2026-10-25", "2026-10-25T00:00:00+00:00"),  # 00:00 to 01:00 comes twice
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00+00:00"),
    ],
)
def test_a_day_begins_with_its_first_instant(zone: str, day: str, begins: str) -> None:
    found = first_instant_of(date.fromisoformat(day), ZoneInfo(zone))
    assert found == datetime.fromisoformat(begins)
    assert (found - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date() < date.fromisoformat(day)


def test_both_passes_of_an_ambiguous_hour_are_told_apart() -> None:
    first, second = (
        deadline_for(
            Period.parse("72 hours"),
            start_at=datetime(2026, 10, 25, 1, 30, tzinfo=LONDON, fold=fold),
            zone=LONDON,
        )
        for fold in (0, 1)
    )
    assert second.due_at - first.due_at == timedelta(hours=1)


# Year end


def test_the_year_is_that_of_the_addressee() -> None:
    start = datetime(2027, 1, 1, 3, tzinfo=UTC)  # still 2026 in New York
    assert year_end(start, NEW_YORK) == datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC)
    assert year_end(start, TOKYO) == datetime(2027, 12, 31, 14, 59, 59, tzinfo=UTC)


def test_days_after_the_year_end_do_not_roll() -> None:
    end = end_of("60 calendar-days", "2025-06-01T12:00:00", NEW_YORK, counting="year-end")
    assert end.due_on == date(2026, 3, 1), "a Sunday"
    assert end.rule == "year-end-days"


# Refusals


def test_a_naive_start_is_refused() -> None:
    naive = datetime(2026, 11, 20, 18)  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="has no offset"):
        deadline_for(Period.parse("72 hours"), start_at=naive, zone=BERLIN)
    with pytest.raises(ValueError, match="has no offset"):
        year_end(naive, BERLIN)


@pytest.mark.parametrize("start", ["1026-11-20T18:00:00+00:00", "9999-12-31T23:59:59+00:00"])
def test_a_start_far_from_our_time_is_refused(start: str) -> None:
    with pytest.raises(ValueError, match="correct the date"):
        end_of("72 hours", start)


def test_unknown_ways_of_counting_are_refused() -> None:
    with pytest.raises(ValueError, match="'eu-1183' is no way of counting; known: plain"):
        end_of("72 hours", "2026-11-10T10:00:00", counting="eu-1183")


@pytest.mark.parametrize(("period", "counting"), [("4 calendar-days", "sec-8k"), ("72 hours", "year-end")])
def test_counting_and_unit_must_fit(period: str, counting: str) -> None:
    with pytest.raises(ValueError, match="write the period in"):
        end_of(period, "2026-11-10T10:00:00", counting=counting)


@pytest.mark.parametrize(
    "period",
    ["99999999 hours", "99999999 minutes", "99999 business-days", "101 years", "36601 calendar-days"],
)
def test_a_period_longer_than_a_century_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match="longer than a century"):
        end_of(period, "2026-11-10T10:00:00")


def test_the_calendar_used_where_none_is_given_knows_weekends_only() -> None:
    calendar = Weekdays()
    assert calendar.is_open(date(2026, 12, 25))
    assert not calendar.is_open(date(2026, 12, 26))
    assert not calendar.covers(2026)
