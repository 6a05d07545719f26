"""Working days by place: the holidays package, corrected by playbooks/policies/calendars.yaml.

The package is imported only when a day is first asked for, and then only the one country's module: all
250 of them cost more time than a whole assessment should.
"""

from __future__ import annotations

import importlib.util
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from incident_flows.core.open_days import WEEKDAYS, OpenDays
from incident_flows.errors import KnowledgeError
from incident_flows.knowledge.files import Document, faults_of

MonthDay = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]
Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_USUAL_WEEKEND = frozenset({"Saturday", "Sunday"})


class _Row(BaseModel):
    """Base of every row: frozen, no unknown key, and who said so when."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    source: str
    read_on: date
    from_: date | None = Field(default=None, alias="from")
    until: date | None = None

    def holds_on(self, day: date) -> bool:
        return (self.from_ is None or self.from_ <= day) and (self.until is None or day <= self.until)


class _Weekend(_Row):
    places: tuple[str, ...]
    days: tuple[Weekday, ...]


class _Day(_Row):
    """A date, or a stretch of days that comes every year and may cross New Year."""

    calendar: str
    on: date | None = None
    every: MonthDay | None = None
    until_day: MonthDay | None = None
    because: str

    @model_validator(mode="after")
    def _one_way_of_saying_when(self) -> Self:
        if (self.on is None) == (self.every is None):
            raise ValueError("write either on or every")
        if self.until_day is not None and self.every is None:
            raise ValueError("until_day goes with every")
        return self

    def means(self, day: date) -> bool:
        if not self.holds_on(day):
            return False
        if self.every is None:
            return day == self.on
        this, last = f"{day:%m-%d}", self.until_day or self.every
        if self.every <= last:
            return self.every <= this <= last
        return this >= self.every or this <= last


class _Closure(_Day):
    moves: Literal["day", "last-day"]


class _NeverWider(_Row):
    countries: tuple[str, ...]
    because: str


class _Rules(BaseModel):
    """playbooks/policies/calendars.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    known_gaps: tuple[str, ...] = ()
    weekends: tuple[_Weekend, ...] = ()
    closures: tuple[_Closure, ...] = ()
    openings: tuple[_Day, ...] = ()
    never_wider: tuple[_NeverWider, ...] = ()


class Calendars:
    """The working-day calendars of all places.

    Args:
        rules: What calendars.yaml says, as read.

    Raises:
        KnowledgeError: The rules do not have the right form; all faults at once.

    >>> calendars = Calendars({"format": 1})
    >>> calendars.open_days("DE-BW").closed_because(date(2026, 6, 4))
    'Corpus Christi'
    >>> calendars.open_days("XX").covers(2026)
    False
    """

    def __init__(self, rules: Mapping[str, Any]) -> None:
        try:
            self._rules = _Rules.model_validate(rules)
        except ValidationError as error:
            raise KnowledgeError(faults_of(error, Document("calendars.yaml", rules))) from None
        self._made: dict[str, _ListedDays] = {}

    def open_days(self, code: str) -> OpenDays:
        """Return the calendar `code`: a country, or a region such as DE-BW or GB-SCT.

        A region without a list of its own has its country's; an unknown country has weekends only and
        covers no year.
        """
        if code not in self._made:
            self._made[code] = _ListedDays(code, self._rules)
        return self._made[code]

    def versions(self) -> dict[str, str]:
        """Return the versions an answer depends on.

        `tzdata` is the installed package; `zones` says whose zone data are in force, since those of the
        system come first where there are any.
        """
        system = _system_zones(zoneinfo.TZPATH)
        package = _version("tzdata")
        return {
            "holidays": _version("holidays") or "missing",
            "tzdata": package or system or "missing",
            "zones": f"system {system}" if system else f"tzdata {package}",
        }


class _ListedDays:
    """One place's working days; lists of holidays are made year by year, when asked for."""

    def __init__(self, code: str, rules: _Rules) -> None:
        self.code = code
        self.country = code.partition("-")[0]
        self._weekends = sorted(
            (row for row in rules.weekends if any(_within(code, place) for place in row.places)),
            key=lambda row: max(len(place) for place in row.places if _within(code, place)),
            reverse=True,
        )
        self._closures = tuple(row for row in rules.closures if _within(code, row.calendar))
        self._openings = tuple(row for row in rules.openings if _within(code, row.calendar))
        narrowed = code != self.country and any(self.country in row.countries for row in rules.never_wider)
        self._limit = _ListedDays(self.country, rules) if narrowed else None

    @cached_property
    def source(self) -> str:
        listed = _listed(self.code)
        if listed is None:
            return f"weekends only, no list of holidays for {self.code}"
        limited = f", only where {self.country} is closed too" if self._limit is not None else ""
        rows = (*self._weekends, *self._closures, *self._openings)
        read = f", corrected {max(row.read_on for row in rows).isoformat()}" if rows else ""
        return f"holidays {_version('holidays')} {listed}{limited}{read}"

    def is_open(self, day: date) -> bool:
        return self.closed_because(day) is None

    def closed_because(self, day: date) -> str | None:
        if any(row.means(day) for row in self._openings):
            return None
        for closure in self._closures:
            if closure.moves == "day" and closure.means(day):
                return closure.because
        named = _holidays(self.code, day.year)
        weekday = WEEKDAYS[day.weekday()]
        if weekday in self._weekend(day) and day not in named.worked:
            return weekday
        holiday = named.fixed.get(day)
        if holiday is not None and self._limit is not None and self._limit.is_open(day):
            return None
        return holiday

    def covers(self, year: int) -> bool:
        return bool(_holidays(self.code, year).fixed) and all(
            any(row.holds_on(date(year, *end)) for row in self._weekends) or not self._weekends
            for end in ((1, 1), (12, 31))
        )

    def shut_as_last_day(self, day: date) -> str | None:
        rows = (row for row in self._closures if row.moves == "last-day" and row.means(day))
        return next((row.because for row in rows), None)

    def doubt(self, day: date) -> str | None:
        return _holidays(self.code, day.year).estimated.get(day)

    def _weekend(self, day: date) -> frozenset[str]:
        row = next((row for row in self._weekends if row.holds_on(day)), None)
        return _USUAL_WEEKEND if row is None else frozenset(row.days)


@dataclass(frozen=True, slots=True)
class _Year:
    """One year's list: holidays, holidays only estimated, weekend days that are worked."""

    fixed: Mapping[date, str] = field(default_factory=dict)
    estimated: Mapping[date, str] = field(default_factory=dict)
    worked: frozenset[date] = frozenset()


def _within(code: str, place: str) -> bool:
    return code == place or code.startswith(f"{place}-")


@cache
def _holidays(code: str, year: int) -> _Year:
    kind, region = _country(code.partition("-")[0]), code.partition("-")[2]
    if kind is None or not kind.start_year <= year <= kind.end_year:
        return _Year()
    english = next(
        (name for name in kind.supported_languages if name.startswith("en")), kind.default_language
    )
    listed = kind(subdiv=region if _has(kind, region) else None, years=year, language=english)
    label = str(listed.tr(getattr(kind, "estimated_label", ""))).replace("%s", "").strip(" ()（）")
    fixed, estimated = {}, {}
    for day, names in listed.items():
        certain = [name for name in names.split("; ") if not label or label not in name]
        if certain:
            fixed[day] = "; ".join(certain)
        else:
            estimated[day] = names
    return _Year(fixed, estimated, frozenset(listed.weekend_workdays))


def _listed(code: str) -> str | None:
    """Return which list of the package stands for `code`, in words."""
    country, _, region = code.partition("-")
    kind = _country(country)
    if kind is None:
        return None
    return code if not region or _has(kind, region) else f"{country} (no list of its own for {code})"


def _has(kind: Any, region: str) -> bool:
    return region in kind.subdivisions or region in kind.subdivisions_aliases


@cache
def _country(country: str) -> Any:
    """Return the package's class for a country without importing the other 249; None if there is none."""
    import holidays
    from holidays.registry import COUNTRIES

    found = next(((module, names[0]) for module, names in COUNTRIES.items() if names[1] == country), None)
    if found is None:
        return None
    module, name = found
    path = Path(holidays.__file__).with_name("countries") / f"{module}.py"
    spec = importlib.util.spec_from_file_location(f"{__name__}.{module}", path)
    if spec is None or spec.loader is None or not path.is_file():
        return getattr(holidays, name)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return getattr(loaded, name)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _system_zones(folders: tuple[str, ...]) -> str | None:
    """Return the version of the system's zone data; None if Python finds none and uses the package."""
    for folder in map(Path, folders):
        if (folder / "Europe" / "Berlin").is_file():
            listing = folder / "tzdata.zi"  # 100 kB; its first line names the release
            head = listing.read_text("utf-8").partition("\n")[0] if listing.is_file() else ""
            return head.removeprefix("# version").strip() or "of unknown version"
    return None
