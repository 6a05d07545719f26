"""The door to the database: transactions for reading and for writing, migration, health.

SQLite and PostgreSQL behave alike from here on: one consistent snapshot per reading transaction,
all or nothing per writing one, and every refusal a `StorageError`. psycopg and alembic are imported
only when they are needed.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from incident_flows.errors import StorageError
from incident_flows.storage.access import Access
from incident_flows.storage.accounts import Accounts
from incident_flows.storage.deliveries import Deliveries
from incident_flows.storage.evidence import Evidence
from incident_flows.storage.failures import failure_of, place_of
from incident_flows.storage.fates import LetterFates
from incident_flows.storage.filings import Filings
from incident_flows.storage.incidents import Incidents
from incident_flows.storage.journal import Journal
from incident_flows.storage.leases import Leases
from incident_flows.storage.letter_turns import LetterTurns
from incident_flows.storage.letters import Letters
from incident_flows.storage.migrations import HEAD, KNOWN
from incident_flows.storage.notices import Notices
from incident_flows.storage.obligations import Obligations
from incident_flows.storage.people import People
from incident_flows.storage.seconds import Seconds
from incident_flows.storage.steps import Steps
from incident_flows.storage.tokens import NamedRequests, Tokens

_MIGRATION_LOCK = 0x62726561  # one number for all processes, on PostgreSQL
# Pages in SQLite's log before it is written back. A long one is cheaper where transactions are large; where each is
# small and waits for the disk, writing the same few blocks again and again is.
_LONG_LOG, _SHORT_LOG = 1000, 100
_OLDEST_SQLITE = (3, 35, 0)  # RETURNING


class Tx:
    """One transaction; each attribute is a noun acting in it.

    Journal entries are sealed last, when the transaction commits, so that the chain's lock is held
    for a moment only and never while waiting for another row.
    """

    def __init__(self, session: Session, *, writing: bool) -> None:
        self.incidents = Incidents(session, writing=writing)
        self.obligations = Obligations(session, writing=writing)
        self.notices = Notices(session, writing=writing)
        self.deliveries = Deliveries(session, writing=writing)
        self.evidence = Evidence(session, writing=writing)
        self.fates = LetterFates(session, writing=writing)
        self.filings = Filings(session, writing=writing)
        self.people = People(session, writing=writing)
        self.letters = Letters(session, writing=writing)
        self.seconds = Seconds(session, writing=writing)
        self.steps = Steps(session, writing=writing)
        self.journal = Journal(session, writing=writing)
        self.accounts = Accounts(session, writing=writing)
        self.leases = Leases(session, writing=writing)
        self.access = Access(session, writing=writing)
        self.tokens = Tokens(session, writing=writing)
        self.named_requests = NamedRequests(session, writing=writing)


class Database:
    """One database, by URL: `sqlite:////path/file.db` or `postgresql://user:password@host/name`.

    Args:
        url: Where it is. Other kinds of database are refused.
        lock_seconds: How long to wait for another process to let go of a lock.

    Raises:
        StorageError: The URL names no database we can use.
    """

    def __init__(self, url: str, *, lock_seconds: float = 15.0) -> None:
        self._url = _usable(url)
        self._lock_seconds = lock_seconds
        self.place = place_of(self._url)
        engine = self._sqlite() if self._is_sqlite else self._postgresql()
        event.listen(engine, "begin", self._begin)
        self._engine = engine
        self._reader = engine.execution_options(**_READING[self._is_sqlite])
        self._writer = engine.execution_options(breach_writes=True)

    @property
    def _is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def write(self) -> AbstractContextManager[Tx]:
        """Return a transaction that commits when the block ends and rolls back when it raises."""
        return self._transaction(self._writer, writing=True)

    def read(self) -> AbstractContextManager[Tx]:
        """Return a transaction that sees one moment of the database and cannot write."""
        return self._transaction(self._reader, writing=False)

    @contextmanager
    def letter_turns(self) -> Iterator[LetterTurns]:
        """Keep a connection for a sender's transactions between two requests."""
        with self._said_plainly():
            connection = self._writer.connect()
        with connection:
            with self._said_plainly(), connection.begin():
                pass  # it is open for writing from here on, see _begin
            driver: Any = connection.connection.driver_connection
            if self._is_sqlite:
                driver.execute(f"PRAGMA wal_autocheckpoint={_SHORT_LOG}")
            try:
                yield LetterTurns(driver, connection.dialect, self._said_plainly)
            finally:
                if self._is_sqlite:
                    driver.execute(f"PRAGMA wal_autocheckpoint={_LONG_LOG}")

    def migrate(self) -> None:
        """Bring the tables to this version; safe when several processes start at once.

        Raises:
            StorageError: Read-only, unreachable, or set up by a newer version of the product.
        """
        with self._said_plainly():
            if self._is_sqlite:
                self._make_file()
                self._use_wal()
            if self._version() == HEAD:
                return
            with self._writer.connect() as connection, connection.begin():
                if not self._is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                _upgrade(connection)

    def check(self) -> None:
        """Raise StorageError unless the database is there, set up for this version, and writable."""
        with self._said_plainly():
            if self._version() != HEAD:
                raise StorageError(f"The {self.place} is not set up for this version.\nRun `breach up` once.")
            with self._writer.connect() as connection, connection.begin() as transaction:
                connection.execute(text("UPDATE counter SET value = value WHERE name = ''"))
                transaction.rollback()

    def clear_traces(self) -> bool:
        """Let nothing that was overwritten stand in files beside the tables; False if others hold it there.

        SQLite's log is written back and cut to nothing. PostgreSQL is told to clear the old rows; its own log and
        any backup of it are the administrator's.
        """
        with self._said_plainly(), self._engine.connect() as connection:
            if not self._is_sqlite:
                plain = connection.execution_options(isolation_level="AUTOCOMMIT", breach_writes=True)
                plain.exec_driver_sql("VACUUM incident, recipient_block, delivery, letter_body")
                return True
        with self._said_plainly():
            raw = self._engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA query_only=OFF")
                raw.info["writes"] = True
                (busy, *_) = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                raw.close()
        return not busy

    def dispose(self) -> None:
        """Close all connections; the object may be used again and opens new ones."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, engine: Engine, *, writing: bool) -> Iterator[Tx]:
        with (
            self._said_plainly(reading=not writing),
            Session(engine, autoflush=False, expire_on_commit=False) as session,
        ):
            tx = Tx(session, writing=writing)
            yield tx
            if writing:
                tx.journal.seal()
                session.commit()

    @contextmanager
    def _said_plainly(self, *, reading: bool = False) -> Iterator[None]:
        """Turn what the database or its driver raises into our words, without what they quote."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, self._engine.dialect.loaded_dbapi.Error) as error:
            raise failure_of(error, place=self.place, reading=reading) from None

    def _version(self) -> str | None:
        """Return the version the tables have, or None where there are none yet."""
        with self._engine.connect() as connection:
            if not connection.dialect.has_table(connection, "alembic_version"):
                return None
            found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        if found is not None and found not in KNOWN:
            raise StorageError(
                f"The {self.place} was set up by a newer version of this product ({found}).\n"
                "Install that version, or point BREACH_DATABASE_URL elsewhere. Nothing was changed."
            )
        return found

    # SQLite

    def _sqlite(self) -> Engine:
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old; Python needs one from 3.35 on.")
        engine = create_engine(
            self._url, hide_parameters=True, json_serializer=_as_json, creator=self._connect_sqlite
        )
        event.listen(engine, "connect", _prepare_sqlite)
        return engine

    def _connect_sqlite(self) -> sqlite3.Connection:
        """Open the file if it is there; only `migrate` makes one."""
        path = str(self._url.database)
        if path.startswith("file:"):
            query = urlencode({key: value for key, value in self._url.query.items() if key != "uri"})
            uri = f"{path}?{query}"
        else:
            uri = f"file:{quote(path)}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=self._lock_seconds, check_same_thread=False)

    def _begin(self, connection: Connection) -> None:
        if self._is_sqlite:
            writes = connection.get_execution_options().get("breach_writes", False)
            if connection.info.get("writes") is not writes:
                connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
                connection.info["writes"] = writes
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    def _make_file(self) -> None:
        """Make the file and its folder, for this user only, before SQLite makes one for everybody."""
        if self._url.database is None or self._url.database.startswith("file:"):
            return
        path = Path(self._url.database)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise StorageError(
                f"The {self.place} cannot be made: {error.strerror}.\n"
                "Set BREACH_HOME or BREACH_DATABASE_URL to a place this user may write to."
            ) from None

    def _use_wal(self) -> None:
        """Turn the write-ahead log on; the file remembers. SQLite does not wait for the lock here."""
        patience = time.monotonic() + self._lock_seconds
        while True:
            connection = self._engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > patience:
                    raise
            finally:
                connection.close()
            time.sleep(0.01)

    # PostgreSQL

    def _postgresql(self) -> Engine:
        connect_args: dict[str, Any] = {}
        if "connect_timeout" not in self._url.query:
            connect_args["connect_timeout"] = 10
        if "options" not in self._url.query:
            connect_args["options"] = f"-c lock_timeout={max(1, int(self._lock_seconds * 1000))}"
        return create_engine(
            self._url,
            hide_parameters=True,
            pool_pre_ping=True,
            json_serializer=_as_json,
            connect_args=connect_args,
        )


_READING: dict[bool, dict[str, Any]] = {
    True: {"breach_writes": False},
    False: {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}


def _usable(url: str) -> URL:
    wanted = "write sqlite:////folder/breach.db or postgresql://user:password@host/name"
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        raise StorageError(f"BREACH_DATABASE_URL is not a database URL; {wanted}.") from None
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StorageError(f"BREACH_DATABASE_URL names a database of kind {backend!r}; {wanted}.")
    if not parsed.database or ":memory:" in parsed.database or "mode=memory" in parsed.database:
        raise StorageError(f"A database in memory would forget every clock at exit; {wanted}.")
    return parsed.set(drivername="sqlite")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin
    cursor = connection.cursor()
    # synchronous=FULL: what is committed survives a power cut. recursive_triggers: without it,
    # INSERT OR REPLACE deletes journal rows past the triggers.
    # secure_delete: a shredded key must not lie about in a free page.
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


_JSON = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def _as_json(value: Any) -> str:
    return _JSON.encode(value)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
