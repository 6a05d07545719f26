"""Open days: on which days an addressee works, as far as it is known. Pure; the lists come from outside.

Where nothing is known, only weekends are left out: fewer closed days can only make a deadline earlier.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Protocol, runtime_checkable

from incident_flows.errors import AmbiguousDeadlineError

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ONE_DAY = timedelta(days=1)
_LONGEST_CLOSURE = 366  # days; a calendar closed for longer is broken, not resting


class OpenDays(Protocol):
    """A calendar of working days, by place."""

    @property
    def code(self) -> str:
        """The calendar's name, such as DE-BW."""

    @property
    def source(self) -> str:
        """Where its days come from, with version: `holidays 0.109 DE-BW`."""

    def is_open(self, day: date) -> bool:
        """Return whether `day` is a working day; outside the years covered, whether it is no weekend."""

    def closed_because(self, day: date) -> str | None:
        """Return why `day` is no working day: the weekday's name for a weekend, else the holiday's."""

    def covers(self, year: int) -> bool:
        """Return whether holidays are known for `year`."""


@runtime_checkable
class Footnotes(Protocol):
    """What some calendars know beyond open and closed."""

    def shut_as_last_day(self, day: date) -> str | None:
        """Return why an open day cannot be the last of a period that rolls; None if it can."""

    def doubt(self, day: date) -> str | None:
        """Return why an open day may yet turn out to be closed, such as a holiday only estimated."""


class Weekdays:
    """The calendar used where none is given: closed on Saturdays and Sundays, no holidays known.

    >>> Weekdays().closed_because(date(2026, 11, 21))
    'Saturday'
    """

    code = "weekdays"
    source = "Saturdays and Sundays only"

    def is_open(self, day: date) -> bool:
        return day.weekday() < 5

    def closed_because(self, day: date) -> str | None:
        return None if self.is_open(day) else WEEKDAYS[day.weekday()]

    def covers(self, year: int) -> bool:
        return False


def show_day(day: date) -> str:
    """Return a day as notes write it.

    >>> show_day(date(2026, 11, 20))
    'Fri 2026-11-20'
    """
    return f"{WEEKDAYS[day.weekday()][:3]} {day.isoformat()}"


class Consulted:
    """A calendar as it is asked for one deadline; remembers what it passed over, for the reasons."""

    def __init__(self, calendar: OpenDays | None) -> None:
        self._calendar: OpenDays = Weekdays() if calendar is None else calendar
        self._footnotes = self._calendar if isinstance(self._calendar, Footnotes) else None
        self._given = calendar is not None
        self._years: set[int] = set()
        self._closed: dict[date, str] = {}
        self._moved: dict[date, str] = {}
        self._doubts: dict[date, str] = {}

    def is_open(self, day: date) -> bool:
        """Return whether `day` is a working day, and remember the question."""
        self._years.add(day.year)
        if self._calendar.is_open(day):
            if self._footnotes is not None and (doubt := self._footnotes.doubt(day)) is not None:
                self._doubts[day] = doubt
            return True
        because = self._calendar.closed_because(day)
        if because is not None and because != WEEKDAYS[day.weekday()]:
            self._closed[day] = because
        return False

    def first_from(self, day: date) -> date:
        """Return `day` if it is open, else the next open day."""
        for _ in range(_LONGEST_CLOSURE):
            if self.is_open(day):
                return day
            day += ONE_DAY
        raise AmbiguousDeadlineError(
            f"calendar {self._calendar.code}: no open day in the year before {day.isoformat()}; "
            "correct playbooks/policies/calendars.yaml"
        )

    def nth_after(self, day: date, count: int) -> date:
        """Return the `count`-th open day after `day`; `day` itself for 0."""
        for _ in range(count):
            day = self.first_from(day + ONE_DAY)
        return day

    def last_from(self, day: date) -> date:
        """Return the first day from `day` on that can be the last of a period that rolls."""
        day = self.first_from(day)
        while (because := self._shut_as_last(day)) is not None:
            self._moved[day] = because
            day = self.first_from(day + ONE_DAY)
        return day

    def might_move(self, day: date) -> str | None:
        """Return why an open last day would move if the period rolled; None if it would not."""
        return self._shut_as_last(day)

    def _shut_as_last(self, day: date) -> str | None:
        return None if self._footnotes is None else self._footnotes.shut_as_last_day(day)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was relied on and passed over, in plain sentences; nothing if the calendar was not asked."""
        if not self._years:
            return ()
        said = [f"Working days: {self._calendar.source}."]
        if not self._given:
            said.append("no calendar given: only Saturdays and Sundays are left out, holidays are not")
        else:
            said.extend(
                f"no holiday list for {year}: computed without holidays ({self._calendar.code})"
                for year in sorted(self._years)
                if not self._calendar.covers(year)
            )
        said.extend(f"{show_day(day)} is no working day: {why}." for day, why in sorted(self._closed.items()))
        said.extend(
            f"{show_day(day)} cannot be the last day: {why}." for day, why in sorted(self._moved.items())
        )
        said.extend(
            f"{show_day(day)} was counted as a working day, though it may be none: {why}."
            for day, why in sorted(self._doubts.items())
        )
        return tuple(said)
