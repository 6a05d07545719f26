"""The tables of what became of letters: events as they came, without an address, and states by batch."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from incident_flows.storage.columns import BIG_KEY, belongs_to, big_key, instant

_DUE = text("state = 'due'")


class EventInboxRow(SQLModel, table=True):
    """The events of one callback, not yet counted: nonce, place, state and time of each, nothing else."""

    __tablename__ = "event_inbox"
    id: int = big_key()
    at: datetime = instant()
    events: int
    body: bytes


class SecondRow(SQLModel, table=True):
    """One person whose letter did not arrive at their first address, and what became of the second.

    The key makes sure that nobody gets the same letter at a second address twice.

    Attributes:
        why: In one word, as the provider says it.
        state: due, until somebody looked; then sent to the second address as `planned`, or `none`.
        nonce: Of the batch it went into.
    """

    __tablename__ = "letter_second"
    __table_args__ = (
        Index("ix_letter_second_due", "notice_id", "number", sqlite_where=_DUE, postgresql_where=_DUE),
    )
    notice_id: int = Field(
        primary_key=True, foreign_key="notice.id", sa_type=BIG_KEY, sa_column_kwargs={"autoincrement": False}
    )
    number: int = Field(primary_key=True, sa_type=BIG_KEY, sa_column_kwargs={"autoincrement": False})
    incident_id: int = belongs_to("incident", index=True)
    at: datetime = instant()
    why: str
    state: str = "due"
    nonce: str | None = None


class LetterFateRow(SQLModel, table=True):
    """What became of the copies of one batch: a byte each, and the digests of the events counted."""

    __tablename__ = "letter_fate"
    batch_id: int = Field(
        primary_key=True, foreign_key="letter_batch.id", sa_type=BIG_KEY, sa_column_kwargs={"autoincrement": False}
    )
    incident_id: int = belongs_to("incident", index=True)
    notice_id: int = belongs_to("notice", index=True)
    states: bytes
    seen: bytes
    counted: int = 0
    repeated: int = 0
    last_at: datetime = instant()
