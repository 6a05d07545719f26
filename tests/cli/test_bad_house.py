"""An installation that cannot work as set up: each refusal says what to mend, and keeps every secret."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from incident_flows.storage import database as storage
from tests.cli.terminal import ROOT, SAMPLES, Terminal

if TYPE_CHECKING:
    from tests.conftest import PostgreSQL

SAMPLE = SAMPLES / "aimigos-studio.yaml"
KEY, OTHER_KEY = "11" * 32, "22" * 32
PASSWORD = "correct-horse"


# The database


def test_a_read_only_database_is_read_and_not_written(opened: Terminal) -> None:
    opened.settings["BREACH_DATABASE_URL"] = f"sqlite:///file:{opened.home / 'breach.db'}?mode=ro&uri=true"
    said = opened.refused("open", SAMPLE)
    assert "breach.db is read-only. Nothing was half-written.\nMake the file" in said
    assert opened.refused("facts", "INC-2026-0001", "people.total=1021") == said
    assert [one["id"] for one in opened.json("list")] == ["INC-2026-0001"]
    assert len(opened.json("clocks")) > 0


def test_a_locked_database_is_read_and_not_written(opened: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "Database", partial(storage.Database, lock_seconds=0.05))
    other = sqlite3.connect(opened.home / "breach.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        said = opened.refused("open", SAMPLE)
        assert "breach.db is locked by another process. Nothing was half-written.\nRepeat in a moment" in said
        assert len(opened.json("list")) == 1
    finally:
        other.close()
    assert "INC-2026-0002" in opened("open", SAMPLE)


def test_a_full_disk_keeps_what_was_there(opened: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    really = storage._prepare_sqlite

    def no_more_pages(connection: Any, record: object) -> None:
        really(connection, record)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages}")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "_prepare_sqlite", no_more_pages)
        for words in (("open", SAMPLE), ("facts", "INC-2026-0001", f"narrative.advice={'a' * 50_000}")):
            said = opened.refused(*words)
            assert "cannot grow: the disk is full. Nothing was half-written.\nFree some space" in said
    assert opened.json("show INC-2026-0001")["facts_version"] == 1
    assert opened.json("verify")["whole"] is True


def test_a_full_disk_during_an_import_says_how_many_are_in(
    opened: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "people.csv"
    path.write_text("email\n" + "".join(f"person-{n}@people.example\n" for n in range(60_000)))
    really = storage._prepare_sqlite

    def few_more_pages(connection: Any, record: object) -> None:
        really(connection, record)
        connection.execute("PRAGMA max_page_count=360")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "_prepare_sqlite", few_more_pages)
        said = opened.run("recipients", "INC-2026-0001", "import", path)
    assert said.code == 1
    assert "the disk is full" in said.err
    taken = int(said.err.splitlines()[2].split()[0])
    assert said.err.splitlines()[2].endswith(
        "people were taken in before; import the file again for the rest."
    )
    again = opened.json("recipients INC-2026-0001 import", path)
    assert (again["accepted"], again["duplicates"]) == (60_000 - taken, taken)
    assert 0 < taken < 60_000


def test_a_disk_that_refuses_says_so_in_a_process_of_its_own(opened: Terminal, tmp_path: Path) -> None:
    def nothing_may_grow() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    (tmp_path / "change.yaml").write_text(f"narrative: {{advice: {'a' * 300_000}}}\n")
    before = opened.stored()
    said = _process(opened, "facts", "INC-2026-0001", tmp_path / "change.yaml", preexec_fn=nothing_may_grow)
    assert said.returncode == 1
    assert said.stdout == ""
    assert said.stderr.startswith("breach: ")
    assert "disk" in said.stderr
    assert len(said.stderr.splitlines()) <= 3
    assert opened.stored() == before


@pytest.mark.parametrize("content", [b"organisation: acme\n" * 500, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_left_alone(breach: Terminal, content: bytes) -> None:
    (breach.home / "breach.db").write_bytes(content)
    said = breach.refused("open", SAMPLE)
    assert "breach.db is not a database" in said or "breach.db is damaged" in said
    assert breach.refused("list") == said
    assert (breach.home / "breach.db").read_bytes() == content


def test_a_database_of_a_newer_version_is_left_alone(opened: Terminal) -> None:
    with sqlite3.connect(opened.home / "breach.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    assert "was set up by a newer version of this product (9999)" in opened.refused("list")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "BREACH_DATABASE_URL is not a database URL; write sqlite:////folder/breach.db or"),
        (f"nonsense:{PASSWORD}", "BREACH_DATABASE_URL is not a database URL"),
        (f"mysql://ana:{PASSWORD}@host/breach", "BREACH_DATABASE_URL names a database of kind 'mysql'"),
        (f"postgresql://ana:{PASSWORD}@host:port/breach", "BREACH_DATABASE_URL is not a database URL"),
        (f"postgresql://ana:{PASSWORD}@host/breach?{PASSWORD}=1", "database"),
        ("sqlite://", "A database in memory would forget every clock at exit"),
        ("sqlite:///:memory:", "A database in memory would forget every clock at exit"),
        ("sqlite:////proc/none/breach.db", "cannot be made"),
        ("sqlite:////", "database"),
    ],
)
def test_an_address_of_no_database_is_refused(breach: Terminal, url: str, says: str) -> None:
    breach.settings["BREACH_DATABASE_URL"] = url
    said = breach.refused("list")
    assert says in said
    assert PASSWORD not in said


@pytest.fixture
def guarded(postgresql: PostgreSQL) -> Iterator[str]:
    """Return the URL, without password, of a database that asks for one."""
    postgresql.run(f"CREATE ROLE needs_password LOGIN PASSWORD '{PASSWORD}'")
    postgresql.run("CREATE DATABASE guarded OWNER needs_password")
    yield f"postgresql://needs_password:%s@/guarded?host={postgresql.socket}"
    postgresql.run("DROP DATABASE guarded WITH (FORCE)")
    postgresql.run("DROP ROLE needs_password")


def test_a_wrong_password_is_refused_and_never_shown(breach: Terminal, guarded: str) -> None:
    breach.settings["BREACH_DATABASE_URL"] = guarded % "battery-staple"
    said = breach.refused("open", SAMPLE)
    assert "refuses the password" in said
    assert "Correct it in BREACH_DATABASE_URL" in said
    assert "battery" not in said
    debugged = breach.run("--debug", "open", SAMPLE)
    assert "battery" not in debugged.err + debugged.out
    breach.settings["BREACH_DATABASE_URL"] = guarded % PASSWORD
    assert "INC-2026-0001" in breach("open", SAMPLE)


def test_a_postgresql_that_is_down_is_named(breach: Terminal, tmp_path: Path) -> None:
    breach.settings["BREACH_DATABASE_URL"] = f"postgresql://ana:{PASSWORD}@/breach?host={tmp_path}"
    said = breach.refused("open", SAMPLE)
    assert f"The database breach at ana@{tmp_path} cannot be reached" in said
    assert "Check that the server runs" in said
    assert PASSWORD not in said


def test_a_missing_database_on_a_server_is_named(breach: Terminal, postgresql: PostgreSQL) -> None:
    breach.settings["BREACH_DATABASE_URL"] = postgresql.url("absent")
    assert "does not exist on that server" in breach.refused("open", SAMPLE)


# Home and keys


def test_a_home_that_is_a_file_is_refused(breach: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    breach.settings["BREACH_HOME"] = str(tmp_path / "file")
    assert "cannot be created: File exists; set BREACH_HOME to a folder you own" in breach.refused(
        "open", SAMPLE
    )


def test_a_home_below_a_file_is_refused(breach: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    breach.settings["BREACH_HOME"] = str(tmp_path / "file" / "home")
    assert "set BREACH_HOME to a folder you own" in breach.refused("open", SAMPLE)


def test_another_master_key_makes_no_incident_and_loses_none(breach: Terminal, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("email\nana@people.example\n")
    breach.settings["BREACH_MASTER_KEY"] = KEY
    breach("open", SAMPLE)
    breach("recipients INC-2026-0001 import people.csv")
    before = breach.stored()
    breach.settings["BREACH_MASTER_KEY"] = OTHER_KEY
    said = breach.refused("open", SAMPLE)
    assert "This is not the master key of this installation" in said
    assert "Set BREACH_MASTER_KEY, or put back the key file, as it was. Nothing was lost" in said
    said = breach.refused("recipients", "INC-2026-0001", "import", "people.csv")
    assert "The master key does not open this incident's key" in said
    for secret in (KEY, OTHER_KEY):
        assert secret not in said
    assert len(breach.json("list")) == 1
    assert len(breach.json("clocks INC-2026-0001")) > 0
    assert breach.stored() == before
    breach.settings["BREACH_MASTER_KEY"] = KEY
    again = breach.json("recipients INC-2026-0001 import people.csv")
    assert (again["accepted"], again["duplicates"]) == (0, 1)


def test_a_lost_key_file_is_noticed(opened: Terminal) -> None:
    (opened.home / "keys" / "master.key").unlink()
    assert "This is not the master key of this installation" in opened.refused("open", SAMPLE)
    assert len(opened.json("list")) == 1


@pytest.mark.parametrize("key", ["secret", "11" * 31, "11" * 33, "zz" * 32, "MTExMTEx"])
def test_a_master_key_that_is_none_is_refused_and_never_shown(breach: Terminal, key: str) -> None:
    breach.settings["BREACH_MASTER_KEY"] = key
    said = breach.refused("open", SAMPLE)
    assert "BREACH_MASTER_KEY: is no 32-byte key; write 64 hexadecimal digits" in said
    assert key not in said


def test_a_key_file_others_may_read_is_refused(opened: Terminal) -> None:
    path = opened.home / "keys" / "master.key"
    path.chmod(0o644)
    assert f"other users may read the master key; run: chmod 600 {path}" in opened.refused("list")


def test_a_broken_key_file_is_refused(opened: Terminal) -> None:
    path = opened.home / "keys" / "master.key"
    path.write_text("not a key")
    said = opened.refused("list")
    assert "master.key: The master key cannot be read: it must be 32 bytes" in said


# Settings


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (
            "BREACH_HOMES",
            "x",
            "BREACH_HOMES: no setting of that name (did you mean BREACH_HOME?); unset it. Known:",
        ),
        ("BREACH_XYZZY", "x", "BREACH_XYZZY: no setting of that name; unset it. Known: BREACH_HOME, "),
        ("BREACH_PORT", "http", "BREACH_PORT: 'http' is no port; write a number from 1 to 65535"),
        ("BREACH_PORT", "0", "BREACH_PORT: '0' is no port"),
        ("BREACH_PREFECT_PORT", "65536", "BREACH_PREFECT_PORT: '65536' is no port"),
        (
            "BREACH_SMTP_URL",
            "mailhost",
            "BREACH_SMTP_URL: smtp: the relay's address cannot be used; write smtp://",
        ),
        (
            "BREACH_SMTP_URL",
            "smtp://ana:hunter2@host/?starttls=0",
            "BREACH_SMTP_URL: smtp: logging in without TLS",
        ),
        (
            "SENDGRID_API_KEY",
            "two words",
            "SENDGRID_API_KEY, BREACH_SENDGRID_URL: sendgrid: the API key must be",
        ),
        ("BREACH_PAGING", "hunter2", "BREACH_PAGING: "),
        (
            "BREACH_ACTOR",
            "nobody",
            "there is no account 'nobody'; `breach account add nobody --role handler`",
        ),
    ],
)
def test_a_wrong_setting_is_named(breach: Terminal, name: str, value: str, says: str) -> None:
    breach.settings[name] = value
    said = breach.refused("open", SAMPLE)
    assert says in said
    assert "hunter2" not in said


def test_several_unknown_settings_are_named_at_once(breach: Terminal) -> None:
    breach.settings |= {"BREACH_ONE": "1", "BREACH_TWO": "2"}
    assert len(breach.refused("list").splitlines()) == 2


def test_a_wrong_setting_stops_assess_too(breach: Terminal) -> None:
    breach.settings["BREACH_HOMES"] = "x"
    assert "BREACH_HOMES: no setting of that name" in breach.refused("assess", SAMPLE)


# The whole process


def _process(breach: Terminal, *words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("BREACH_", "PREFECT_"))}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "incident_flows.cli.main", *words],
        env=env | breach.settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def test_the_process_refuses_in_lines_and_with_1(breach: Terminal) -> None:
    (breach.home / "breach.db").write_bytes(b"organisation: acme\n" * 500)
    said = _process(breach, "open", SAMPLE)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("breach: The database ")
    assert len(said.stderr.splitlines()) <= 3


def test_the_process_shows_a_traceback_only_when_asked(breach: Terminal) -> None:
    said = _process(breach, "open", "absent.yaml", "--debug")
    assert said.returncode == 1
    assert "Traceback" in said.stderr
    assert said.stderr.splitlines()[-1] == "breach: absent.yaml: there is no such file; check the path"


def test_output_nobody_can_take_is_no_traceback(opened: Terminal) -> None:
    with Path("/dev/full").open("w") as full:
        env = {name: value for name, value in os.environ.items() if not name.startswith("BREACH_")}
        said = subprocess.run(
            [sys.executable, "-m", "incident_flows.cli.main", "list"],
            env=env | opened.settings, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert said.returncode == 1
    assert said.stderr == "breach: the system refuses: No space left on device; mend it and repeat\n"
