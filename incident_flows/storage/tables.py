"""The tables, and nothing else; what may be done with their rows stands beside them, one module per noun.

Rows are handed out detached: read them freely, change them only through the methods of `Tx`.
Partial indexes hold only what is still to do, so that a tick costs the same after ten years.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from incident_flows.storage.columns import (
    BIG_KEY,
    belongs_to,
    big_key,
    instant,
    json_list,
    json_object,
    maybe_instant,
)

IncidentState = Literal["open", "closed"]
NoticeState = Literal[
    "draft", "awaiting-approval", "approved", "sending", "sent", "filed", "in-doubt", "failed", "withdrawn"
]
DeliveryState = Literal[
    "planned", "claimed", "sent", "delivered-to-outbox", "in-doubt", "failed", "withdrawn"
]
StepState = Literal["pending", "claimed", "fired", "cancelled", "acknowledged"]
Answer = Literal["owed", "not-owed"]

# The auditor's own idea of what has not happened, in no word the tick uses.
UNFIRED = "fired_at IS NULL AND acknowledged_at IS NULL AND state <> 'cancelled'"


def _only(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class CounterRow(SQLModel, table=True):
    """The last number given, per series: incidents of a year, notices of an incident."""

    __tablename__ = "counter"
    name: str = Field(primary_key=True)
    value: int


class IncidentRow(SQLModel, table=True):
    """Our record of one suspected or known breach."""

    __tablename__ = "incident"
    __table_args__ = (Index("ix_incident_state", "state", "id"),)
    id: int = big_key()
    ref: str = Field(unique=True)
    title: str
    organisation_id: str
    state: str = "open"
    drill: bool = False
    opened_at: datetime = instant()
    opened_by: str
    closed_at: datetime | None = maybe_instant()
    facts_version: int = 0
    assessment_version: int = 0
    wrapped_key: bytes | None = None  # None once shredded
    request_key: str | None = Field(default=None, unique=True)
    ladder: Any = json_object()


class FactsRow(SQLModel, table=True):
    """The facts as a whole at one version; appended, never changed."""

    __tablename__ = "facts"
    incident_id: int = Field(primary_key=True, foreign_key="incident.id", sa_type=BIG_KEY)
    version: int = Field(primary_key=True)
    learned_at: datetime = instant()
    recorded_at: datetime = instant()
    by: str
    source: str
    facts: dict[str, Any] = json_object()
    change: dict[str, Any] = json_object()


class AssessmentRow(SQLModel, table=True):
    """One answer of the engine, with everything it was derived from; appended, never changed."""

    __tablename__ = "assessment"
    incident_id: int = Field(primary_key=True, foreign_key="incident.id", sa_type=BIG_KEY)
    version: int = Field(primary_key=True)
    facts_version: int
    lawbook_version: str
    lawbook_sha256: str
    law_as_of: date
    versions: dict[str, Any] = json_object()
    result: dict[str, Any] = json_object()
    assessed_at: datetime = instant()


class ObligationRow(SQLModel, table=True):
    """One duty in one incident: what the engine says, what a person decided, when it was met."""

    __tablename__ = "obligation"
    __table_args__ = (
        UniqueConstraint("incident_id", "oid", name="uq_obligation"),
        _only("ix_obligation_running", "effective_at", "id", where="running"),
    )
    id: int = big_key()
    incident_id: int = belongs_to("incident")
    incident_ref: str
    oid: str
    duty: str
    source_id: str | None = None
    kind: str = "law"
    addressee_kind: str
    addressee_id: str | None = None
    addressee_name: str
    status: str
    decided: str | None = None
    reach: str = "yes"
    standing: str = "live"
    due_at: datetime | None = maybe_instant()
    provisional_due_at: datetime | None = maybe_instant()
    target_at: datetime | None = maybe_instant()
    due_on: date | None = None
    zone: str | None = None
    cite: str | None = None
    confidence: str | None = None
    met_at: datetime | None = maybe_instant()
    met_by: str | None = None
    plan_version: int = 1
    effective_at: datetime | None = maybe_instant()  # the first of due, provisional, target that is known
    running: bool = False  # incident open, obligation live, not met, not *not owed*
    detail: dict[str, Any] = json_object()


class DecisionRow(SQLModel, table=True):
    """A named person's decision, with what the engine proposed at that moment."""

    __tablename__ = "decision"
    id: int = big_key()
    incident_id: int = belongs_to("incident", index=True)
    subject: str
    answer: str
    because: str
    by: str
    second_by: str | None = None
    second_at: datetime | None = maybe_instant()
    at: datetime = instant()
    proposed: Any = json_object()


class NoticeRow(SQLModel, table=True):
    """A document to one addressee or many readers, with its exact text and hash."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("incident_id", "ref", name="uq_notice"),
        Index("ix_notice_state", "state", "id"),
    )
    id: int = big_key()
    incident_id: int = belongs_to("incident")
    incident_ref: str
    ref: str
    oid: str
    kind: str
    phase: str
    language: str
    state: str = "draft"
    subject: str
    text: str
    html: str | None = None
    sha256: str
    missing: list[Any] = json_list()
    drafted_by: str
    drafted_at: datetime = instant()
    approved_by: str | None = None
    approved_at: datetime | None = maybe_instant()
    rejected_by: str | None = None
    rejected_because: str | None = None
    route: dict[str, Any] = json_object()
    filed_as: str | None = None
    filed_by: str | None = None
    filed_at: datetime | None = maybe_instant()
    sent_at: datetime | None = maybe_instant()
    supersedes: str | None = None
    form: dict[str, Any] = json_object()  # the authority's form as filled in; empty where it has none
    facts_version: int | None = None  # the facts it was drafted from; None for notices older than this column
    scope: str = Field(default="", sa_column_kwargs={"server_default": ""})  # whose part: a controller's id
    changes: dict[str, Any] = json_object()  # against the last filing to the same addressee
    attachments: list[Any] = json_list()
    approvals: list[Any] = json_list()
    variants: dict[str, Any] = json_object()  # a letter's further wordings, by key; see services/wordings.py
    created_at: datetime = instant()


class ImportRow(SQLModel, table=True):
    """One file of people taken in: how many, and why which lines were refused, without their data."""

    __tablename__ = "recipient_import"
    id: int = big_key()
    incident_id: int = belongs_to("incident", index=True)
    file_sha256: str
    accepted: int = 0
    refused: int = 0
    duplicates: int = 0
    at: datetime = instant()
    by: str
    refused_rows: list[Any] = json_list()


class DeliveryRow(SQLModel, table=True):
    """One attempt to bring one notice to one reader, claimed before the act, recorded after it."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_counts", "incident_id", "state"),
        Index("ix_delivery_notice", "notice_id", "id"),
        _only("ix_delivery_planned", "id", where="state = 'planned'"),
        _only("ix_delivery_planned_notice", "notice_id", "id", where="state = 'planned'"),
        _only("ix_delivery_claimed", "claimed_until", where="state = 'claimed'"),
        _only("ix_delivery_in_doubt", "incident_id", "id", where="state = 'in-doubt'"),
    )
    id: int = big_key()
    notice_id: int = belongs_to("notice")
    incident_id: int = belongs_to("incident")
    person: int | None = None  # number within the incident, where the reader is one of the people
    key: str = Field(unique=True)
    channel: str
    state: str = "planned"
    attempts: int = 0
    claimed_by: str | None = None
    claimed_until: datetime | None = maybe_instant()
    claimed_at: datetime | None = maybe_instant()
    retry_at: datetime | None = maybe_instant()
    done_at: datetime | None = maybe_instant()
    provider_id: str | None = None
    receipt: dict[str, Any] = json_object()
    bytes_sha256: str | None = None
    sealed: bytes | None = None
    error_kind: str | None = None
    resolved_by: str | None = None


class StepRow(SQLModel, table=True):
    """One reminder, escalation or planned send: fires once, at or after its instant."""

    __tablename__ = "step"
    __table_args__ = (
        UniqueConstraint("incident_id", "oid", "name", "plan_version", name="uq_step"),
        _only("ix_step_pending", "due_at", "id", where="state = 'pending'"),
        _only("ix_step_claimed", "claimed_until", where="state = 'claimed'"),
        _only("ix_step_unfired", "due_at", where=UNFIRED),
    )
    id: int = big_key()
    incident_id: int = belongs_to("incident")
    incident_ref: str
    oid: str
    name: str
    plan_version: int
    due_at: datetime = instant()
    state: str = "pending"
    claimed_by: str | None = None
    claimed_until: datetime | None = maybe_instant()
    claims: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    fired_at: datetime | None = maybe_instant()
    late_seconds: float | None = None
    late_because: str | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = maybe_instant()
    detail: dict[str, Any] = json_object()


class JournalRow(SQLModel, table=True):
    """One sealed entry: who did what, when, on which lawbook."""

    __tablename__ = "journal"
    __table_args__ = (Index("ix_journal_incident", "incident_ref", "seq"),)
    seq: int = Field(primary_key=True, sa_type=BIG_KEY, sa_column_kwargs={"autoincrement": False})
    at: datetime = instant()
    actor: str
    act: str
    incident_ref: str | None = None
    subject: str
    lawbook_sha256: str | None = None
    payload: dict[str, Any] = json_object()
    prev_hash: str
    incident_prev: str
    hash: str


class JournalHeadRow(SQLModel, table=True):
    """The last entry of the whole journal (name "") and of each incident (name = its ref)."""

    __tablename__ = "journal_head"
    name: str = Field(primary_key=True)
    seq: int = Field(sa_type=BIG_KEY)
    hash: str


class AccountRow(SQLModel, table=True):
    """A name somebody acts under; two accounts of one person are one pair of eyes."""

    __tablename__ = "account"
    id: int = big_key()
    name: str = Field(unique=True)
    person: str
    roles: list[str] = json_list()
    created_at: datetime = instant()
    disabled: bool = False


class LeaseRow(SQLModel, table=True):
    """Who may do a thing alone, and until when."""

    __tablename__ = "lease"
    name: str = Field(primary_key=True)
    owner: str
    until: datetime = instant()


class MarkRow(SQLModel, table=True):
    """One small value of this installation, such as its id or the last tick."""

    __tablename__ = "mark"
    name: str = Field(primary_key=True)
    value: Any = json_object()
