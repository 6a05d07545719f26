"""The transactions of a sender between two requests, on a connection kept for them.

There is one before every thousand letters, so the statements are put into the database's own words once and handed to
its driver: a session with all its nouns, and finding compiled forms again, would cost more than running them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlalchemy import Dialect, Update
from sqlalchemy.dialects import sqlite

from incident_flows.storage.columns import sqlite_text
from incident_flows.storage.letter_statements import ACCEPT, CLAIM_UNDER


class LetterTurns:
    """Turns of one sender; each is a transaction of its own, durable when it returns.

    Args:
        driver: The driver's connection, open for writing; nobody else uses it meanwhile.
        dialect: Of its database.
        said_plainly: Turns what a driver raises into our words.
    """

    def __init__(
        self, driver: Any, dialect: Dialect, said_plainly: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._driver, self._said_plainly = driver, said_plainly
        self._begins = dialect.name == "sqlite"  # psycopg begins by itself
        self._accept, self._claim = _Statement(ACCEPT, dialect), _Statement(CLAIM_UNDER, dialect)

    def turn(
        self, lease: str, accepted: Sequence[Mapping[str, Any]], claims: Sequence[Mapping[str, Any]]
    ) -> list[bool]:
        """Record what the provider took over, then claim planned batches.

        A batch is claimed only while the owner holds the lease and nobody stopped the run, and recorded only by
        whoever claimed it.

        Args:
            lease: The sender's.
            accepted: Per batch: the, owner, known_as, at.
            claims: Per batch: the, owner, at, through, batch, due.

        Returns:
            Which of `claims` hold.

        Raises:
            StorageError: The database refused; nothing was recorded or claimed.
        """
        with self._said_plainly():
            if self._begins:
                self._driver.execute("BEGIN IMMEDIATE")
            try:
                for row in accepted:
                    self._accept.run(self._driver, row)
                held = [self._claim.run(self._driver, {**row, "lease": lease}) == 1 for row in claims]
                self._driver.commit()
            except BaseException:
                self._driver.rollback()
                raise
        return held


class _Statement:
    """An update in the words of one driver."""

    def __init__(self, statement: Update, dialect: Dialect) -> None:
        self._sqlite = dialect.name == "sqlite"
        compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named") if self._sqlite else dialect)
        self._text, self._fixed = str(compiled), dict(compiled.params)

    def run(self, driver: Any, row: Mapping[str, Any]) -> int:
        """Execute it, and return how many rows it touched."""
        given = {**self._fixed, **row}
        if self._sqlite:
            given = {name: sqlite_text(one) if isinstance(one, datetime) else one for name, one in given.items()}
        touched: int = driver.execute(self._text, given).rowcount
        return touched
