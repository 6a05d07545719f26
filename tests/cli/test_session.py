"""A whole breach, from report to closed incident, through the terminal only."""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.cli.terminal import ROOT, SAMPLES, Terminal

REF = "INC-2026-0001"
CONTACT = "organisation.dpo={name: Data protection, email: dpo@aimigos.example}"
UTC = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")
OBLIGATION = {
    "id", "duty", "source_id", "status", "addressee", "clock", "due_at", "due_local", "counting", "standard",
    "cite", "confidence", "because", "after", "missing",
}  # fmt: skip
NOTICE = {"id", "obligation", "kind", "phase", "state", "sha256", "missing"}
NOTICE_STATES = {
    "draft", "awaiting-approval", "approved", "sending", "sent", "filed", "in-doubt", "failed", "withdrawn",
}  # fmt: skip


def _assert_is_an_assessment(found: dict[str, object]) -> None:
    """The shape of contract §4."""
    assert found["format"] == 1
    assert set(found["lawbook"]) >= {"version", "sha256"}  # type: ignore[call-overload]
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(found["law_as_of"]))
    risk = found["risk"]
    assert risk["level"] in {"unlikely", "risk", "high", "undetermined"}  # type: ignore[index]
    assert set(risk) >= {"level", "owed_to", "methods", "because"}  # type: ignore[call-overload]
    for method in risk["methods"]:  # type: ignore[index]
        assert set(method) >= {"id", "score", "band", "steps"}
    for one in found["obligations"]:  # type: ignore[attr-defined]
        assert set(one) >= OBLIGATION
        assert one["id"].startswith(f"{one['duty']}@")
        assert one["status"] in {"owed", "not-owed", "undetermined"}
        assert set(one["addressee"]) >= {"kind", "id", "name"}
        assert one["due_at"] is None or UTC.fullmatch(one["due_at"])
        assert one["confidence"] in {"high", "medium", "low"}
        if one["status"] == "undetermined":
            assert one["missing"]
    for question in found["questions"]:  # type: ignore[attr-defined]
        assert set(question) >= {"fact", "because"}


def _lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


def test_a_breach_from_report_to_dossier(breach: Terminal, tmp_path: Path) -> None:
    # Reported, and opened from a facts file: risk, deadlines, what is open.
    printed = breach("open", SAMPLES / "aimigos-studio.yaml")
    assert printed.splitlines()[0] == REF
    assert "Risk to people: HIGH" in printed
    assert "Mon 23 Nov 2026" in printed

    # What is learned later is laid over what was known; the old facts stay.
    assert f"{REF}: facts version 2; changed people.total" in breach(f"facts {REF} people.total=1021")
    (tmp_path / "change.yaml").write_text("people: {total: 1020}\nreference: SEC-77\n")
    assert "facts version 3; changed people.total.at_least, people.total.at_most, reference" in breach(
        f"facts {REF} change.yaml"
    )
    assert "facts version 3; nothing changed" in breach(f"facts {REF} change.yaml")
    assert "facts version 4; changed organisation.dpo" in breach(f"facts {REF}", CONTACT)
    history = breach.json(f"facts {REF} --history")
    assert [(one["version"], one["by"], one["source"]) for one in history] == [
        (1, "ana", "aimigos-studio.yaml"),
        (2, "ana", "key=value"),
        (3, "ana", "change.yaml"),
        (4, "ana", "key=value"),
    ]

    # The clocks: both authorities at the same instant; overdue is exit 3.
    clocks = {one["obligation"]: one for one in breach.json(f"clocks {REF}")}
    for authority in ("eu-gdpr/tell-authority@es-aepd", "uk-gdpr/tell-authority@gb-ico"):
        assert clocks[authority]["due_at"] == "2026-11-23T17:00:00Z"
        assert clocks[authority]["seconds_left"] == 70 * 3600 + 1800
    assert clocks["eu-gdpr/tell-authority@es-aepd"]["due_local"] == "2026-11-23T18:00:00+01:00[Europe/Madrid]"
    assert breach.run("clocks", "--check").code == 0
    breach.advance(hours=71)
    overdue = breach.run("clocks", "--check")
    assert overdue.code == 3
    assert "OVERDUE" in overdue.out
    assert overdue.err == ""
    breach.advance(hours=-71)

    # The people to be told.
    (tmp_path / "people.csv").write_text(
        "email,name,language,place\nana@people.example,Ana,es,ES\nben@people.example,Ben,en,GB\nnobody,,,\n"
    )
    printed = breach(f"recipients {REF} import people.csv")
    assert printed.splitlines()[0] == f"{REF}: 3 rows: 2 taken in, 0 duplicates, 1 refused"
    assert printed.splitlines()[1].startswith("  line 4: address ")
    again = breach.json(f"recipients {REF} import people.csv")
    assert (again["accepted"], again["duplicates"], len(again["refused"])) == (0, 2, 1)

    # Drafted; nobody approves what they drafted; a second person does, one exact text.
    printed = breach(f"draft {REF}")
    drafted = _lines(printed, "N-000")
    assert [line.split(" ")[1] for line in drafted] == ["awaiting-approval"] * 4
    assert _lines(breach(f"draft {REF}"), "N-000") == [f"{line} (as before)" for line in drafted]
    assert "somebody else has to approve it" in breach.refused("approve", REF, "N-0001")
    assert breach("account add boris --role approver").startswith("boris: approver\nHand boris this link")
    breach.refused("approve", REF, "N-0001", "--as", "boris", "--sha256", "0000")
    assert "nothing is approved" in breach.refused("notify", REF)
    assert "must be approved first" in breach.refused("notify", REF, "N-0001")

    # Sent back with a reason, and drafted anew.
    assert "--because: a rejection needs its reason" in breach.refused(
        "reject", REF, "N-0002", "--as", "boris"
    )
    assert (
        breach(f"reject {REF} N-0002 --because 'Name the town' --as boris")
        == "N-0002 rejected by boris: Name the town\n"
    )
    breach(
        f"facts {REF}",
        "narrative.measures_proposed=We are encrypting the disks of all laptops, in Biar too.",
        "translations.es.measures_proposed=Estamos cifrando todos los discos, también en Biar.",
    )
    printed = breach(f"draft {REF}")
    drafted = _lines(printed, "N-000")
    names = [line.split(" ")[0] for line in drafted]
    assert len(names) == 4
    people = names[-1]
    assert "list.people: 1020 in the facts, 2 on the list" in breach.refused("approve", REF, people, "--as", "boris")
    breach(f"explain {REF} list.people list.ES list.GB --because 'The others are written to by the client'")
    for name in names:
        first = breach(f"approve {REF} {name} --as boris")
        assert first.startswith(f"{name} approved by boris: SHA-256 ")
        assert breach(f"approve {REF} {name} --as boris") == first

    # Told: no authority takes mail on a route nobody checked, so forms; letters to the outbox, never called sent.
    before = breach.stored()["delivery"]
    assert before == []
    told = {one["notice"]: one for one in breach.json(f"notify {REF}")}
    shown = {one["id"]: one for one in breach.json(f"show {REF}")["notices"]}
    letters = [name for name in names if shown[name]["kind"] == "people"]
    forms = [name for name in names if shown[name]["kind"] == "authority"]
    assert len(letters) == len(forms) == 2
    for name in letters:
        assert told[name]["counts"] == {"delivered-to-outbox": 1}
        assert "not sent: no mail provider is set up" in told[name]["next"]
    for name in forms:
        assert told[name]["form"]
        assert "--filed-as REFERENCE" in told[name]["next"]
    outbox = sorted((breach.home / "outbox").glob("*.eml"))
    assert len(outbox) == 2
    to = sorted(re.findall(rb"^To: (.*)$", path.read_bytes(), re.MULTILINE)[0].strip() for path in outbox)
    assert [b"ana@people.example" in to[0], b"ben@people.example" in to[1]] == [True, True]
    breach(f"notify {REF}")
    assert sorted((breach.home / "outbox").glob("*.eml")) == outbox

    # Not before everything is told does it close.
    said = breach.refused("close", REF, lines=8)
    assert said.splitlines()[0] == f"{REF} cannot be closed yet:"
    assert sum("owed and not met" in line for line in said.splitlines()) == 4
    for name in letters:
        line = f"notify {REF} {name} --filed-as 'posted on 21 November'"
        assert breach(line) == f"{name}: filed (1 delivered-to-outbox)\n"
        assert breach(line) == f"{name}: filed (1 delivered-to-outbox)\n"
    for number, name in enumerate(forms):
        assert breach(f"notify {REF} {name} --filed-as FORM-{number}") == f"{name}: filed\n"
    breach.refused("notify", REF, forms[0], "--filed-as", "FORM-9")

    assert f"{REF} is closed; its record: `breach dossier {REF}`" in breach(f"close {REF}")
    assert breach.json(f"close {REF}") == {"id": REF, "state": "closed"}
    assert breach("clocks") == "No clock is running.\n"
    assert "is closed" in breach.refused("facts", REF, "people.total=3")
    assert "is closed" in breach.refused("draft", REF)
    assert breach.json("list --state open") == []

    # The record: whole, and a changed byte is found.
    path = Path(breach(f"dossier {REF} --folder record").strip())
    assert path == Path("record") / f"{REF}-dossier.zip"
    checked = breach.json(f"verify {path}")
    assert (checked["whole"], checked["incident"]) == (True, REF)
    assert breach.json("verify")["whole"] is True
    for personal in (b"people.example", b"Ben"):
        with zipfile.ZipFile(path) as archive:
            assert not any(personal in archive.read(name) for name in archive.namelist())


def _dossier(opened: Terminal) -> Path:
    return Path(opened(f"dossier {REF} --folder record").strip())


def _rewritten(path: Path, name: str, old: bytes, new: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        content = {member: archive.read(member) for member in archive.namelist()}
    assert old in content[name]
    content[name] = content[name].replace(old, new, 1)
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in content.items():
            archive.writestr(member, data)


def test_a_changed_byte_of_a_dossier_is_found(opened: Terminal) -> None:
    path = _dossier(opened)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    assert {"facts.json", "imports.json", "journal.jsonl", "letters.json", "manifest.json"} <= {
        one.filename for one in members
    }
    for one in members:
        place = one.header_offset + 30 + len(one.filename) + one.compress_size // 2
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        said = opened.refused("verify", path)
        assert said.startswith(f"{REF}-dossier.zip: ")
    path.write_bytes(whole[:-100])
    assert "is no dossier, or a damaged one" in opened.refused("verify", path)
    path.write_bytes(whole)
    assert opened.json(f"verify {path}")["whole"] is True


@pytest.mark.parametrize(
    ("member", "old", "new"),
    [
        ("facts.json", b"2026-11-20T18:00:00+01:00", b"2026-11-21T18:00:00+01:00"),
        ("journal.jsonl", b"ana", b"bob"),
        ("manifest.json", b'"entries": ', b'"entries": 1'),
    ],
)
def test_a_changed_member_of_a_dossier_is_found(
    opened: Terminal, member: str, old: bytes, new: bytes
) -> None:
    path = _dossier(opened)
    _rewritten(path, member, old, new)
    opened.refused("verify", path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"organisation: acme\n"])
def test_what_is_no_dossier_is_refused(opened: Terminal, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record.zip").write_bytes(content)
    assert "record.zip: is no dossier, or a damaged one" in opened.refused("verify", "record.zip")
    assert "absent.zip: there is no such file" in opened.refused("verify", "absent.zip")


def test_a_changed_journal_is_found(opened: Terminal) -> None:
    import sqlite3

    connection = sqlite3.connect(opened.home / "breach.db")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE journal SET actor = 'bob' WHERE seq = 2")
    connection.commit()
    connection.close()
    opened.refused("verify")


# Decisions


def test_lowering_protection_takes_two_people(opened: Terminal) -> None:
    oid = "uk-gdpr/tell-authority@gb-ico"
    assert "--because: a decision needs its reason" in opened.refused("decide", REF, oid, "not-owed")
    printed = opened(f"decide {REF} {oid} not-owed --because 'No people in the United Kingdom after all'")
    assert "is recorded, not in force" in printed
    assert f"breach decide {REF} {oid} not-owed --because TEXT --as NAME" in printed
    assert "are the same person" in opened.refused("decide", REF, oid, "not-owed", "--because", "Again")
    opened("account add ana2 --role approver --person ana")
    assert "are the same person" in opened.refused(
        "decide", REF, oid, "not-owed", "--because", "x", "--as", "ana2"
    )
    opened("account add boris --role approver")
    printed = opened(f"decide {REF} {oid} not-owed --because Checked --as boris")
    assert printed == f"{REF}: {oid} is decided: not-owed (by ana and boris)\n"
    assert oid not in {one["obligation"] for one in opened.json(f"clocks {REF}")}
    decided = opened.json(f"decide {REF} {oid} owed --because 'There are, on second thoughts'")
    assert (decided["in_force"], decided["by"]) == (True, "ana")
    assert oid in {one["obligation"] for one in opened.json(f"clocks {REF}")}


def test_risk_is_decided_by_name(opened: Terminal) -> None:
    assert "'maybe' is no answer for risk; write unlikely or risk or high-risk" in opened.refused(
        "decide", REF, "risk", "maybe", "--because", "x"
    )
    waiting = opened.json(f"decide {REF} risk unlikely --because 'Found the laptop'")
    assert waiting["in_force"] is False
    assert opened.json(f"show {REF}")["assessment"]["risk"]["level"] == "high"
    opened("account add boris --role counsel")
    assert opened.json(f"decide {REF} risk unlikely --because Found --as boris")["in_force"] is True
    assert opened.json(f"show {REF}")["assessment"]["risk"]["level"] == "unlikely"


def test_what_may_not_be_done_says_which_role_it_needs(opened: Terminal) -> None:
    opened("account add rita --role reporter")
    said = opened.refused("facts", REF, "people.total=3", "--as", "rita")
    assert "rita may not update: that needs the role handler" in said
    assert "there is no account 'nobody'" in opened.refused("close", REF, "--as", "nobody")
    assert "role king: choose among reporter, handler" in opened.refused(
        "account", "add", "kim", "--role", "king"
    )


# Reading


def test_an_assessment_has_the_shape_programs_rely_on(breach: Terminal) -> None:
    samples = sorted(SAMPLES.glob("*.yaml"))
    one = breach.json("assess", samples[0])
    _assert_is_an_assessment(one)
    several = [json.loads(line) for line in breach("assess --json", *samples).splitlines()]
    assert len(several) == len(samples)
    assert several[0] == one
    for found in several:
        _assert_is_an_assessment(found)
    assert breach.stored()["incident"] == []


def test_an_incident_has_the_shape_programs_rely_on(opened: Terminal) -> None:
    opened(f"draft {REF}")
    found = opened.json(f"show {REF}")
    assert set(found) >= {"id", "facts", "assessment", "notices", "deliveries", "steps", "journal"}
    _assert_is_an_assessment(found["assessment"])
    assert found["notices"]
    for notice in found["notices"]:
        assert set(notice) >= NOTICE
        assert notice["kind"] in {"authority", "people", "controller", "other"}
        assert notice["state"] in NOTICE_STATES
        assert re.fullmatch(r"[0-9a-f]{64}", notice["sha256"])
    assert found["steps"]
    for step in found["steps"]:
        assert UTC.fullmatch(step["due_at"])
        assert step["state"]
    assert [entry["act"] for entry in found["journal"]].count("opened") == 1
    text = opened.json(f"show {REF} --notice N-0001")
    assert text["text"]
    (row,) = opened.json("list")
    assert (row["id"], row["state"], row["next_due_at"]) == (REF, "open", "2026-11-23T17:00:00Z")


def test_every_reading_verb_prints_json(opened: Terminal) -> None:
    assert opened.json("account list")[0]["name"] == "ana"
    assert {"data_kinds", "groups", "measures"} <= set(opened.json("facts --words"))
    law = opened.json("law list")
    assert set(law[0]) >= {
        "duty", "source_id", "jurisdiction", "addressee", "cite", "status", "applies_from", "applies_until",
        "confidence", "read_on",
    }  # fmt: skip
    assert set(opened.json("law list --excluded")[0]) >= {"source_id", "because"}
    assert opened.json("law show eu-gdpr/tell-authority")["duty"] == "eu-gdpr/tell-authority"
    assert opened.json("law check")["regimes"] > 100
    assert isinstance(opened.json("law diff 2018-05-24 2018-05-26"), list)
    assert opened.json("verify")["whole"] is True
    assert opened.json("watch")["fired"] >= 0
    assert opened.json("status")["open_incidents"] == 1


def test_a_request_opens_one_incident_however_often_it_is_made(breach: Terminal) -> None:
    line = f"open {SAMPLES / 'nero-ag.yaml'} --key mail-17"
    assert breach.json(line)["created"] is True
    again = breach.json(line)
    assert (again["id"], again["created"]) == (REF, False)
    assert f"{REF} (was open already under this key)" in breach(line)
    assert len(breach.json("list")) == 1


def test_a_reminder_fires_once_and_late_ones_say_so(opened: Terminal) -> None:
    opened("watch")
    opened.advance(hours=60)
    first = opened.json("watch")
    assert first["fired"] > 0
    assert all(one["late_seconds"] >= 0 for one in first["reminders"])
    assert opened.json("watch")["fired"] == 0


# Usage


@pytest.mark.parametrize(
    "line",
    [
        "opne", "clocks --foo", "assess", "show", "decide INC-2026-0001", "account", "law", "facts", "open",
        "recipients INC-2026-0001 export people.csv", "recipients INC-2026-0001 import people.csv --delimiter abc",
        "law diff 2026-01-01", "--nonsense", "approve INC-2026-0001",
    ],
)  # fmt: skip
def test_wrong_usage_is_2_and_says_how_to_go_on(opened: Terminal, line: str) -> None:
    said = opened.run(*shlex.split(line))
    assert said.code == 2
    assert "Traceback" not in said.err
    assert "Usage: breach" in said.err + said.out


def test_a_misspelled_verb_names_the_right_one(breach: Terminal) -> None:
    said = breach.run("opne", SAMPLES / "nero-ag.yaml")
    assert (said.code, said.out) == (2, "")
    assert "No such command 'opne'. Did you mean 'open'?" in said.err


def test_the_version_is_that_of_the_package(breach: Terminal) -> None:
    assert re.fullmatch(r"breach \d+\.\d+\.\d+\n", breach("--version"))


def _verbs() -> Iterable[tuple[str, ...]]:
    from typer.main import get_command

    from incident_flows.cli.main import app

    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        yield (name,)
        for part in getattr(command, "commands", ()):
            yield (name, part)


@pytest.mark.parametrize("verb", list(_verbs()), ids=" ".join)
def test_every_verb_says_in_a_sentence_what_it_does(breach: Terminal, verb: tuple[str, ...]) -> None:
    said = breach.run(*verb, "--help")
    assert said.code == 0
    usage, _, sentence = said.out.partition("\n\n")
    assert usage.startswith(f"Usage: breach {' '.join(verb)}")
    assert re.match(r"  [A-Z].{10,}\.", sentence, re.DOTALL), sentence
    assert "  Usage" not in sentence


HEAVY = ("prefect", "sqlalchemy", "sqlmodel", "httpx", "jinja2", "fastapi", "alembic", "psycopg", "apprise")


@pytest.mark.parametrize(
    "line",
    ["--help", "--version", "up --help", "notify --help", "law --help", "playbooks/samples/nero-ag.yaml"],
)
def test_help_and_assess_import_nothing_heavy(breach: Terminal, line: str) -> None:
    words = shlex.split(line) if "--" in line else ["assess", line]
    script = (
        "import atexit, sys\n"
        f"heavy = {HEAVY!r}\n"
        "atexit.register(lambda: print([name for name in heavy if name in sys.modules], file=sys.stderr))\n"
        "from incident_flows.cli.main import run\n"
        "run()"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("BREACH_")}
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *words],
        env=env | breach.settings, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert said.stderr == "[]\n"
    assert said.stdout


# Questions on a terminal


class Pty:
    """A terminal with somebody typing; every read has an end."""

    def __init__(self, *words: str, env: dict[str, str], patience: float = 60) -> None:
        import pty

        self.seen = ""
        self._until = time.monotonic() + patience
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests may ignore it, and so would we
            os.chdir(ROOT)
            os.execve(sys.executable, [sys.executable, "-m", "incident_flows.cli.main", *words], env)

    def expect(self, text: str) -> None:
        """Read until `text` is on the screen, past what was expected before."""
        while text not in self.seen:
            assert self._read(), f"ended before {text!r}:\n{self.seen}"
        self.seen = self.seen.partition(text)[2]

    def type(self, line: str) -> None:
        os.write(self._fd, line.encode() + b"\n")

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        left = self._until - time.monotonic()
        if left <= 0 or not select.select([self._fd], [], [], left)[0]:
            os.kill(self.pid, 9)
            pytest.fail(f"nothing more on the terminal:\n{self.seen}")
        try:
            read = os.read(self._fd, 65536)
        except OSError:  # what Linux says when the other side has closed
            return False
        self.seen += read.decode().replace("\r\n", "\n")
        return bool(read)


def _env(breach: Terminal) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BREACH_")}
    return kept | breach.settings | {"TERM": "dumb", "COLUMNS": "120"}


def test_an_incident_is_opened_by_questions(breach: Terminal) -> None:
    screen = Pty("open", env=_env(breach))
    screen.expect("Leave empty what is not known")
    screen.expect("Organisation (")
    screen.type("nobody")
    screen.expect("'nobody' has no profile; write one of")
    screen.expect("Organisation (")
    screen.type("aimigos-studio")
    for question, answers in (
        ("What happened, in a few words", ["Laptop stolen"]),
        ("Your role", ["king", "controller"]),
        ("First noticed at", ["yesterday", "2026-11-20T18:00:00", "2026-11-20T17:10:00+01:00"]),
        ("Sure that personal data are affected since", ["2026-11-20T18:00:00+01:00"]),
        ("What was lost", ["hope", "confidentiality"]),
        ("Cause", ["malicious-outsider"]),
        ("Who has the data", [""]),
        ("Which data", ["name, email"]),
        ("How they were protected", [""]),
        ("How many people", ["many", "-3", "12"]),
        ("Where they live", ["Spain", "ES=few", "ES=12"]),
    ):
        for answer in answers:
            screen.expect(question)
            screen.type(answer)
    screen.expect(REF)
    assert screen.end() == 0
    facts = breach.json(f"show {REF}")["facts"]
    assert facts["title"] == "Laptop stolen"
    assert facts["role"] == "controller"
    assert facts["moments"] == {
        "detected_at": "2026-11-20T17:10:00+01:00",
        "aware_at": "2026-11-20T18:00:00+01:00",
    }
    assert facts["breach"] == {"kinds": ["confidentiality"], "cause": "malicious-outsider"}
    assert facts["data"] == {"kinds": ["name", "email"]}
    assert facts["people"] == {"total": {"at_least": 12, "at_most": 12}, "by_place": {"ES": 12}}


def test_what_nobody_knows_stays_unknown(breach: Terminal) -> None:
    screen = Pty("open", env=_env(breach))
    screen.expect("Organisation (")
    screen.type("aimigos-studio")
    for question in (
        "What happened", "Your role", "First noticed", "Sure that", "What was lost", "Cause", "Who has", "Which data",
        "How they were", "How many people", "Where they live",
    ):  # fmt: skip
        screen.expect(question)
        screen.type("")
    screen.expect(REF)
    assert screen.end() == 0
    facts = breach.json(f"show {REF}")["facts"]
    assert set(facts) == {"format", "organisation"}


def test_questions_broken_off_store_nothing(breach: Terminal) -> None:
    before = breach.stored()
    screen = Pty("open", env=_env(breach))
    screen.expect("Organisation (")
    screen.type("\x03")
    assert screen.end() == 1
    assert "Traceback" not in screen.seen
    assert breach.stored() == before
