"""Who is told of a reminder: persons, zones, working hours, shifts, overrides, absences, quiet hours. Pure.

A rota is a list of levels. The first level is told first; the next one when nobody acknowledges within
so many minutes. A level names persons, all of whom are told, or a rotation of which one person is on call.

Far from a deadline a person's quiet hours and holidays are respected: the reminder is held until they end,
at the latest until the deadline is near. Near it, and after it, nobody is spared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
IsHoliday = Callable[[str, date], bool]
MAIL = "mail"
PAGING = "paging"
_STEPS = 60  # quiet windows and holidays that may follow on each other


def no_holidays(calendar: str, day: date) -> bool:
    """Return that no day is a holiday, where no calendar is at hand."""
    return False


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Daily(_Strict):
    """Some hours of some days, on the person's wall clock; over midnight if they end before they begin.

    `from` equal to `until` means the whole day. The days are those on which the hours begin.
    """

    from_: time = Field(alias="from")
    until: time
    days: tuple[Weekday, ...] = WEEKDAYS

    def end_after(self, local: datetime) -> datetime | None:
        """Return when the window around `local` ends, on the same wall; None outside of it."""
        for begins_on in (local.date(), local.date() - timedelta(days=1)):
            if WEEKDAYS[begins_on.weekday()] not in self.days:
                continue
            begin = datetime.combine(begins_on, self.from_, tzinfo=local.tzinfo)
            over = timedelta(days=1 if self.until <= self.from_ else 0)
            end = datetime.combine(begins_on + over, self.until, tzinfo=local.tzinfo)
            if begin <= local < end:
                return end
        return None


class Away(_Strict):
    """A time in which a person is not there at all."""

    from_: AwareDatetime = Field(alias="from")
    until: AwareDatetime

    def holds(self, at: datetime) -> bool:
        """Return whether `at` lies in it, its end not included."""
        return self.from_ <= at < self.until


class Person(_Strict):
    """Somebody of the team.

    Attributes:
        zone: Whose wall clock the hours are on.
        email: Where mail reaches them.
        paths: Tried in order until one works: `mail`, `paging` (the addresses of BREACH_PAGING), or an
            apprise address; `$NAME` stands for an address kept in the environment.
        hours: Working hours; among the persons of a level those at work are told first.
        quiet: When only what is near its deadline may reach them; None leaves it to the rota.
        holidays: A calendar such as ES or DE-BW whose holidays count as quiet.
        deputy: Told instead while they are away.
    """

    zone: str
    email: str | None = None
    paths: Annotated[tuple[str, ...], Field(min_length=1)] = (MAIL,)
    hours: tuple[Daily, ...] = ()
    quiet: tuple[Daily, ...] | None = None
    holidays: str | None = None
    deputy: str | None = None
    away: tuple[Away, ...] = ()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{zone!r} is no time zone; write one such as Europe/Madrid") from None
        return zone

    @model_validator(mode="after")
    def _mail_has_an_address(self) -> Self:
        if MAIL in self.paths and not self.email:
            raise ValueError("has the path `mail` and no `email`; add the address or another path")
        return self


class Rotation(_Strict):
    """Persons who take turns; the turn changes on the wall clock of `zone`, summer time or not."""

    persons: Annotated[tuple[str, ...], Field(min_length=1)]
    first_on: date
    at: time
    zone: str
    every_days: Annotated[int, Field(gt=0)] = 7

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return Person._known_zone(zone)

    def on_call(self, at: datetime) -> str:
        """Return whose turn it is."""
        local = at.astimezone(ZoneInfo(self.zone))
        day = local.date() - timedelta(days=1 if local.time() < self.at else 0)
        return self.persons[(day - self.first_on).days // self.every_days % len(self.persons)]


class Level(_Strict):
    """Who is told at one stage: the person on call of a rotation, or all the persons named."""

    name: str
    rotation: Rotation | None = None
    persons: tuple[str, ...] = ()
    after_minutes: Annotated[int, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.rotation is None) == (not self.persons):
            raise ValueError("needs either `rotation` or `persons`")
        return self


class Override(_Strict):
    """One person instead of whoever a level names, for some time."""

    level: str
    person: str
    from_: AwareDatetime = Field(alias="from")
    until: AwareDatetime

    def holds(self, at: datetime) -> bool:
        """Return whether `at` lies in it, its end not included."""
        return self.from_ <= at < self.until


class Rota(_Strict):
    """The team and its levels.

    Attributes:
        escalate_after_minutes: How long an answer is waited for before the next level is told.
        quiet: Quiet hours of everybody who has none of their own.
        days_off: Days on which nobody is disturbed far from a deadline.
    """

    format: Literal[1] = 1
    escalate_after_minutes: Annotated[int, Field(gt=0)] = 15
    quiet: tuple[Daily, ...] = ()
    days_off: tuple[date, ...] = ()
    persons: Annotated[dict[str, Person], Field(min_length=1)]
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]
    overrides: tuple[Override, ...] = ()

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        named = {
            *(name for level in self.levels for name in level.persons),
            *(name for level in self.levels if level.rotation for name in level.rotation.persons),
            *(one.person for one in self.overrides),
            *(one.deputy for one in self.persons.values() if one.deputy),
        }
        levels = [level.name for level in self.levels]
        faults = [f"{name!r} is nobody under `persons`" for name in sorted(named - self.persons.keys())]
        faults += [f"{one.level!r} is no level" for one in self.overrides if one.level not in levels]
        faults += [
            f"level {name!r} stands twice"
            for name in sorted({one for one in levels if levels.count(one) > 1})
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self


@dataclass(frozen=True, slots=True)
class Call:
    """Whom to tell now, or until when to hold the reminder.

    Attributes:
        level: Its position.
        persons: Ids, those at work first; empty if held.
        held_until: When somebody's quiet hours end.
        notes: Who stands in for whom.
    """

    level: int
    persons: tuple[str, ...]
    held_until: datetime | None = None
    notes: tuple[str, ...] = ()


def call_for(
    rota: Rota, *, level: int, at: datetime, near: bool, is_holiday: IsHoliday = no_holidays
) -> Call | None:
    """Return whom the first level from `level` on that has anybody tells at `at`; None if none has.

    Args:
        rota: The team.
        level: Where to begin, from 0.
        at: The instant.
        near: Whether the deadline is so near that quiet hours no longer hold.
        is_holiday: Whether a day is a holiday in a calendar.
    """
    for number in range(level, len(rota.levels)):
        present, notes = _present(rota, rota.levels[number], at)
        if not present:
            continue
        quiet = {
            name: end for name in present if (end := quiet_until(rota, name, at, is_holiday)) is not None
        }
        awake = [name for name in present if near or name not in quiet]
        if not awake:
            return Call(number, (), min(quiet.values()), notes)
        awake.sort(key=lambda name: not _at_work(rota.persons[name], at))
        return Call(number, tuple(awake), None, notes)
    return None


def on_duty(rota: Rota, level: Level, at: datetime) -> tuple[str, ...]:
    """Return whom a level names at `at`, an override first, before anybody's absence is looked at."""
    for override in reversed(rota.overrides):
        if override.level == level.name and override.holds(at):
            return (override.person,)
    return (level.rotation.on_call(at),) if level.rotation is not None else level.persons


def quiet_until(rota: Rota, name: str, at: datetime, is_holiday: IsHoliday = no_holidays) -> datetime | None:
    """Return when a person may be disturbed again far from a deadline; None if they may be now."""
    person = rota.persons[name]
    zone = ZoneInfo(person.zone)
    moment, windows = at, rota.quiet if person.quiet is None else person.quiet
    for _ in range(_STEPS):
        local = moment.astimezone(zone)
        ends = [end for window in windows if (end := window.end_after(local)) is not None]
        if local.date() in rota.days_off or (person.holidays and is_holiday(person.holidays, local.date())):
            ends.append(datetime.combine(local.date() + timedelta(days=1), time(), tzinfo=zone))
        later = [end.astimezone(UTC) for end in ends if end.astimezone(UTC) > moment]
        if not later:
            break
        moment = max(later)
    return moment if moment > at else None


def wait_minutes(rota: Rota, level: int, ladder_minutes: int | None) -> int:
    """Return how long an answer to a level is waited for: its own word, the ladder's, the rota's."""
    return rota.levels[level].after_minutes or ladder_minutes or rota.escalate_after_minutes


def _present(rota: Rota, level: Level, at: datetime) -> tuple[list[str], tuple[str, ...]]:
    found: list[str] = []
    notes: list[str] = []
    for name in on_duty(rota, level, at):
        seen, stand_in = {name}, name
        while _is_away(rota.persons, stand_in, at):
            deputy = rota.persons[stand_in].deputy
            if deputy is None or deputy in seen:
                notes.append(f"{name} is away and has no deputy who is there")
                break
            seen.add(deputy)
            stand_in = deputy
        else:
            if stand_in != name:
                notes.append(f"{stand_in} for {name}, who is away")
            if stand_in not in found:
                found.append(stand_in)
    return found, tuple(notes)


def _is_away(persons: Mapping[str, Person], name: str, at: datetime) -> bool:
    return any(one.holds(at) for one in persons[name].away)


def _at_work(person: Person, at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(person.zone))
    return not person.hours or any(window.end_after(local) is not None for window in person.hours)
