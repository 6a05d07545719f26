"""Clock start, period and open days → the deadline and its reasoning.

Pure arithmetic; it knows no country and no regime. Hours elapse in UTC and nothing stops them; days are
civil dates in the addressee's zone and end at 24:00. The strict instant drives; every later reading that
somebody could argue stands beside it and is never planned by.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from incident_flows.core.law import Period
from incident_flows.core.open_days import ONE_DAY, Consulted, OpenDays, show_day

__all__ = ["Deadline", "OpenDays", "deadline_for", "first_instant_of", "year_end"]

COUNTINGS = ("plain", "eu-1182", "event-day-counts", "sec-8k", "year-end")
_ELAPSING = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1)}
_MOST_DAYS = {
    "minutes": 1 / 1440,
    "hours": 1 / 24,
    "calendar-days": 1,
    "business-days": 2,
    "weeks": 7,
    "months": 31,
    "years": 366,
}
_CENTURY = 36_600  # days
_YEARS = range(1900, 3000)  # a start outside them is a slip of the pen
_TWO_WORKING_DAYS = timedelta(hours=48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The end of a period.

    Attributes:
        due_at: The instant that drives, in UTC; always equal to `strict`. For periods in days and longer
            it is the first instant after the last permitted day: the act must happen before it.
        due_on: The last permitted day in the addressee's zone; None for hours and minutes.
        rule: How it was counted.
        strict: The reading nobody can dispute.
        rounded: Hours counted from the next full hour (Regulation 1182/71, Art. 3(1)).
        extended: Prolonged to hold two working days, or moved off a closed last day (Art. 3(4), 3(5)).
        outermost: The widest reading anybody could argue.
        relief: Noon of the next open day, where the law allows filing then.
        notes: The reasoning in plain sentences.
    """

    due_at: datetime
    due_on: date | None
    rule: str
    strict: datetime
    rounded: datetime | None = None
    extended: datetime | None = None
    outermost: datetime | None = None
    relief: datetime | None = None
    notes: tuple[str, ...] = ()


def deadline_for(
    period: Period,
    *,
    start_at: datetime,
    zone: ZoneInfo,
    counting: str = "plain",
    roll: bool = False,
    relief: bool = False,
    open_days: OpenDays | None = None,
    extend: bool = True,
) -> Deadline:
    """Return the last moment at which the duty is still met on time, with the readings beside it.

    Args:
        period: As the law states it; never converted between units.
        start_at: When the clock started; must carry a zone or an offset.
        zone: The addressee's zone, not the server's and not the organisation's.
        counting: `plain`; `eu-1182` adds the readings of Regulation 1182/71; `event-day-counts` makes the
            day of the event day 1; `sec-8k` counts business days as Form 8-K does; `year-end` counts from
            31 December of the year in which `start_at` lies.
        roll: The law itself moves a last day that is closed to the next open one. Never moves hours.
        relief: The law allows filing by noon of the next open day if the end falls on a closed one.
        open_days: The addressee's working days; None leaves out Saturdays and Sundays only.
        extend: False leaves out `extended` and `outermost`, for places that Regulation 1182/71 does not bind.

    Raises:
        ValueError: `start_at` has no zone or lies outside the years 1900 to 2999; the counting is unknown or
            does not fit the unit; the period is longer than a century.
        AmbiguousDeadlineError: The calendar has no open day at all.

    Law:
        The caller's `Clock`, and Regulation (EEC, Euratom) 1182/71, Art. 3, for `eu-1182`.

    >>> noon_in_paris = datetime(2026, 10, 23, 12, tzinfo=ZoneInfo("Europe/Paris"))
    >>> end = deadline_for(Period.parse("72 hours"), start_at=noon_in_paris, zone=ZoneInfo("Europe/Paris"))
    >>> end.due_at.isoformat()
    '2026-10-26T10:00:00+00:00'
    >>> month = deadline_for(Period.parse("1 month"), start_at=noon_in_paris, zone=ZoneInfo("Europe/Paris"))
    >>> month.due_on.isoformat(), month.due_at.isoformat()
    ('2026-11-23', '2026-11-23T23:00:00+00:00')
    """
    _check(period, start_at, counting)
    asked = _Asked(
        period, start_at.astimezone(UTC), zone, counting, roll, relief, extend, Consulted(open_days)
    )
    return _elapsed(asked) if period.unit in _ELAPSING else _dated(asked)


def year_end(start_at: datetime, zone: ZoneInfo) -> datetime:
    """Return the last second of the calendar year in which `start_at` lies, in UTC.

    It lies on 31 December in `zone`, so that the first of "60 days after the end of the calendar year"
    is 1 January. Doing it twice changes nothing.

    Law:
        45 CFR 164.408(c): breaches of fewer than 500 people, by the year of discovery.

    >>> discovered = datetime(2027, 1, 4, 15, tzinfo=UTC)
    >>> start = year_end(discovered, ZoneInfo("America/New_York"))
    >>> start.isoformat()
    '2028-01-01T04:59:59+00:00'
    >>> sixty = Period.parse("60 calendar-days")
    >>> deadline_for(sixty, start_at=start, zone=ZoneInfo("America/New_York")).due_on.isoformat()
    '2028-02-29'
    """
    _zoned(start_at)
    year = start_at.astimezone(zone).year
    return datetime(year, 12, 31, 23, 59, 59, tzinfo=zone).astimezone(UTC)


def first_instant_of(day: date, zone: ZoneInfo) -> datetime:
    """Return when `day` begins in `zone`, in UTC.

    Where clocks skip midnight, the day begins at the change; where they repeat it, at the first pass.

    >>> first_instant_of(date(2026, 9, 6), ZoneInfo("America/Santiago")).isoformat()  # 00:00 is skipped
    '2026-09-06T04:00:00+00:00'
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _zoned(start_at: datetime) -> None:
    shown = start_at.isoformat()
    if start_at.utcoffset() is None:
        raise ValueError(f"{shown} has no offset, so it names no instant; write {shown}+01:00")
    if start_at.year not in _YEARS:
        raise ValueError(f"{shown} lies outside the years {_YEARS[0]} to {_YEARS[-1]}; correct the date")


def _check(period: Period, start_at: datetime, counting: str) -> None:
    _zoned(start_at)
    if counting not in COUNTINGS:
        raise ValueError(f"{counting!r} is no way of counting; known: {', '.join(COUNTINGS)}")
    if counting == "sec-8k" and period.unit != "business-days":
        raise ValueError(f"sec-8k counts business days, not {period}; write the period in business-days")
    if counting == "year-end" and period.unit in _ELAPSING:
        raise ValueError(f"year-end counts whole days, not {period}; write the period in calendar-days")
    if period.value * _MOST_DAYS[period.unit] > _CENTURY:
        raise ValueError(f"{period} is longer than a century; correct the period")


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question to this module."""

    period: Period
    start: datetime  # UTC
    zone: ZoneInfo
    counting: str
    roll: bool
    relief: bool
    extend: bool
    days: Consulted

    def relief_after(self, day: date) -> datetime | None:
        """Return noon of the next open day if relief was asked for and `day` is closed."""
        if not self.relief or (following := self.days.first_from(day)) == day:
            return None
        return datetime.combine(following, time(12), tzinfo=self.zone).astimezone(UTC)


# Hours and minutes


def _elapsed(asked: _Asked) -> Deadline:
    zone, length = asked.zone, asked.period.value * _ELAPSING[asked.period.unit]
    strict = asked.start + length
    notes = [f"{asked.period} elapse from the start; nights, weekends and holidays do not stop them."]
    if asked.start.astimezone(zone).utcoffset() != strict.astimezone(zone).utcoffset():
        shown = strict.astimezone(zone)
        notes.append(f"Clocks in {zone.key} change in between: the wall clock then shows {shown:%H:%M}.")
    rounded = extended = outermost = None
    if asked.counting == "eu-1182" and asked.period.unit == "hours":
        begin = _full_hour(asked.start, zone) + _ELAPSING["hours"]
        rounded = begin + length
        notes.append("Regulation 1182/71, Art. 3(1), counts from the next full hour; not planned by.")
        if asked.extend:
            extended, outermost = _prolonged(asked, begin, length)
            if extended > rounded:
                notes.append("Art. 3(5), if it held for hours, would end it later still; not planned by.")
    return Deadline(
        due_at=strict,
        due_on=None,
        rule=f"{asked.period.unit}-elapsed",
        strict=strict,
        rounded=rounded,
        extended=extended,
        outermost=outermost,
        relief=asked.relief_after(_day_ended_by(strict, zone)),
        notes=(*notes, *asked.days.notes),
    )


def _full_hour(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the start of the hour on the wall clock of `zone` in which `instant` falls."""
    local = instant.astimezone(zone)
    return instant - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def _prolonged(asked: _Asked, begin: datetime, length: timedelta) -> tuple[datetime, datetime]:
    """Return the extended and the outermost end of hours that run from `begin`."""
    rounded = begin + length
    if length < _TWO_WORKING_DAYS:
        return rounded, rounded
    extended = max(rounded, _after_working_time(asked, begin, _TWO_WORKING_DAYS))
    second_day = asked.days.nth_after(asked.start.astimezone(asked.zone).date(), 2)
    return extended, max(extended, first_instant_of(second_day + ONE_DAY, asked.zone))


def _after_working_time(asked: _Asked, begin: datetime, needed: timedelta) -> datetime:
    """Return when `needed` has elapsed, counting only time that lies on the addressee's open days."""
    day = begin.astimezone(asked.zone).date()
    while True:
        following = first_instant_of(day + ONE_DAY, asked.zone)
        if asked.days.first_from(day) == day:
            if begin + needed <= following:
                return begin + needed
            needed -= following - begin
        begin, day = following, day + ONE_DAY


def _day_ended_by(instant: datetime, zone: ZoneInfo) -> date:
    """Return the day on which `instant` falls; midnight ends the day before, the stricter reading."""
    return (instant - timedelta(microseconds=1)).astimezone(zone).date()


# Days and longer


def _dated(asked: _Asked) -> Deadline:
    period, zone, days = asked.period, asked.zone, asked.days
    event_on = asked.start.astimezone(zone).date()
    if asked.counting == "year-end":
        event_on = date(event_on.year, 12, 31)
    last = _last_day(asked, event_on)
    due_on = days.last_from(last) if asked.roll else last
    strict = first_instant_of(due_on + ONE_DAY, zone)
    rounded = strict if asked.counting == "eu-1182" else None
    extended = None
    if rounded and asked.extend:
        widest = _with_two_working_days(asked, event_on, last)
        extended = max(strict, first_instant_of(widest + ONE_DAY, zone))
    notes = _reasons(asked, event_on, last, due_on)
    if extended and extended > strict:
        notes.append("Regulation 1182/71, Art. 3(4) and 3(5), would end it later; not planned by.")
    return Deadline(
        due_at=strict,
        due_on=due_on,
        rule=_rule(period, asked.counting),
        strict=strict,
        rounded=rounded,
        extended=extended,
        outermost=extended,
        relief=asked.relief_after(due_on),
        notes=(*notes, *days.notes),
    )


def _reasons(asked: _Asked, event_on: date, last: date, due_on: date) -> list[str]:
    counted = "is day 1" if asked.counting == "event-day-counts" else "is not counted"
    notes = [
        f"{show_day(event_on)} {counted}; the last day of {asked.period} is {show_day(last)}, "
        f"until 24:00 in {asked.zone.key}."
    ]
    if due_on != last:
        notes.append(f"The law moves the last day to the next open one, {show_day(due_on)}.")
    elif asked.period.unit == "business-days" and (because := asked.days.might_move(last)) is not None:
        notes.append(f"{show_day(last)} might not count as a last day: {because}. Not relied on.")
    if asked.counting == "sec-8k":
        notes.append("Filings after 17:30 Eastern carry the next business date; file before it.")
    return notes


def _rule(period: Period, counting: str) -> str:
    if counting == "year-end":
        return f"year-end-{period.unit.removeprefix('calendar-')}"
    if counting in ("sec-8k", "event-day-counts"):
        return f"{counting}-{period.unit}"
    return period.unit


def _last_day(asked: _Asked, event_on: date) -> date:
    count, unit, event_day_counts = (
        asked.period.value,
        asked.period.unit,
        asked.counting == "event-day-counts",
    )
    if count == 0:
        return event_on
    if unit == "business-days":
        return asked.days.nth_after(event_on - ONE_DAY if event_day_counts else event_on, count)
    if unit in ("calendar-days", "weeks"):
        count *= 7 if unit == "weeks" else 1
        return event_on + timedelta(days=count - 1 if event_day_counts else count)
    corresponding, exists = _corresponding(event_on, count * (12 if unit == "years" else 1))
    return corresponding - ONE_DAY if event_day_counts and exists else corresponding


def _corresponding(day: date, months: int) -> tuple[date, bool]:
    """Return the same day of the month `months` later, else that month's last day; and whether it exists."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    length = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, length)), day.day <= length


def _with_two_working_days(asked: _Asked, event_on: date, last: date) -> date:
    """Return the last day moved off closed days; periods of two days or more then hold two open ones."""
    last = asked.days.first_from(last)
    if asked.period.value < 2 and asked.period.unit in ("calendar-days", "business-days"):
        return last
    return max(last, asked.days.nth_after(event_on, 2))
