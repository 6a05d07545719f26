"""The shapes of answers, for OpenAPI: what `--json` prints. A shape names what programs rely on; more may stand there.

Instants are RFC 3339 in UTC; `due_local` is the addressee's wall clock with its zone.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["owed", "not-owed", "undetermined"]
Level = Literal["unlikely", "risk", "high", "undetermined"]


class Shape(BaseModel):
    model_config = ConfigDict(extra="allow")


class Problem(BaseModel):
    """An error (RFC 9457): `detail` holds one to three lines: where, what is wrong, what to write instead."""

    type: str
    title: str
    status: int
    detail: str


class Book(Shape):
    """The lawbook answered on."""

    version: str
    sha256: str


class Risk(Shape):
    """The risk to people, by each method, with reasons."""

    level: Level
    owed_to: str | None = None
    methods: list[dict[str, Any]] = []
    because: list[str] = []


class Addressee(Shape):
    """Whom an obligation is owed to."""

    kind: str
    id: str | None
    name: str


class Obligation(Shape):
    """A duty in this incident, with addressee, clock, article and reasons."""

    id: str
    duty: str
    source_id: str | None
    status: Status
    addressee: Addressee
    clock: dict[str, Any] | None
    due_at: str | None
    due_local: str | None
    counting: dict[str, Any] | None
    standard: str | None
    cite: str
    confidence: str
    because: list[str]
    after: list[Any]
    missing: list[str]


class Question(Shape):
    """A fact whose answer still decides something."""

    fact: str
    because: str


class Assessment(Shape):
    """Risk and obligations on some facts; contract §4."""

    format: int
    lawbook: Book
    law_as_of: str
    risk: Risk
    obligations: list[Obligation]
    questions: list[Question]


class Opened(Shape):
    """An incident, and whether this request opened it."""

    id: str
    created: bool
    assessment: Assessment | None = None


class Line(Shape):
    """An incident in the list."""

    id: str
    title: str
    organisation: str
    state: Literal["open", "closed"]
    drill: bool
    opened_at: str
    next_due_at: str | None


class State(Shape):
    """Whether an incident is open."""

    id: str
    state: Literal["open", "closed"]


class Clock(Shape):
    """A running clock; `end` says whether it is law, provisional, or the house's target."""

    incident: str
    obligation: str
    addressee: str
    status: Status
    end: Literal["deadline", "provisional", "target", "none"]
    effective_at: str | None
    due_at: str | None
    due_local: str | None
    seconds_left: int | None
    overdue: bool
    cite: str | None


class Updated(Shape):
    """The facts after a change, and the answer if it became another."""

    id: str
    facts_version: int
    changed: list[str]
    assessment: Assessment | None
    remarks: list[str]


class Version(Shape):
    """One version of an incident's facts."""

    version: int
    learned_at: str
    recorded_at: str
    by: str
    source: str
    change: dict[str, Any]
    facts: dict[str, Any]


class Decided(Shape):
    """A decision; `in_force` is false while it waits for a second person."""

    id: str
    subject: str
    answer: str
    by: str
    second_by: str | None
    in_force: bool
    waits_because: str | None


class Notice(Shape):
    """A notice; with `text` and `html` where one is asked for."""

    id: str
    obligation: str
    kind: str
    phase: str
    language: str
    state: Literal[
        "draft", "awaiting-approval", "approved", "sending", "sent", "filed", "in-doubt", "failed", "withdrawn"
    ]
    sha256: str
    missing: list[dict[str, Any]]
    subject: str
    drafted_by: str
    approved_by: str | None


class Skipped(Shape):
    """An obligation nothing was drafted for."""

    obligation: str
    because: str


class Drafts(Shape):
    """Notices as they stand after drafting, and what was passed over."""

    notices: list[Notice]
    skipped: list[Skipped]


class Sent(Shape):
    """What sending or recording did for one notice."""

    notice: str
    state: str
    counts: dict[str, int]
    form: str | None
    next: str | None


class Story(Shape):
    """Where filings say different things: what waits for a word, and what was explained."""

    open: list[dict[str, Any]]
    explained: list[dict[str, Any]]


class Asked(Shape):
    """An authority's question as an obligation with a clock of its own."""

    id: str
    obligation: str
    due_at: str


class Followed(Shape):
    """What became of letters by the provider's events, as counts; and answers counted by hand."""

    id: str
    by_notice: dict[str, dict[str, int]]
    replies: int
    calls: int


class Incident(Shape):
    """One incident whole; contract §6."""

    id: str
    title: str
    organisation: str
    state: Literal["open", "closed"]
    drill: bool
    facts_version: int
    facts: dict[str, Any]
    assessment: Assessment
    obligations: list[Obligation]
    notices: list[Notice]
    deliveries: dict[str, int]
    steps: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    journal: list[dict[str, Any]]


class People(Shape):
    """The people to be told, as counts."""

    id: str
    people: int
    languages: dict[str, int]
    places: dict[str, int]
    exceptions: dict[str, int]
    deliveries: dict[str, int]
    imports: list[dict[str, Any]]
    shredded: bool
    shred_due: str | None


class Because(Shape):
    """A line of a list, and what is wrong with it."""

    line: int
    because: str


class Imported(Shape):
    """What taking in a list did, or would do."""

    rows: int
    accepted: int
    duplicates: int
    refused_total: int
    refused: list[Because]
    warned: list[Because]
    by_post: int
    minors_alone: int
    languages_unknown: int
    birth_dates_set_aside: int
    differs: list[dict[str, Any]]
    columns: dict[str, list[str]]


class Shredded(Shape):
    """Whether an incident's people are shredded, or a second person is waited for."""

    id: str
    people: int
    in_force: bool
    by: str
    second_by: str | None
    waits_because: str | None


class Acknowledged(Shape):
    """A reminder somebody has seen."""

    incident: str
    step: int
    obligation: str
    by: str
    at: str
    again: bool


class Task(Shape):
    """A task of an incident's checklist."""

    id: str
    phase: str
    do: str
    who: str | None
    due_at: str | None
    done_at: str | None
    done_by: str | None


class Alerted(Shape):
    """What became of one alert."""

    id: str
    created: bool
    fresh: bool
    asks: dict[str, str]
    kept: int


class Source(Shape):
    """A product whose alerts can be read."""

    id: str
    title: str
    source: str


class Verified(Shape):
    """A journal or dossier that is whole."""

    entries: int
    whole: bool


class Duty(Shape):
    """A row of the lawbook."""

    duty: str
    source_id: str | None
    jurisdiction: str
    addressee: str
    cite: str
    status: str
    applies_from: str | None
    applies_until: str | None
    confidence: str
    read_on: str


class DutyWhole(Shape):
    """One duty with its history, as values and as lines."""

    duty: str
    regime: str
    title: str
    lines: list[str]
    history: list[dict[str, Any]]


class Excluded(Shape):
    """A row of the fact base left out, and why."""

    source_id: str
    because: str


class Change(Shape):
    """A duty whose version on two days differs, and the open incidents under it."""

    duty: str
    change: Literal["begins", "ends", "changes"]
    on: str | None
    before: str | None
    after: str | None
    cite: str
    incidents: list[str]
