"""What every noun shares: one session, rows handed out detached, incidents found by their ref.

Statements go through SQLAlchemy Core with RETURNING; nothing is changed by assigning to a row, so a
row that is handed out can never be written back by accident.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    CursorResult,
    Executable,
    Select,
    Table,
    TextClause,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate
from sqlmodel import SQLModel, col

from incident_flows.errors import NotFoundError
from incident_flows.storage.tables import CounterRow, IncidentRow

Row = TypeVar("Row", bound=SQLModel)
_NO_SYNC = {"synchronize_session": False}
_COUNT = {"preserve_rowcount": True}  # without it the count of an INSERT is not kept
_NEAREST_AMONG = 2000  # refs compared when one is mistyped


def table_of(row: type[SQLModel]) -> Table:
    """Return the Core table under a row class."""
    table = inspect(row).local_table
    assert isinstance(table, Table)
    return table


def literally(condition: str) -> TextClause:
    """Return `condition` as it stands, so that the planner sees that a partial index answers it."""
    return text(condition)


class Noun:
    """Base of the nouns on a transaction.

    Args:
        session: The transaction all methods act in.
        writing: False in a reading transaction.
    """

    def __init__(self, session: Session, *, writing: bool) -> None:
        self._session = session
        self._writing = writing
        self._postgresql = session.get_bind().dialect.name == "postgresql"

    def _all(self, statement: Select[Row] | ReturningUpdate[Row] | ReturningInsert[Row]) -> list[Row]:
        found = list(self._session.scalars(statement, execution_options=_NO_SYNC).unique())
        for row in found:
            self._session.expunge(row)
        return found

    def _one(self, statement: Select[Row] | ReturningUpdate[Row] | ReturningInsert[Row]) -> Row | None:
        found = self._all(statement)
        return found[0] if found else None

    def _run(self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> int:
        """Execute and return how many rows it touched."""
        if rows is not None and not rows:
            return 0
        result = self._session.connection().execute(statement, rows, execution_options=_COUNT)
        assert isinstance(result, CursorResult)
        touched: int = result.rowcount
        return max(touched, 0)

    def _insert_new(self, row: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> int:
        """Insert what is not there yet; return how many rows were new."""
        return self._run(self._upsert(row).on_conflict_do_nothing(), rows)

    def _upsert(self, row: type[SQLModel]) -> sqlite.Insert | postgresql.Insert:
        table = table_of(row)
        return postgresql.insert(table) if self._postgresql else sqlite.insert(table)

    def _free(self, chosen: Select[int]) -> Select[int]:
        """Return the ids `chosen` selects, passing over rows another transaction is taking.

        As a common table expression, because PostgreSQL may run a plain subquery more than once and
        then take more rows than its limit.
        """
        taken = chosen.with_for_update(skip_locked=True).cte("free")
        return select(taken.c.id)

    def _next_number(self, series: str) -> int:
        """Return the next number of a series; held until the transaction ends, so none is skipped."""
        self._insert_new(CounterRow, [{"name": series, "value": 0}])
        value: int | None = self._session.scalar(
            update(CounterRow)
            .where(col(CounterRow.name) == series)
            .values(value=col(CounterRow.value) + 1)
            .returning(col(CounterRow.value)),
            execution_options=_NO_SYNC,
        )
        assert value is not None
        return value

    def _give_back(self, series: str) -> None:
        """Return the number taken last, within the same transaction."""
        self._run(
            update(CounterRow).where(col(CounterRow.name) == series).values(value=col(CounterRow.value) - 1)
        )

    def _incident(self, ref: str, *, lock: bool = False) -> IncidentRow:
        statement = select(IncidentRow).where(col(IncidentRow.ref) == ref)
        if lock and self._writing:
            statement = statement.with_for_update()  # SQLite has one writer anyway and ignores it
        found = self._one(statement)
        if found is None:
            raise NotFoundError(f"{ref}: no such incident{self._nearest(ref)}; `breach list` shows all")
        return found

    def _incident_id(self, ref: str) -> int:
        found = self._session.scalar(select(col(IncidentRow.id)).where(col(IncidentRow.ref) == ref))
        return self._incident(ref).id if found is None else found

    def _ref(self, incident_id: int) -> str:
        found = self._session.scalar(select(col(IncidentRow.ref)).where(col(IncidentRow.id) == incident_id))
        if found is None:
            raise NotFoundError(f"no incident has the number {incident_id}")
        return found

    def _nearest(self, ref: str) -> str:
        refs = self._session.scalars(
            select(col(IncidentRow.ref)).order_by(col(IncidentRow.id).desc()).limit(_NEAREST_AMONG)
        )
        return nearest(ref.upper(), refs)


def nearest(word: str, words: Iterable[str]) -> str:
    """Return ` (did you mean …?)` with up to three of `words`, or nothing.

    >>> nearest("INC-2026-1", ["INC-2026-0001", "INC-2025-0400"])
    ' (did you mean INC-2026-0001?)'
    >>> nearest("laptop", ["INC-2026-0001"])
    ''
    """
    close = difflib.get_close_matches(word, list(words), n=3, cutoff=0.75)
    return f" (did you mean {' or '.join(close)}?)" if close else ""
