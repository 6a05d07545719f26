"""`breach up` as a person runs it: looked at from outside, stopped, killed, started again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from incident_flows.services.board import PHASES
from tests.flows.api import Api, free_port, wait_for

# Planted where they belong: in our own database. Nothing of them may turn up in Prefect's.
NAME, STORY, MAILBOX = "Perpetua Quillfeather", "Zebedee Marrowfat", "perpetua@quillfeather.example"
REASON, IN_REASON = "Wilhelmina Thistlewood asked for it", "thistlewood@example.org"
PLANTED = ("quillfeather", "perpetua", "marrowfat", "zebedee", "thistlewood", "wilhelmina", "@example.org")


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


@dataclass
class Engine:
    """A running engine, in its second life; and what was seen of the first."""

    home: Path
    port: int
    api: Api
    up: Up
    first: Up
    first_took: float
    first_left: list[int]
    first_runs: list[dict[str, Any]]
    first_clocks: Any

    def database(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.home / 'prefect' / 'prefect.db'}?mode=ro", uri=True)


def board_filled(api: Api) -> bool:
    return "inc-2026-0002-clocks" in api.artifacts() and "wall-of-clocks" in api.artifacts()


@pytest.fixture(scope="module")
def planted_home(tmp_path_factory: pytest.TempPathFactory, lawbook_cache: Path) -> Path:
    """Return an installation with an incident that holds a story and recipients."""
    home = tmp_path_factory.mktemp("up") / "home"
    shutil.copytree(lawbook_cache, home / "cache")
    facts = home.parent / "facts.yaml"
    facts.write_text(
        f"organisation: aimigos-studio\ntitle: Laptop of {NAME}\nrole: controller\n"
        f"moments: {{aware_at: 2026-11-20T18:00:00+01:00}}\n"
        f"narrative: {{what_happened: '{STORY} of {MAILBOX} lost it.'}}\n"
    )
    people = home.parent / "people.csv"
    people.write_text(f"email,name\n{MAILBOX},{NAME}\n")
    for words in (("open", str(facts)), ("recipients", "INC-2026-0001", "import", str(people))):
        done = breach(home, 1, *words)
        assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def engine(planted_home: Path) -> Iterator[Engine]:
    """Start the engine, stop it with Ctrl-C, start it again."""
    home, port = planted_home, free_port()
    api = Api(f"http://127.0.0.1:{port}/api")
    first = Up(home, port)
    first.line("(ready)")
    wait_for(lambda: board_filled(api), saying="the board")
    runs, family = api.runs("phase"), first.family()
    clocks = breach(home, port, "clocks", "--json").stdout
    took = first.end(signal.SIGINT)
    second = Up(home, port)
    try:
        second.line("(ready)")
        wait_for(
            lambda: [run for run in api.runs("tick") if run["state_name"] == "Ticked"][1:], saying="a tick"
        )
        yield Engine(home, port, api, second, first, took, alive(family), runs, clocks)
    finally:
        second.end(signal.SIGINT)
        api.http.close()


def test_the_deadlines_come_at_once_and_prefect_follows(engine: Engine) -> None:
    text = engine.first.text
    assert "INC-2026-0002: Laptop stolen from a parked car (opened)" in text
    assert engine.first.line("Information") < engine.first.line("(ready)")
    assert text.index("2016/679") < text.index("Prefect UI")
    assert f"Prefect UI: http://127.0.0.1:{engine.port} (ready)" in text
    assert str(engine.home / "outbox") in text


def test_ctrl_c_ends_everything_within_seconds_and_without_a_traceback(engine: Engine) -> None:
    assert engine.first.process.returncode == 0
    assert engine.first_took < 12
    assert engine.first_left == []
    assert "Traceback" not in engine.first.text
    assert "Stopped." in engine.first.text


def test_the_second_start_finds_the_same_incident_clocks_and_runs(engine: Engine) -> None:
    assert "INC-2026-0002: Laptop stolen from a parked car (as before)" in engine.up.text
    now = engine.api.runs("phase")
    before = {run["id"] for run in engine.first_runs}
    assert before <= {run["id"] for run in now}
    assert Counter(run["name"] for run in now if run["id"] in before) == Counter(run["name"] for run in now)
    assert len(engine.api.versions("wall-of-clocks")) == 1


def test_ticks_are_scheduled_and_the_schedule_survives_a_stop(engine: Engine) -> None:
    def upcoming() -> list[dict[str, Any]]:
        runs = engine.api.runs("tick", scheduled=True)
        return [run for run in runs if run["auto_scheduled"] and run["state_type"] == "SCHEDULED"]

    assert wait_for(upcoming, saying="scheduled ticks")
    watch = engine.api.deployment("watch/watch")
    assert (watch["paused"], [one["active"] for one in watch["schedules"]]) == (False, [True])
    assert watch["concurrency_limit"] is None


def test_the_run_form_opens_an_incident(engine: Engine) -> None:
    report = {
        "organisation": "aimigos-studio", "role": "controller", "kinds": ["confidentiality"],
        "aware_at": datetime.now(UTC).isoformat(), "data_kinds": ["name", "email"], "people_total": 12,
        "people_by_place": {"ES": 12},
    }  # fmt: skip
    run = _run(engine, engine.api.start("open incident/open-incident", report=report))
    assert (run["state_name"], run["state_type"]) == ("Opened", "COMPLETED")
    ref = run["state"]["message"]
    facts = json.loads(breach(engine.home, engine.port, "show", ref, "--json").stdout)["facts"]
    assert facts["people"]["by_place"].keys() == {"ES"}
    assert facts["data"]["kinds"] == ["name", "email"]
    wait_for(lambda: f"{ref.lower()}-status" in engine.api.artifacts(), saying="its page")
    assert {run["name"].partition(" · ")[0] for run in engine.api.runs(ref, "phase")} == {ref}


def test_the_run_form_says_what_is_wrong(engine: Engine) -> None:
    refused = engine.api.start("open incident/open-incident", report={"people_total": -1})
    assert refused.status_code == 409
    assert "organisation" in refused.text
    report = {"organisation": "aimigos-studio", "data_kinds": ["emial"]}
    run = _run(engine, engine.api.start("open incident/open-incident", report=report))
    assert (run["state_name"], run["state_type"]) == ("Refused", "FAILED")
    assert "'emial' is no word of data_kinds" in run["state"]["message"]


def _run(engine: Engine, answer: httpx.Response) -> dict[str, Any]:
    """Wait for the end of a run that was just asked for."""
    assert answer.is_success, answer.text
    return _ended(engine, answer.json()["id"])


def _ended(engine: Engine, id_: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        run = engine.api.run(id_)
        return run if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED") else None

    found: dict[str, Any] = wait_for(ended, saying="the run to end")
    return found


def _form(engine: Engine, ref: str) -> Callable[[], dict[str, Any] | None]:
    def form() -> dict[str, Any] | None:
        forms = engine.api.runs(ref, "decision")
        waiting = [one for one in forms if one["state_type"] == "PAUSED"]
        return next((one for one in waiting if one["parameters"]["subject"] == "risk"), None)

    return form


def test_an_answered_form_is_a_decision_in_our_record_and_its_reason_leaves_prefect(engine: Engine) -> None:
    ref = "INC-2026-0001"
    form = wait_for(_form(engine, ref), saying="a form for the risk")
    resume = f"/flow_runs/{form['id']}/resume"
    empty = engine.api.ask(resume, run_input={"answer": "high-risk"})
    assert (empty["status"], "because" in empty["details"]["reason"]) == ("REJECT", True)
    assert engine.api.ask(resume, run_input={"answer": "high-risk", "because": REASON})["status"] == "ACCEPT"
    run = _ended(engine, form["id"])
    assert (run["state_name"], run["state"]["message"]) == ("Decided", "risk: high-risk")
    shown = breach(engine.home, engine.port, "show", ref, "--json").stdout
    assert REASON in shown
    oid = "eu-gdpr/tell-authority@es-aepd"
    for because, state in ((REASON, "Decided"), (f"see {IN_REASON}", "Refused")):
        words = {"incident": ref, "subject": oid, "answer": "owed", "because": because}
        run = _run(engine, engine.api.start("decide/decide", **words))
        assert run["state_name"] == state, run["state"]
        assert run["parameters"]["because"] == "(stands in the record of the incident)"
    _nothing_personal(engine)


def _nothing_personal(engine: Engine) -> None:
    """Search every column of every table of Prefect's database."""
    _run(engine, engine.api.start("watch/watch"))
    searched = 0
    with engine.database() as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                searched += 1
                text = " ".join(
                    value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    for value in row
                ).lower()
                assert [word for word in PLANTED if word in text] == [], f"{table}: {text[:400]}"
    database.close()
    assert searched > 100
    assert {"flow_run", "flow_run_state", "flow_run_input", "log", "events", "artifact"} <= set(tables)


def test_a_second_engine_is_refused_in_three_lines_that_name_the_setting(engine: Engine) -> None:
    second = breach(engine.home, engine.port, "up")
    assert second.returncode == 1
    assert "BREACH_PREFECT_PORT" in second.stderr
    assert str(engine.port) in second.stderr
    assert len(second.stderr.splitlines()) <= 3


def test_status_and_doctor_see_it(engine: Engine) -> None:
    status = breach(engine.home, engine.port, "status", "--json")
    assert status.returncode == 0, status.stderr
    assert '"answers": true' in status.stdout
    doctor = breach(engine.home, engine.port, "doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert "ok   Prefect: answers at" in doctor.stdout


def test_a_kill_and_then_a_lost_prefect_lose_and_double_nothing(home: Path) -> None:
    port = free_port()
    api = Api(f"http://127.0.0.1:{port}/api")

    def filled() -> bool:
        return {"inc-2026-0001-clocks", "inc-2026-0001-status", "wall-of-clocks"} <= set(api.artifacts())

    first = Up(home, port)
    first.line("(ready)")
    wait_for(filled, saying="the board")
    family = first.family()
    first.end(signal.SIGKILL)
    wait_for(lambda: not alive(family), within=15, saying="orphans to end")

    second = Up(home, port)
    second.line("(ready)")
    wait_for(lambda: any(one["state_name"] == "Ticked" for one in _since(api, second)), saying="a tick")
    assert Counter(run["name"] for run in api.runs("phase")) == Counter(
        {run["name"]: 1 for run in api.runs("phase")}
    )
    assert len(api.runs("phase")) == len(PHASES)
    assert len(api.versions("wall-of-clocks")) == 1
    assert not [run for run in api.runs() if run["state_name"] in ("Pending", "Late")]
    second.end(signal.SIGINT)
    assert second.process.returncode == 0

    shutil.rmtree(home / "prefect")
    third = Up(home, port)
    third.line("(ready)")
    wait_for(filled, saying="the board again")
    assert "(as before)" in third.text
    assert len(api.runs("phase", "INC-2026-0001")) == len(PHASES)
    third.end(signal.SIGINT)
    assert third.process.returncode == 0
    api.http.close()
    clocks = breach(home, port, "list", "--json").stdout
    assert clocks.count('"id": "INC-') == 1


def _since(api: Api, up: Up) -> list[dict[str, Any]]:
    """Return the ticks that began after this start."""
    age = time.monotonic() - up.started
    began = datetime.now(UTC) - timedelta(seconds=age)
    return [
        run
        for run in api.runs("tick")
        if run["start_time"] and datetime.fromisoformat(run["start_time"].replace("Z", "+00:00")) > began
    ]


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
