"""A PostgreSQL of this play's own, which is stopped the hard way and started again in the middle of it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.conftest import _programs, _somebody_else, _wait_until_ready

# Nothing survives a power cut here, but everything committed survives the death of the server.
_OPTIONS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "on", "max_connections": "60"}


class Server:
    """Runs while the block does.

    Args:
        durable: Whether what it commits must survive a power cut too.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._options = {"max_connections": "60"} if durable else _OPTIONS

    def __enter__(self) -> Server:
        # Not in the play's folder: its user may be another one, and a socket's path must be short.
        self.home = Path(tempfile.mkdtemp(prefix="pg"))
        self.home.chmod(0o755)
        self._as_user: dict[str, Any] = _somebody_else(self.home)
        self._bin = _programs(self.home, self._as_user)
        initdb = [
            self._bin / "initdb",
            "-D",
            self.home / "data",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
        ]
        subprocess.run(initdb, check=True, capture_output=True, cwd=self.home, **self._as_user)
        self._start()
        return self

    @property
    def url(self) -> str:
        """Return the database's URL."""
        return f"postgresql://postgres@/postgres?host={self.home}"

    def connect(self) -> Any:
        """Return a connection past the product."""
        import psycopg

        return psycopg.connect(self.url, autocommit=True)

    def restart(self) -> None:
        """Stop it at once, with everything under way lost, and start it again."""
        self._stop("immediate")
        self._start()

    def _start(self) -> None:
        options = [f"-c{name}={value}" for name, value in self._options.items()]
        log = (self.home / "log").open("ab")
        command: list[Any] = [
            self._bin / "postgres",
            "-D",
            self.home / "data",
            "-k",
            self.home,
            "-h",
            "",
            *options,
        ]
        self._process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=self.home, **self._as_user
        )
        log.close()
        _wait_until_ready(self._bin, self.home, self.home / "log")

    def _stop(self, how: str) -> None:
        command = [self._bin / "pg_ctl", "-D", self.home / "data", "-m", how, "-w", "stop"]
        subprocess.run(command, check=True, capture_output=True, cwd=self.home, **self._as_user)
        self._process.wait(timeout=60)

    def __exit__(self, *_: object) -> None:
        self._stop("immediate")
        shutil.rmtree(self.home, ignore_errors=True)
