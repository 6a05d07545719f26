"""What is known about one breach and about the organisation it happened to: the facts file, format 1.

Pure values. In a fact, and only there, `None` is the value *unknown*: never zero, never false, never
today. Lists that are given are complete; lists that are missing are unknown. Places are ISO 3166-1 or
3166-2 codes; whether a code exists is checked where files are read, for the core knows no country.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    model_validator,
)

from incident_flows.core.instants import Instant, parse_instant

Role = Literal["controller", "joint-controller", "processor"]
BreachKind = Literal["confidentiality", "integrity", "availability"]
Cause = Literal["malicious-outsider", "malicious-insider", "mistake", "failure"]
Exposure = Literal["none", "trusted-recipient", "known-recipient", "unknown-recipient", "public", "hostile"]
Medium = Literal["electronic", "paper", "oral"]
Protection = Literal["none", "encrypted", "hashed-salted", "hashed", "pseudonymised"]
Backup = Literal["none", "partial", "complete"]
HarmLevel = Literal["unlikely", "risk", "high-risk"]
Place = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,4})?$")]
Count = Annotated[StrictInt, Field(ge=0)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


class Fact(BaseModel):
    """Base of everything in a facts file: frozen, and no key it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _as_orders(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): parse_instant(when) for key, when in value.items() if when is not None} or None
    return value if value is None else parse_instant(value)


def _orders_written(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: when.isoformat() for key, when in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value


# By authority id; an instant alone is an order of an authority nobody named.
Orders = Annotated[
    datetime | dict[str, datetime] | None,
    BeforeValidator(_as_orders),
    PlainSerializer(_orders_written, when_used="json"),
]


class Moments(Fact):
    """When things happened; which of them starts which clock is the law's business."""

    occurred_from: Instant | None = None
    occurred_until: Instant | None = None
    suspected_at: Instant | None = None
    inquiry_started_at: Instant | None = None
    detected_at: Instant | None = None
    should_have_known_at: Instant | None = None
    aware_at: Instant | None = None
    determined_at: Instant | None = None
    assessed_at: Instant | None = None
    classified_at: Instant | None = None
    material_at: Instant | None = None
    controller_told_at: Instant | None = None
    people_told_at: Instant | None = None
    authority_told_at: dict[str, Instant] = Field(default_factory=dict)  # by authority id
    order_received_at: Orders = None
    fix_available_at: Instant | None = None
    ransom_paid_at: Instant | None = None
    restored_at: Instant | None = None
    hold_ended_at: Instant | None = None
    submitted_at: dict[str, Instant] = Field(default_factory=dict)  # by duty or obligation id
    submitted_complete: dict[str, StrictBool] = Field(default_factory=dict)  # nothing left open in it?

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for earlier, later in (
            ("occurred_from", "occurred_until"),
            ("occurred_from", "detected_at"),
            ("occurred_from", "aware_at"),
        ):
            first, second = getattr(self, earlier), getattr(self, later)
            if first is not None and second is not None and second < first:
                raise ValueError(
                    f"{later} {second.isoformat()} lies before {earlier} {first.isoformat()}; "
                    "nobody knows of a breach before it happens: correct one of the two"
                )
        return self

    def known(self) -> dict[str, Any]:
        """Return the single moments that are known, by name; of several orders the first."""
        found = {
            name: value
            for name, value in self.__dict__.items()
            if value is not None and not isinstance(value, dict)
        }
        if isinstance(self.order_received_at, dict) and self.order_received_at:
            found["order_received_at"] = min(self.order_received_at.values())
        return found


class Breach(Fact):
    """What kind of lapse it was."""

    kinds: tuple[BreachKind, ...] | None = None
    cause: Cause | None = None
    scenario: str | None = None
    exposure: Exposure | None = None
    acquired: StrictBool | None = None
    medium: Medium | None = None
    ongoing: StrictBool | None = None


class Data(Fact):
    """Which personal data, and how they were protected at the time."""

    kinds: tuple[str, ...] | None = None
    protection: Protection | None = None
    key_exposed: StrictBool | None = None
    backup: Backup | None = None
    unavailable_hours: Annotated[float, Field(ge=0)] | None = None
    records: Count | None = None
    already_public: StrictBool | None = None


class CountRange(Fact):
    """A number of people known only within bounds, both inclusive; None is open."""

    at_least: Count = 0
    at_most: Count | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"at_most {self.at_most} is below at_least {self.at_least}")
        return self


def _as_range(value: object) -> object:
    if isinstance(value, bool | float | str):
        raise ValueError(f"{value!r} is not a whole number of people; write 1020 or {{at_least: 900}}")
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"{value} people cannot be; write 0 or more")
        return {"at_least": value, "at_most": value}
    return value


class People(Fact):
    """Whom the data are about: how many, living where, of which groups."""

    total: Annotated[CountRange | None, BeforeValidator(_as_range)] = None
    by_place: dict[Place, Count] | None = None
    groups: tuple[str, ...] | None = None
    unreachable: Count | None = None
    notice_cost_usd: Count | None = None  # what telling everybody one by one would cost, as a person estimates it

    @model_validator(mode="after")
    def _sums(self) -> Self:
        placed = sum(self.by_place.values()) if self.by_place else 0
        if self.total is not None and self.total.at_most is not None and placed > self.total.at_most:
            raise ValueError(
                f"by_place adds up to {placed}, more than total {self.total.at_most}; "
                "correct the total or the places"
            )
        return self


class Harm(Fact):
    """A person's own finding about harm, and what was done against it."""

    expected: HarmLevel | None = None
    because: str | None = None
    by: str | None = None
    measures: tuple[str, ...] | None = None


class Hold(Fact):
    """A law-enforcement body asked that notice be delayed."""

    by: str
    places: tuple[Place, ...] = ()
    since: Instant
    until: Instant | None = None
    in_writing: StrictBool | None = None


class Narrative(Fact):
    """The sentences notices are written from; a missing one is listed by `breach draft`."""

    what_happened: str | None = None
    consequences: str | None = None
    measures_taken: str | None = None
    measures_proposed: str | None = None
    advice: str | None = None
    delay_reasons: str | None = None
    language: Language | None = None


class Answer(Fact):
    """A stored answer to a question of the dossier that no other fact holds.

    Attributes:
        value: The answer.
        owner: Or who is to find out.
        follows_on: And by which day.
        not_applicable: Or why the question does not arise.
    """

    value: StrictBool | StrictInt | float | str | tuple[str, ...] | None = None
    owner: str | None = None
    follows_on: date | None = None
    not_applicable: str | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.value is not None and self.not_applicable is not None:
            raise ValueError("value and not_applicable contradict each other; keep one")
        return self


def _as_answer(value: object) -> object:
    return value if isinstance(value, Mapping | Answer) else {"value": value}


class Contact(Fact):
    """A person or mailbox of an organisation."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    placeholder: StrictBool = False  # a template's bracketed address: never mailed


class Establishment(Fact):
    """A place of business; `main` where the decisions about processing are taken."""

    place: Place
    main: StrictBool = False
    address: str | None = None


class Promise(Fact):
    """A period the organisation bound itself to: a contract, an insurance, a published policy."""

    id: str
    kind: Literal["contract", "insurer", "policy"]
    to: str
    text: str
    within: str | None = None  # as in a law file: "48 hours"; None where no number was promised
    starts: str = "aware_at"
    source: str
    contact: Contact | None = None


class Partner(Fact):
    """A controller the organisation works for, or a processor it uses."""

    id: str
    name: str
    contact: Contact | None = None
    scope: str | None = None


class Organisation(Fact):
    """The legal person the breach happened to, as far as it is known."""

    id: str
    legal_name: str | None = None
    trading_name: str | None = None
    registration: str | None = None
    establishments: tuple[Establishment, ...] | None = None
    representatives: dict[str, Contact] | None = None  # EU, UK, …
    dpo: Contact | None = None
    contacts: tuple[Contact, ...] = ()
    sectors: tuple[str, ...] | None = None
    statuses: tuple[str, ...] | None = None
    markets: tuple[Place, ...] | None = None  # places whose people it offers services to; complete if given
    languages: tuple[str, ...] = ()
    controllers: tuple[Partner, ...] | None = None
    processors: tuple[Partner, ...] | None = None
    promises: tuple[Promise, ...] = ()
    claims: tuple[str, ...] = ()  # what its policy says about itself; evidence, never a finding
    ask: tuple[str, ...] = ()  # what nobody has found out yet
    source: str | None = None
    read_on: str | None = None


class Scope(Fact):
    """One controller's part of a processor's breach: what it is told, and nothing of the others."""

    people: People = People()
    data: Data = Data()
    narrative: Narrative = Narrative()
    translations: dict[Language, Narrative] = Field(default_factory=dict)


class Facts(Fact):
    """One facts file: everything known about one breach at one moment."""

    format: Literal[1] = 1
    title: str | None = None
    organisation: Organisation
    role: Role | None = None
    moments: Moments = Moments()
    breach: Breach = Breach()
    data: Data = Data()
    people: People = People()
    harm: Harm = Harm()
    findings: dict[str, StrictBool] = Field(default_factory=dict)  # named yes/no findings of a person
    holds: tuple[Hold, ...] = ()
    narrative: Narrative = Narrative()
    translations: dict[Language, Narrative] = Field(default_factory=dict)  # the narrative in other languages
    dossier: dict[str, Annotated[Answer, BeforeValidator(_as_answer)]] = Field(default_factory=dict)
    references: dict[str, str] = Field(default_factory=dict)  # by authority id: the number it gave the case
    enclosed: dict[str, str] = Field(default_factory=dict)  # texts some laws want in letters, by name
    scopes: dict[str, Scope] = Field(default_factory=dict)  # by controller id: that controller's part
    reference: str | None = None  # the team's own ticket

    @model_validator(mode="after")
    def _scopes_named(self) -> Self:
        known = {one.id for one in self.organisation.controllers or ()}
        if odd := sorted(set(self.scopes) - known):
            raise ValueError(
                f"scopes: {', '.join(odd)} is no controller of the organisation; "
                f"organisation.controllers names {', '.join(sorted(known)) or 'none'}"
            )
        return self
