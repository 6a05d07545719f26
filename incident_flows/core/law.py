"""The shapes law files take: regimes, duties, clocks, periods, authorities; and the lawbook of them all.

Pure values; they know no country. Every version of a duty keeps its dates, its source and its doubts.
How the files are read and checked is the business of `knowledge/lawbook.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from incident_flows.core.conditions import Condition, ConditionError, parse_condition
from incident_flows.core.dossier import DossierField
from incident_flows.core.facts import Contact, Moments, Place, Role
from incident_flows.core.reach import ReachIndex
from incident_flows.core.situation import inside, touches
from incident_flows.core.substitute import Substitute

Confidence = Literal["high", "medium", "low"]
Basis = Literal["read", "mixed", "recalled"]
Unit = Literal["minutes", "hours", "calendar-days", "business-days", "weeks", "months", "years"]
AddresseeKind = Literal["authority", "people", "controller", "record", "other"]

MOMENTS = frozenset(
    name
    for name in Moments.model_fields
    if name not in ("authority_told_at", "submitted_at", "submitted_complete")
)
_PERIOD = re.compile(r"(\d+) (minutes?|hours?|calendar-days?|business-days?|weeks?|months?|years?)")


class Law(BaseModel):
    """Base of everything in a law file: frozen, and no key it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Period(Law):
    """A stretch of time in the law's own unit; never converted between units.

    >>> Period.parse("72 hours")
    Period(value=72, unit='hours')
    """

    value: Annotated[int, Field(ge=0)]
    unit: Unit

    @classmethod
    def parse(cls, text: object) -> Period:
        """Return the period written as number and unit; ValueError says how to write it."""
        if isinstance(text, Period):
            return text
        if isinstance(text, Mapping):
            return cls(**text)
        match = _PERIOD.fullmatch(str(text))
        if match is None:
            raise ValueError(
                f"{text!r} is no period; write 72 hours, 30 calendar-days, 3 business-days, 1 months"
            )
        unit = match[2] if match[2].endswith("s") else match[2] + "s"
        return cls(value=int(match[1]), unit=unit)

    def __str__(self) -> str:
        unit = self.unit.replace("-", " ")
        return f"{self.value} {unit.removesuffix('s') if self.value == 1 else unit}"


class Start(Law):
    """What starts a clock.

    Exactly one of:
        moment: A moment of the facts.
        first_known: The earliest known of several moments, where the law's word fits more than one.
        submitted: The submission of the notice under another duty of the same regime or a named one.
        year_end_of: The end of the calendar year in which a moment lies.
    """

    moment: str | None = None
    first_known: tuple[str, ...] = ()
    submitted: str | None = None
    year_end_of: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, raw: Any) -> Any:
        return {"moment": raw} if isinstance(raw, str) else raw

    @model_validator(mode="after")
    def _one_and_known(self) -> Self:
        if sum(map(bool, (self.moment, self.first_known, self.submitted, self.year_end_of))) != 1:
            raise ValueError("starts: name one moment, or one of first_known, submitted, year_end_of")
        for name in (*filter(None, (self.moment, self.year_end_of)), *self.first_known):
            if name not in MOMENTS:
                raise ValueError(f"starts: {name!r} is no moment; known: {', '.join(sorted(MOMENTS))}")
        return self

    @property
    def name(self) -> str:
        """The word shown to people: the moment, or what is waited for."""
        if self.submitted:
            return f"submitted: {self.submitted}"
        if self.year_end_of:
            return f"end of the year of {self.year_end_of}"
        return self.moment or " or ".join(self.first_known)


class Clock(Law):
    """One running period.

    Attributes:
        starts: What starts it.
        period: How long; None where the law gives no number.
        counting: How the end is found. `plain`: hours elapse, days exclude the event day and end at 24:00,
            months end on the corresponding date. `eu-1182`: the same strict instant, with the rounded and
            extended readings of Regulation 1182/71 beside it. `event-day-counts`: the day of the event is
            day 1. `sec-8k`: an event on a closed day makes the next open day day 1.
        roll: The last day moves to the next open day, because the law itself says so.
        relief: May be filed by noon of the next open day if the end falls on a closed one (shown beside
            the strict instant, which still drives); a condition limits who may.
        guidance: The number is a regulator's expectation, not the statute: a target, never a deadline.
        calendar: Whose open days: the addressee's, the organisation's, or a place's.
        when: This clock runs only if the condition holds.
    """

    starts: Start
    period: Annotated[
        Period | None, BeforeValidator(lambda raw: raw if raw is None else Period.parse(raw))
    ] = None
    counting: Literal["plain", "eu-1182", "event-day-counts", "sec-8k"] = "plain"
    roll: bool = False
    relief: Any = None
    guidance: bool = False
    calendar: str = "addressee"
    when: Any = None


class Source(Law):
    """Where a rule was read, when, and how sure we are."""

    cite: str
    urls: tuple[str, ...] = ()
    text: str | None = None
    read_on: date
    read_by: str = "fact base 2026-11-22"
    basis: Basis
    confidence: Confidence
    doubts: str | None = None


class Exception_(Law):
    """A case in which the duty falls away.

    Attributes:
        if_: The condition.
        because: The clause in plain words.
        cite: Where it stands, if elsewhere than the duty.
        burden: `facts`: an unknown condition leaves the duty undetermined. `shown`: the law wants the
            exception shown (documented, found by a named person); until then the duty stands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    if_: Any = Field(alias="if")
    because: str
    cite: str | None = None
    burden: Literal["facts", "shown"] = "facts"


class Order(Law):
    """Which notice must come before, with, or not after another; duty ids, `regime/duty`.

    Attributes:
        before: This notice must be made before those.
        not_after: This notice must be made no later than those (the same moment will do).
        after: This notice follows those.
    """

    before: tuple[str, ...] = ()
    not_after: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class To(Law):
    """To whom: people, a controller, the organisation's own record, one authority, or whoever is competent.

    Attributes:
        kind: The addressee's kind.
        id: A fixed authority's id, or the id of a named other addressee.
        scheme: A competence scheme of playbooks/authorities/schemes.yaml, which finds the authority.
        name: For `other` addressees without a directory row, such as consumer reporting agencies.
    """

    kind: AddresseeKind
    id: str | None = None
    scheme: str | None = None
    name: str | None = None

    @model_validator(mode="after")
    def _findable(self) -> Self:
        if self.kind == "authority" and (self.id is None) == (self.scheme is None):
            raise ValueError("to: an authority needs either id or scheme")
        return self


class HoldRule(Law):
    """What a law-enforcement hold does to a duty.

    Attributes:
        text: The rule in words.
        suspends: The notice may wait while the hold lasts.
        restarts: Once the hold ends, at least this much time is left; None: the old end, or at once if that
            has passed.
        in_writing: Only a written request counts for longer than `oral_limit`.
    """

    text: str
    suspends: bool = True
    restarts: Annotated[
        Period | None, BeforeValidator(lambda raw: raw if raw is None else Period.parse(raw))
    ] = None
    in_writing: bool = False
    oral_limit: Annotated[
        Period | None, BeforeValidator(lambda raw: raw if raw is None else Period.parse(raw))
    ] = None


def _clocks(raw: Any) -> Any:
    return raw if isinstance(raw, list | tuple) or raw is None else [raw]


class Version(Law):
    """A duty as it read over one stretch of time; both dates inclusive, None is open."""

    source_id: str
    also_from: tuple[str, ...] = ()  # further rows of the fact base this version was written from
    applies_from: date | None
    applies_until: date | None = None
    status: Literal["in-force", "enacted", "proposal", "repealed", "no-duty"] = "in-force"
    when: Any = None
    unless: tuple[Exception_, ...] = ()
    clock: Annotated[tuple[Clock, ...], BeforeValidator(_clocks)] = ()
    standard: str
    follows: str | None = None  # a later stage of another duty: owed only where that one is
    follows_if_incomplete: bool = False  # … and only while its first notice left something open
    # Dormant until recorded: a moment, such as order_received_at, or a person's finding, `findings.WORD`.
    arises_on: str | None = None
    order: Order = Order()
    content: tuple[str, ...] = ()
    late: str | None = None
    hold: HoldRule | None = None
    substitute: Substitute | None = None  # when a public notice may stand in for telling each person
    penalty: str | None = None
    voluntary: str | None = None  # advice shown where nothing is owed
    notes: str | None = None
    source: Source

    def covers(self, day: date) -> bool:
        """Return whether this version applied on `day`."""
        if self.applies_from is not None and day < self.applies_from:
            return False
        return self.applies_until is None or day <= self.applies_until


class Duty(Law):
    """What a regime demands of somebody, with its whole history."""

    title: str
    by: tuple[Role, ...] = ("controller", "joint-controller")
    to: To
    history: tuple[Version, ...]
    known_as: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_history(self) -> Self:
        if not self.history:
            raise ValueError("history: is empty; write at least one version")
        return self

    def version_on(self, day: date, *, proposals: bool = False) -> Version | None:
        """Return the version that applied on `day`; None if there was none.

        Proposals count only when asked for, which only a what-if may do; then they win over the law.
        """
        if proposals:
            for version in self.history:
                if version.status == "proposal":
                    return version
        for version in self.history:
            if version.status not in ("proposal", "repealed") and version.covers(day):
                return version
        return None


class Regime(Law):
    """A body of law, or of promises, with one reach."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: str
    place: str
    zone: str | None = None
    kind: Literal["statute", "guidance", "contract", "insurer", "policy"] = "statute"
    applies: Any = None  # default: established there, or people live there
    known_gaps: tuple[str, ...] = ()
    duties: dict[str, Duty]

    @cached_property
    def reach(self) -> Condition:
        """The condition under which the regime has anything to say at all."""
        raw = self.applies or {"any": [{"established": self.place}, {"people_in": self.place}]}
        return parse_condition(raw, place=self.place)

    def condition(self, raw: Any) -> Condition:
        """Return `raw`, a condition of one of this regime's duties, parsed once."""
        known = self.parsed.get(id(raw))
        if known is None or known[0] is not raw:  # an id alone may have been another object's
            known = self.parsed[id(raw)] = (raw, parse_condition(raw, place=self.place))
        return known[1]

    @cached_property
    def parsed(self) -> dict[int, tuple[Any, Condition]]:
        """Conditions parsed so far, with what they were parsed from."""
        return {}

    def faults(self) -> list[str]:
        """Return one line for each condition that cannot be read and each reference that leads nowhere."""
        found: list[str] = []

        def try_(raw: Any, where: str) -> None:
            if raw is None:
                return
            try:
                parse_condition(raw, place=self.place)
            except ConditionError as error:
                found.append(f"{where}: {error}")

        try_(self.applies, "applies")
        for key, duty in self.duties.items():
            for number, version in enumerate(duty.history):
                where = f"duties.{key}.history[{number}]"
                try_(version.when, f"{where}.when")
                for exception in version.unless:
                    try_(exception.if_, f"{where}.unless")
                for clock in version.clock:
                    try_(clock.when, f"{where}.clock.when")
                    if clock.relief not in (None, True):
                        try_(clock.relief, f"{where}.clock.relief")
                if version.follows and version.follows not in self.duties:
                    found.append(f"{where}.follows: {version.follows!r} is no duty of {self.id}")
        return found


class Route(Law):
    """How a report reaches an authority."""

    kind: Literal["portal", "form", "email", "post", "phone", "login", "unknown"]
    text: str
    url: str | None = None
    email: str | None = None
    checked: str | None = None
    checked_on: date | None = None


class Competence(Law):
    """For which scheme and place an authority is competent, and for whom."""

    scheme: str
    place: str
    when: Any = None

    @cached_property
    def condition(self) -> Condition | None:
        """`when`, parsed once."""
        return None if self.when is None else parse_condition(self.when, place=self.place)


class Authority(Law):
    """A body to be told. Ids are permanent."""

    id: str
    name: str
    name_native: str | None = None
    place: str
    region: str | None = None
    scope: str = "general"
    zone: str
    languages: tuple[str, ...]
    website: str | None = None
    route: Route
    contact: Contact = Contact()
    address: str | None = None
    competence: tuple[Competence, ...] = ()
    calendar: str | None = None  # holiday calendar, such as DE-BW; default: the place
    quirks: tuple[str, ...] = ()
    confidence: Confidence
    basis: Basis
    read_on: date
    notes: str | None = None


class SchemeRoute(Law):
    """One way of finding the competent authority; the first whose condition holds decides.

    Attributes:
        when: The condition; missing means always.
        by: `main-establishment`: the authority where the main establishment in the area lies.
            `establishment`: of each establishment in the area. `residence`: of every place in the area where
            people live. `place`: of the named place.
    """

    when: Any = None
    by: Literal["main-establishment", "establishment", "residence", "place"]
    place: str | None = None
    because: str
    cite: str
    source_id: str | None = None


class Scheme(Law):
    """A competence scheme: an area, and the ways to the authority in it."""

    area: str
    undetermined: str  # what the addressee is called while it is not known
    routes: tuple[SchemeRoute, ...]

    @cached_property
    def ways(self) -> tuple[tuple[SchemeRoute, Condition | None], ...]:
        """The routes with their conditions, parsed once."""
        return tuple(
            (route, None if route.when is None else parse_condition(route.when, place=self.area))
            for route in self.routes
        )


class Lawbook(Law):
    """Everything the engine knows of the law, with the digest of the files it was read from."""

    version: str
    sha256: str
    regimes: dict[str, Regime]
    authorities: dict[str, Authority]
    schemes: dict[str, Scheme]
    groups: dict[str, frozenset[str]]
    places: dict[str, str]  # every known place code, with its name
    zones: dict[str, str] = Field(default_factory=dict)  # a place's zone, where one is needed
    words: dict[str, dict[str, str]] = Field(default_factory=dict)  # fact words by list, with their meaning
    targets: dict[str, Any] = Field(default_factory=dict)  # house targets, by addressee kind
    dossier: dict[str, DossierField] = Field(default_factory=dict)  # the questions of the dossier
    excluded: dict[str, str] = Field(default_factory=dict)  # rows of the fact base left out, with the reason

    def duty(self, duty_id: str) -> tuple[Regime, Duty] | None:
        """Return regime and duty for `regime/duty`; None if there is none."""
        regime_id, _, key = duty_id.partition("/")
        regime = self.regimes.get(regime_id)
        return (regime, regime.duties[key]) if regime and key in regime.duties else None

    @cached_property
    def reach_index(self) -> ReachIndex:
        """Which regimes are worth asking, by place."""
        return ReachIndex(((id_, regime.reach) for id_, regime in self.regimes.items()), self.groups)

    @cached_property
    def general_zones(self) -> dict[str, str]:
        """The zone of each place whose general authorities all keep the same one."""
        found: dict[str, set[str]] = {}
        for authority in self.authorities.values():
            if authority.scope == "general":
                found.setdefault(authority.place, set()).add(authority.zone)
        return {place: zones.pop() for place, zones in found.items() if len(zones) == 1}

    def competent_near(self, scheme: str, place: str) -> tuple[tuple[Authority, Competence, bool], ...]:
        """Return who claims competence for `place`, or for a part of it: True where `place` lies inside."""
        key = (scheme, place)
        if key not in self.near:
            rows = self.by_scheme.get(scheme, ())
            self.near[key] = tuple(
                (authority, claim, inside(place, claim.place, self.groups))
                for authority, claim in rows
                if touches(place, claim.place, self.groups)
            )
        return self.near[key]

    @cached_property
    def near(self) -> dict[tuple[str, str], tuple[tuple[Authority, Competence, bool], ...]]:
        """What `competent_near` found so far."""
        return {}

    @cached_property
    def covered(self) -> dict[tuple[str, str, date], bool]:
        """Which places were found to be covered so far; see `core/coverage.py`."""
        return {}

    @cached_property
    def by_scheme(self) -> dict[str, tuple[tuple[Authority, Competence], ...]]:
        """Authorities with the competence they claim, by scheme."""
        found: dict[str, list[tuple[Authority, Competence]]] = {}
        for authority in self.authorities.values():
            for competence in authority.competence:
                found.setdefault(competence.scheme, []).append((authority, competence))
        return {scheme: tuple(rows) for scheme, rows in found.items()}


PlaceCode = Place
