"""`breach up` stopped by Ctrl-C, started without what Prefect knew, and with a Prefect that is not there."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from incident_flows.services.board import PHASES
from tests.flows.api import Api, free_port, wait_for
from tests.flows.up import Up, alive, breach, environment

SHOWN = {"inc-2026-0001-clocks", "inc-2026-0001-status", "wall-of-clocks"}


def test_ctrl_c_ends_everything_and_a_lost_prefect_loses_nothing(home: Path) -> None:
    port = free_port()
    api = Api(f"http://127.0.0.1:{port}/api")
    first = Up(home, port)
    first.line("(ready)")
    wait_for(lambda: set(api.artifacts()) >= SHOWN, saying="the board")
    family = first.family()
    took = first.end(signal.SIGINT)
    assert first.process.returncode == 0
    assert took < 25  # some three seconds on a quiet machine
    wait_for(lambda: not alive(family), within=20, saying="the end of its children")
    assert "Traceback" not in first.text
    assert "Stopped." in first.text
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
        assert database.execute("SELECT active FROM deployment_schedule").fetchall() == [(1,)]
        assert database.execute("SELECT DISTINCT paused FROM deployment").fetchall() == [(0,)]

    shutil.rmtree(home / "prefect")
    second = Up(home, port)
    second.line("(ready)")
    wait_for(lambda: set(api.artifacts()) >= SHOWN, saying="the board again")
    assert "INC-2026-0001: Laptop stolen from a parked car (as before)" in second.text
    names = sorted(run["name"] for run in api.runs("phase"))
    assert names == sorted(f"INC-2026-0001 · {phase.replace('-', ' ')}" for phase in PHASES)
    second.end(signal.SIGTERM)
    assert second.process.returncode == 0
    api.http.close()
    assert [one["id"] for one in json.loads(breach(home, port, "list", "--json").stdout)] == ["INC-2026-0001"]


def test_a_prefect_that_is_set_but_dead_is_said_and_time_is_kept(home: Path, tmp_path: Path) -> None:
    dead = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "incident_flows.cli.main", "up", "--sample"],
        env={**environment(home, dead), "PREFECT_API_URL": f"http://127.0.0.1:{dead}/api"},
        stdout=(tmp_path / "out").open("w"), stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_for(lambda: "Prefect does not answer" in (tmp_path / "out").read_text(), saying="the trouble")
        status = breach(home, dead, "status", "--json")
        assert '"ticking": true' in status.stdout
        assert status.returncode == 0
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    said = (tmp_path / "out").read_text()
    assert "Reminders go on" in said
    assert "Traceback" not in said
