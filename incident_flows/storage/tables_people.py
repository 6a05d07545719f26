"""The tables of the people to be told: sealed blocks of them in the order of their file, and exceptions by number.

A person is a number within the incident, from 0. Nothing here can be read without the incident's key.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from incident_flows.storage.columns import BIG_KEY, instant, json_list, json_object, may_belong_to

MOST_IN_A_BLOCK = 1000


def _incident() -> Any:
    return Field(
        primary_key=True,
        foreign_key="incident.id",
        sa_type=BIG_KEY,
        sa_column_kwargs={"autoincrement": False},
    )


class BlockRow(SQLModel, table=True):
    """Up to a thousand people, sealed together.

    Attributes:
        first: The number of its first person; the others follow.
        digests: Per person 16 bytes of the keyed hash of their address, in their order.
        summary: How many people by language and place: [language or null, place or null, count].
        guarded: How many of them are written to through a guardian; None in blocks older than this column.
        alone: How many of these are minors and have no guardian on the list; likewise.
    """

    __tablename__ = "recipient_block"
    incident_id: int = _incident()
    first: int = Field(primary_key=True, sa_type=BIG_KEY, sa_column_kwargs={"autoincrement": False})
    count: int
    import_id: int | None = may_belong_to("recipient_import")
    sealed: bytes | None = None  # None once shredded
    digests: bytes
    summary: list[Any] = json_list()
    guarded: int | None = None
    alone: int | None = None


class ExceptionRow(SQLModel, table=True):
    """What is not as usual with one person: no address, quarantined, bounced, unreachable …"""

    __tablename__ = "recipient_exception"
    __table_args__ = (Index("ix_recipient_exception_state", "incident_id", "state", "number"),)
    incident_id: int = _incident()
    number: int = Field(primary_key=True, sa_type=BIG_KEY, sa_column_kwargs={"autoincrement": False})
    state: str
    at: datetime = instant()
    detail: dict[str, Any] = json_object()
