"""`breach up` as a person runs it: killed, started again, and used through its forms."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.flows.api import Api, free_port, wait_for
from tests.flows.up import Up, alive, breach, ticks_since

# Planted where they belong: in our own database. Nothing of them may turn up in Prefect's.
NAME, STORY, MAILBOX = "Perpetua Quillfeather", "Zebedee Marrowfat", "perpetua@quillfeather.example"
REASON, IN_REASON = "Wilhelmina Thistlewood asked for it", "thistlewood@example.org"
PLANTED = ("quillfeather", "perpetua", "marrowfat", "zebedee", "thistlewood", "wilhelmina", "@example.org")


@dataclass
class Engine:
    """A running engine, in its second life; and what was seen of the first, which was killed."""

    home: Path
    port: int
    api: Api
    up: Up
    first: Up
    first_runs: list[dict[str, Any]]
    first_clocks: list[dict[str, Any]]

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
    """Start the engine, kill it, start it again."""
    home, port = planted_home, free_port()
    api = Api(f"http://127.0.0.1:{port}/api")
    first = Up(home, port)
    first.line("(ready)")
    wait_for(lambda: board_filled(api), saying="the board")
    runs, family = api.runs("phase"), first.family()
    clocks = json.loads(breach(home, port, "clocks", "--json").stdout)
    first.end(signal.SIGKILL)
    wait_for(lambda: not alive(family), within=15, saying="the processes of a killed engine to end")
    second = Up(home, port)
    try:
        second.line("(ready)")
        wait_for(lambda: "Ticked" in ticks_since(api, second), saying="a tick")
        yield Engine(home, port, api, second, first, runs, clocks)
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


def test_after_a_kill_it_finds_the_same_incident_clocks_and_runs_and_doubles_none(engine: Engine) -> None:
    assert "INC-2026-0002: Laptop stolen from a parked car (as before)" in engine.up.text
    now, before = engine.api.runs("phase"), {run["id"] for run in engine.first_runs}
    first_two = [run for run in now if run["parameters"]["incident"] in ("INC-2026-0001", "INC-2026-0002")]
    assert {run["id"] for run in first_two} == before
    assert Counter(run["name"] for run in first_two).most_common(1)[0][1] == 1
    assert len(engine.api.versions("wall-of-clocks")) == 1
    clocks = json.loads(breach(engine.home, engine.port, "clocks", "INC-2026-0002", "--json").stdout)
    ends = {row["obligation"]: row["effective_at"] for row in clocks}
    assert ends == {
        row["obligation"]: row["effective_at"]
        for row in engine.first_clocks
        if row["incident"] == "INC-2026-0002"
    }
    assert not [run for run in engine.api.runs() if run["state_name"] == "Late"]


def test_ticks_are_scheduled_and_the_schedule_survives_a_kill(engine: Engine) -> None:
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
    asked = [
        (engine.api.start("decide/decide", incident=ref, subject=oid, answer="owed", because=because), state)
        for because, state in ((REASON, "Decided"), (f"see {IN_REASON}", "Refused"))
    ]
    by_hand = engine.api.start("ask/ask", incident=ref, subject=oid).raise_for_status().json()["id"]
    for answer, state in asked:
        run = _run(engine, answer)
        assert run["state_name"] == state, run["state"]
        assert run["parameters"]["because"] == "(stands in the record of the incident)"
    wait_for(lambda: engine.api.run(by_hand)["state_type"] == "PAUSED", saying="the form asked for by hand")
    engine.api.ask(f"/flow_runs/{by_hand}/resume", run_input={"answer": "owed", "because": REASON})
    assert _ended(engine, by_hand)["state_name"] == "Decided"
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
    assert "ok   console: answers at" in doctor.stdout


def test_the_console_is_served_and_a_link_printed_while_nobody_can_sign_in(engine: Engine) -> None:
    address = f"http://127.0.0.1:{engine.port + 1}"
    assert f"Console: {address}" in engine.up.text
    link = next(line for _, line in engine.up.lines if line.startswith(f"{address}/set-up/"))
    page = httpx.get(link, trust_env=False)
    assert page.status_code == 200
    assert "password" in page.text
    assert httpx.get(address, trust_env=False).headers["location"] == "/sign-in"
