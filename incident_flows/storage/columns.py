"""Column types shared by all tables: instants that must carry a zone, big keys, exact JSON.

Nothing here knows a table.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, TypeDecorator
from sqlmodel import Field

BIG_KEY = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows only in an INTEGER key


class Instant(TypeDecorator[datetime]):
    """An instant: refuses datetimes without a zone, stores UTC, gives UTC back with its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return `value` in UTC."""
        if value is None:
            return None
        if not isinstance(value, datetime):
            raise TypeError(f"an instant must be a datetime with a zone, not {type(value).__name__}")
        if value.utcoffset() is None:
            raise ValueError(f"{value.isoformat()} has no offset, so it names no instant; nothing was stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored instant, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def sqlite_text(value: datetime) -> str:
    """Return an instant as SQLite holds it, for statements that go past SQLAlchemy."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def big_key() -> Any:
    """Return the field of a row's own number, which the database gives."""
    return Field(primary_key=True, sa_type=BIG_KEY)


def belongs_to(table: str, *, index: bool = False) -> Any:
    """Return the field that points to a row of `table`."""
    return Field(foreign_key=f"{table}.id", sa_type=BIG_KEY, index=index)


def may_belong_to(table: str) -> Any:
    """Return the field that points to a row of `table`, or to none."""
    return Field(default=None, foreign_key=f"{table}.id", sa_type=BIG_KEY, nullable=True)


def instant() -> Any:
    """Return the field of an instant that is always known."""
    return Field(sa_type=Instant)


def maybe_instant() -> Any:
    """Return the field of an instant that may not be known yet."""
    return Field(default=None, sa_type=Instant, nullable=True)


def json_object() -> Any:
    """Return the field of a JSON object, kept as text so that what was written comes back exactly."""
    return Field(default_factory=dict, sa_type=JSON)


def json_list() -> Any:
    """Return the field of a JSON list."""
    return Field(default_factory=list, sa_type=JSON)
