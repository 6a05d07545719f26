"""`breach` as processes of their own: one start of the engine, and single verbs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.api import Api, wait_for


@dataclass
class Up:
    """One start of the engine."""

    home: Path
    port: int
    process: subprocess.Popen[str] = field(init=False)
    lines: list[tuple[float, str]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "incident_flows.cli.main", "up", "--sample"],
            env=environment(self.home, self.port),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as said:
            for line in said:
                self.lines.append((time.monotonic() - self.started, line.rstrip()))

    @property
    def text(self) -> str:
        return "\n".join(line for _, line in self.lines)

    def line(self, words: str) -> float:
        """Wait for a line; return how many seconds after the start it came."""

        def found() -> float | None:
            at = next((at for at, line in self.lines if words in line), None)
            if at is None and self.process.poll() is not None:
                pytest.fail(f"the engine ended before it said {words!r}:\n{self.text}")
            return at

        at: float = wait_for(found, saying=f"{words!r} in\n{self.text}")
        return at

    def family(self) -> list[int]:
        """Return the processes this one has started, and theirs."""
        parents: dict[int, int] = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    stat = (folder / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if stat[0] != "Z":
                    parents[int(folder.name)] = int(stat[1])
        found = [self.process.pid]
        for one in found:
            found += [child for child, parent in parents.items() if parent == one]
        return found[1:]

    def end(self, how: signal.Signals) -> float:
        """Send a signal and wait for the end; return how long it took."""
        began = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(30)
        took = time.monotonic() - began
        self.reader.join(10)
        return took


def environment(home: Path, port: int) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"},
        "BREACH_HOME": str(home),
        "BREACH_PREFECT_PORT": str(port),
        "BREACH_PORT": str(port + 1),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "true",  # a variable of the user's own: has no say here
        "PYTHONUNBUFFERED": "1",
    }


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in _status(pid)]


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "\nState:\tZ"


def breach(home: Path, port: int, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "incident_flows.cli.main", *words],
        env=environment(home, port), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def ticks_since(api: Api, up: Up) -> list[str]:
    """Return the states of the ticks that began after this start."""
    began = datetime.now(UTC) - timedelta(seconds=time.monotonic() - up.started)
    return [
        run["state_name"]
        for run in api.runs("tick")
        if run["start_time"] and datetime.fromisoformat(run["start_time"].replace("Z", "+00:00")) > began
    ]
