"""The tables of letters to people: one row per notice that goes to many, one per packed batch of copies.

A person is a number within the incident; no row here can be read without the incident's key.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from incident_flows.storage.columns import BIG_KEY, belongs_to, big_key, instant, json_object, maybe_instant

BatchState = Literal[
    "planned", "claimed", "accepted", "released", "rejected", "in-doubt", "quarantined", "cancelled"
]
Switch = Literal["go", "paused", "stopped"]


def _only(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class LetterRunRow(SQLModel, table=True):
    """The sending of one notice to the people: the list that was approved with it, and how far it got."""

    __tablename__ = "letter_run"
    notice_id: int = Field(
        primary_key=True, foreign_key="notice.id", sa_type=BIG_KEY, sa_column_kwargs={"autoincrement": False}
    )
    incident_id: int = belongs_to("incident", index=True)
    list_sha256: str
    listed: int  # people on the approved list, in all languages
    approved_by: str
    approved_at: datetime = instant()
    mode: str | None = None
    switch: str = "go"
    because: str | None = None  # of a pause or stop
    tag: str | None = None  # what stands for the reader's name in what the provider gets; random
    people: int | None = None  # packed; None until all are
    packed_until: int = -1  # number of the last person packed
    wave: int = 0
    started_at: datetime | None = maybe_instant()
    resume_at: datetime | None = maybe_instant()
    detail: dict[str, Any] = json_object()


class LetterBatchRow(SQLModel, table=True):
    """Up to a thousand copies of one letter; claimed before the act, recorded after it.

    A row with `replaced` set stands for nobody any more: others took over its people.
    """

    __tablename__ = "letter_batch"
    __table_args__ = (
        Index("ix_letter_batch_counts", "incident_id", "notice_id", "state"),
        _only("ix_letter_batch_planned", "notice_id", "wave", "id", where="state = 'planned'"),
        _only(
            "ix_letter_batch_open", "notice_id", "id",
            where="state in ('claimed', 'in-doubt', 'quarantined')",
        ),
        _only("ix_letter_batch_scheduled", "send_at", where="state = 'accepted' AND send_at IS NOT NULL"),
        Index("ix_letter_batch_claimed_at", "claimed_at"),
    )  # fmt: skip
    id: int = big_key()
    notice_id: int = belongs_to("notice")
    incident_id: int = belongs_to("incident")
    wave: int
    variant: str
    seed: bool = False  # the team's own addresses: not people, not counted
    count: int
    numbers: bytes  # of the people, in the order of the copies; see services/letters.py
    template_sha256: str
    address: int = Field(default=1, sa_column_kwargs={"server_default": "1"})  # the people's first or second one
    form: str  # what its body is: a provider's request part, or plain
    state: str = "planned"
    replaced: bool = False
    progress: int = 0  # copies done, for channels that take them one by one
    attempts: int = 0
    unknowns: int = 0  # how often the provider left the outcome open
    nonce: str = Field(unique=True)
    channel: str | None = None
    batch_id: str | None = None
    send_at: datetime | None = maybe_instant()
    x_message_id: str | None = None
    error_kind: str | None = None
    claimed_by: str | None = None
    claimed_at: datetime | None = maybe_instant()
    retry_at: datetime | None = maybe_instant()
    done_at: datetime | None = maybe_instant()
    resolved_by: str | None = None


class LetterBodyRow(SQLModel, table=True):
    """The copies of one batch, sealed under its nonce; gone once nobody can need them any more.

    A table of its own, because SQLite writes a whole row anew, however large, when one word of it changes.
    """

    __tablename__ = "letter_body"
    nonce: str = Field(primary_key=True)
    incident_id: int = belongs_to("incident", index=True)
    sealed: bytes
