"""The tables of what became of letters: events as they came, without an address, and states by batch."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from incident_flows.storage.columns import BIG_KEY, belongs_to, big_key, instant


class EventInboxRow(SQLModel, table=True):
    """The events of one callback, not yet counted: nonce, place, state and time of each, nothing else."""

    __tablename__ = "event_inbox"
    id: int = big_key()
    at: datetime = instant()
    events: int
    body: bytes


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
