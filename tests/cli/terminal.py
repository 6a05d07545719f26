"""The real command, run in this process: its own home, a clock only the test moves, and what it printed."""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from incident_flows.cli.main import app
from incident_flows.flows import connected

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "playbooks" / "samples"
NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
OURS = ("BREACH_", "_BREACH_", "SENDGRID_", "PREFECT_")
UNSEEN = ("mark",)  # tables that change without anything being stored


@dataclass(frozen=True)
class Said:
    """What one command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal:
    """A person at a terminal.

    Attributes:
        home: The installation's folder.
        now: What the clock shows.
        settings: Environment variables of every command from now on.
    """

    def __init__(self, home: Path) -> None:
        self.home, self.now = home, NOW
        self.settings: dict[str, str] = {"BREACH_HOME": str(home), "LOGNAME": "ana"}

    def run(self, *words: str | Path, typed: str | None = None) -> Said:
        """Run `breach` with these words, whatever comes of it."""
        env: Mapping[str, str | None] = {
            **{name: None for name in os.environ if name.startswith(OURS)},
            "_BREACH_DEBUG": None,
            **self.settings,
        }
        connected.desk.cache_clear()
        done = CliRunner().invoke(
            app, [str(word) for word in words], input=typed, env=env, prog_name="breach"
        )
        if connected.desk.cache_info().currsize:
            connected.desk().database.dispose()
            connected.desk.cache_clear()
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Said(done.exit_code, done.stdout, done.stderr)

    def __call__(self, line: str, *more: str | Path) -> str:
        """Run a line that must succeed; return what it printed."""
        said = self.run(*shlex.split(line), *more)
        assert said.code == 0, f"{line}: {said.code}\n{said.err}"
        assert said.err == "", said.err
        return said.out

    def json(self, line: str, *more: str | Path) -> Any:
        """Run a line that must succeed with --json; return what it printed, parsed."""
        return json.loads(self(line, *more, "--json"))

    def refused(self, *words: str | Path, lines: int = 3, code: int = 1) -> str:
        """Run what must be refused, plainly and with nothing stored; return the reason."""
        before = self.stored()
        said = self.run(*words)
        assert said.code == code, (said.code, said.out, said.err)
        assert "Traceback" not in said.err
        assert "unforeseen" not in said.err
        assert said.out == "", said.out
        assert said.err.startswith("breach: ")
        assert 1 <= len(said.err.splitlines()) <= lines, said.err
        assert all(len(line) < 700 for line in said.err.splitlines()), said.err
        assert self.stored() == before
        return said.err.removeprefix("breach: ")

    def advance(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)

    def stored(self) -> dict[str, list[Any]]:
        """Return every row of the database."""
        path = self.home / "breach.db"
        try:
            database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        except sqlite3.OperationalError:
            return {}
        try:
            tables = [
                row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            return {
                table: database.execute(f"SELECT * FROM {table}").fetchall()
                for table in tables
                if table not in UNSEEN and not table.startswith("sqlite_")
            }
        except sqlite3.DatabaseError:
            return {}
        finally:
            database.close()
