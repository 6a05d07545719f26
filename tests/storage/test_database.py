"""Transactions, migration, health, and what is said when the database refuses."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, inspect

from incident_flows.errors import BreachError, StorageError
from incident_flows.storage.database import Database
from incident_flows.storage.tables import AccountRow, IncidentRow

Opener = Callable[..., Database]
Incident = Callable[..., IncidentRow]


def test_what_was_written_is_there_for_the_next_transaction(
    database: Database, open_incident: Incident
) -> None:
    opened = open_incident(database)
    with database.read() as tx:
        assert tx.incidents.get(opened.ref) == opened


def test_a_transaction_that_raises_leaves_nothing_behind(database: Database, noon: datetime) -> None:
    def fail() -> None:
        with database.write() as tx:
            tx.leases.put("mark", 1)
            tx.journal.write(noon, "ana", "open", None, "x", {})
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.read() as tx:
        assert tx.leases.get("mark") is None
        assert tx.journal.head().seq == 0


def test_a_reading_transaction_sees_one_moment_only(database: Database) -> None:
    with database.read() as reading:
        assert reading.leases.get("mark") is None
        with database.write() as writing:
            writing.leases.put("mark", 1)
        assert reading.leases.get("mark") is None
    with database.read() as reading:
        assert reading.leases.get("mark") == 1


def test_a_reading_transaction_cannot_write(database: Database, noon: datetime) -> None:
    with pytest.raises(StorageError, match="a reading transaction tried to write"), database.read() as tx:
        tx.leases.put("mark", 1)
    with pytest.raises(StorageError, match="tried to write to the journal"), database.read() as tx:
        tx.journal.write(noon, "ana", "open", None, "x", {})
    with database.write() as tx:
        tx.leases.put("mark", 2)  # the connection is not spoilt for the next writer


def test_rows_stay_readable_after_the_transaction_and_never_write_back(
    database: Database, incident: IncidentRow
) -> None:
    with database.write() as tx:
        seen = tx.incidents.get(incident.ref)
        seen.title = "changed by mistake"
    with database.read() as tx:
        assert tx.incidents.get(incident.ref).title == "Laptop stolen"


def test_an_instant_without_zone_is_refused(database: Database, incident: IncidentRow) -> None:
    naive = datetime(2026, 11, 20, 12)  # noqa: DTZ001
    with pytest.raises(ValueError, match="has no offset"), database.write() as tx:
        tx.incidents.close(incident.ref, naive)
    with pytest.raises(TypeError, match="must be a datetime"), database.write() as tx:
        tx.incidents.close(incident.ref, "2026-11-20")  # type: ignore[arg-type]
    with database.read() as tx:
        assert tx.incidents.get(incident.ref).state == "open"


def test_an_instant_comes_back_in_utc_to_the_microsecond(database: Database, incident: IncidentRow) -> None:
    told = datetime(2026, 10, 25, 2, 30, 0, 123456, timezone(timedelta(hours=1)))
    with database.write() as tx:
        tx.incidents.close(incident.ref, told)
    with database.read() as tx:
        closed_at = tx.incidents.get(incident.ref).closed_at
    assert closed_at == told
    assert closed_at is not None
    assert closed_at.isoformat() == "2026-10-25T01:30:00.123456+00:00"


def test_a_value_json_cannot_hold_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="JSON compliant"), database.write() as tx:
        tx.leases.put("mark", float("nan"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not a database URL"),
        ("s3cret", "not a database URL"),
        ("mysql://ana:s3cret@host/x", "of kind 'mysql'"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url: str, says: str) -> None:
    with pytest.raises(StorageError, match=says) as caught:
        Database(url)
    assert "s3cret" not in str(caught.value)


def test_one_way_to_write_a_postgresql_url_is_as_good_as_another() -> None:
    for scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        database = Database(f"{scheme}://ana:s3cret@db.example/breach")
        assert database.place == "database breach at ana@db.example"


# Migration


def test_migrating_twice_changes_nothing(empty_database_url: str, open_database: Opener) -> None:
    database = open_database(empty_database_url)
    with pytest.raises(StorageError, match="not set up"):
        database.check()
    database.migrate()
    with database.write() as tx:
        tx.leases.put("mark", 1)
    database.migrate()
    database.check()
    with database.read() as tx:
        assert tx.leases.get("mark") == 1


_MIGRATE = """
import sys
from incident_flows.storage.database import Database
database = Database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
database.migrate()
database.check()
"""


def test_processes_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    starting = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _MIGRATE, empty_database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in starting:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in starting:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate()[1] for process in starting]
    assert [process.returncode for process in starting] == [0, 0, 0, 0], said


def test_a_migration_that_is_cut_short_leaves_nothing_behind(
    empty_database_url: str, open_database: Opener
) -> None:
    cut, whole = open_database(empty_database_url), open_database(empty_database_url)

    def stop(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "journal_in_line" in statement:
            raise KeyboardInterrupt

    event.listen(cut._engine, "before_cursor_execute", stop)
    with pytest.raises(KeyboardInterrupt):
        cut.migrate()
    with whole._engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    whole.migrate()
    whole.check()


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database._engine.execution_options(breach_writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for act in (database.migrate, database.check):
        with pytest.raises(StorageError, match=r"newer version .*9999"):
            act()


def test_neither_psycopg_nor_alembic_is_imported_before_it_is_needed(sqlite_url: str) -> None:
    script = (
        "import sys; from incident_flows.storage.database import Database;"
        "database = Database(sys.argv[1]); database.migrate(); database.check();"
        "print([name for name in ('alembic', 'psycopg', 'prefect') if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, sqlite_url], capture_output=True, text=True, check=True
    )
    assert said.stdout == "[]\n"


def test_the_file_is_made_for_this_user_only_and_survives_a_power_cut(
    tmp_path: Path, open_database: Opener
) -> None:
    path = tmp_path / "home" / "breach.db"
    database = open_database(f"sqlite:///{path}")
    database.migrate()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with database._engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "busy_timeout": 15000,
    }


# What is said when it refuses


def _refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(StorageError) as caught:
        act()
    said = str(caught.value)
    assert 1 <= len(said.splitlines()) <= 3
    assert isinstance(caught.value, BreachError)
    assert caught.value.__suppress_context__
    return said


def _write(database: Database) -> None:
    with database.write() as tx:
        tx.leases.put("mark", "x" * 500_000)


def test_a_read_only_file_says_so(sqlite_url: str, tmp_path: Path, open_database: Opener) -> None:
    database = open_database(f"sqlite:///file:{tmp_path / 'breach.db'}?mode=ro&uri=true")
    for act in (database.check, lambda: _write(database)):
        said = _refusal(act)
        assert "is read-only" in said
        assert "writable" in said
    with database.read() as tx:
        assert tx.incidents.list() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every file")
def test_a_file_without_write_permission_says_so(
    sqlite_url: str, tmp_path: Path, open_database: Opener
) -> None:
    (tmp_path / "breach.db").chmod(0o400)
    assert "is read-only" in _refusal(open_database(sqlite_url).check)


def test_a_full_disk_says_so_and_keeps_what_was_there(
    sqlite_url: str, open_database: Opener, open_incident: Incident
) -> None:
    database = open_database(sqlite_url)
    opened = open_incident(database)
    database.dispose()

    def no_more_pages(connection: Any, _record: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages}")

    event.listen(database._engine, "connect", no_more_pages)
    assert "the disk is full" in _refusal(lambda: _write(database))
    with database.read() as tx:
        assert tx.incidents.get(opened.ref).title == "Laptop stolen"


def test_a_locked_file_says_so(sqlite_url: str, tmp_path: Path, open_database: Opener) -> None:
    other = sqlite3.connect(tmp_path / "breach.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        database = open_database(sqlite_url, lock_seconds=0.0)
        assert "locked by another process" in _refusal(lambda: _write(database))
        with database.read() as tx:  # readers go on
            assert tx.leases.get("mark") is None
    finally:
        other.close()


def test_a_locked_row_says_so(postgresql_url: str, open_database: Opener, open_incident: Incident) -> None:
    first, second = open_database(postgresql_url), open_database(postgresql_url, lock_seconds=0.01)
    opened = open_incident(first)
    with first.write() as tx:
        tx.incidents.lock(opened.ref)

        def lock_too() -> None:
            with second.write() as other:
                other.incidents.lock(opened.ref)

        assert "locked by another process" in _refusal(lock_too)


def test_what_is_no_database_says_so(tmp_path: Path, open_database: Opener) -> None:
    (tmp_path / "breach.db").write_bytes(b"not a database at all" * 100)
    database = open_database(f"sqlite:///{tmp_path / 'breach.db'}")
    assert "is not a database" in _refusal(database.migrate)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path, open_database: Opener) -> None:
    (tmp_path / "file").touch()
    database = open_database(f"sqlite:///{tmp_path / 'file' / 'breach.db'}")
    assert "cannot be made" in _refusal(database.migrate)


def test_looking_at_a_database_that_is_not_there_does_not_make_one(
    empty_sqlite_url: str, tmp_path: Path, open_database: Opener
) -> None:
    database = open_database(empty_sqlite_url)
    for act in (database.check, lambda: _write(database)):
        assert "`breach up`" in _refusal(act)
    assert list(tmp_path.iterdir()) == []


def test_a_file_may_have_signs_in_its_name_that_mean_something_in_a_url(
    tmp_path: Path, open_database: Opener
) -> None:
    path = tmp_path / "50% off #1 näme.db"
    database = open_database(f"sqlite:///{path}")
    database.migrate()
    database.check()
    assert path.stat().st_size > 0


def test_a_file_in_no_folder_says_so(tmp_path: Path, open_database: Opener) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'nowhere' / 'breach.db'}")
    assert "cannot be opened" in _refusal(lambda: _write(database))


def test_a_server_that_does_not_answer_is_named_without_its_password(open_database: Opener) -> None:
    database = open_database("postgresql://ana:s3cret@127.0.0.1:1/breach?connect_timeout=2")
    for act in (database.migrate, database.check, lambda: _write(database)):
        said = _refusal(act)
        assert "database breach at ana@127.0.0.1:1 cannot be reached" in said
        assert "s3cret" not in said


def test_a_refused_password_says_so_without_repeating_it(postgresql: Any, open_database: Opener) -> None:
    postgresql.run("CREATE ROLE needs_password LOGIN PASSWORD 'right'")
    try:
        database = open_database(postgresql.url("migrated", user="needs_password", password="s3cret"))
        said = _refusal(database.check)
    finally:
        postgresql.run("DROP ROLE needs_password")
    assert "refuses the password" in said
    assert "s3cret" not in said


def test_an_unknown_user_or_database_says_so(postgresql: Any, open_database: Opener) -> None:
    assert "does not exist" in _refusal(open_database(postgresql.url("nowhere")).check)
    assert "refuses this user" in _refusal(open_database(postgresql.url("migrated", user="nobody")).check)


def test_a_read_only_server_says_so(postgresql_url: str, open_database: Opener) -> None:
    database = open_database(f"{postgresql_url}&options=-cdefault_transaction_read_only%3Don")
    assert "is read-only" in _refusal(lambda: _write(database))
    assert "is read-only" in _refusal(database.check)


def test_a_broken_rule_names_the_rule_and_never_the_value(database: Database, incident: IncidentRow) -> None:
    def twice() -> None:
        with database.write() as tx:
            row = {"name": "s3cret", "person": "p", "roles": [], "created_at": incident.opened_at}
            tx.accounts._run(insert(AccountRow).values(**row))
            tx.accounts._run(insert(AccountRow).values(**row))

    said = _refusal(twice)
    assert "s3cret" not in said
    assert "account" in said
