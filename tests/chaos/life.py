"""Kills a process again and again while it takes a breach from report to close, and counts what was lost.

Each round forks a child that carries the incident one step further from wherever it stands, and is killed
with SIGKILL at some point of the code: before a commit, after a claim, after the relay's *250*, before the
record of it. What the child acknowledged over a pipe before it died must still be there afterwards. What the
relay wrote down is the evidence for notices sent: none twice, none lost, the unknown ones in doubt.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from incident_flows.core.lifecycle import ROLES
from incident_flows.errors import BreachError
from incident_flows.knowledge.facts_files import read_facts
from incident_flows.knowledge.library import Library
from incident_flows.services.approve import approve
from incident_flows.services.close import close
from incident_flows.services.decide import decide
from incident_flows.services.desk import Desk, acting
from incident_flows.services.draft import draft
from incident_flows.services.letters import counts_of, letter_key, numbers_of
from incident_flows.services.notify import notify
from incident_flows.services.open import open_incident
from incident_flows.services.recipients import import_recipients
from incident_flows.services.story import explain
from incident_flows.services.update import change_facts
from incident_flows.services.watch import tick
from incident_flows.storage.database import Database
from incident_flows.storage.vault import Vault
from notifications import channel_from
from notifications.memory import MemoryChannel

START = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
SAMPLE = Path(__file__).parents[2] / "playbooks" / "samples" / "aimigos-studio.yaml"
PEOPLE = 12
ROUND = timedelta(hours=5)
CONTACT = {
    "organisation": {
        "dpo": {"name": "Data Protection Officer", "email": "dpo@aimigos.example", "phone": "+34 900 000 000"}
    }
}


@dataclass
class Figures:
    """What the kills did."""

    kills: int = 0
    missed: int = 0
    doubled: int = 0
    lost: int = 0
    in_doubt: int = 0
    late_max_s: int = 0
    points: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        return (
            f"chaos: kills={self.kills} missed={self.missed} doubled={self.doubled} lost={self.lost} "
            f"in_doubt={self.in_doubt} late_max_s={self.late_max_s}"
        )


class Stage:
    """One home on disk, one relay, one incident, and a clock that goes on by minutes a round."""

    def __init__(self, home: Path, library: Library, port: int) -> None:
        self.home, self.library, self.port = home, library, port
        self.url = f"sqlite:///{home / 'breach.db'}"
        self.now = START
        Database(self.url).migrate()

    def desk(self) -> Desk:
        return Desk(
            database=Database(self.url),
            library=self.library,
            vault=Vault(b"c" * 32),
            channel=channel_from("smtp", url=f"smtp://127.0.0.1:{self.port}?starttls=0"),
            sender="Data protection <privacy@aimigos.example>",
            owner=f"child-{os.getpid()}",
        )


def carry_on(stage: Stage, desk: Desk, acknowledge: Any) -> bool:
    """Take the incident as far as it will go; each verb is safe to repeat. Return whether it is closed."""
    now = stage.now
    with desk.database.write() as tx:
        for name in ("anna", "boris"):
            tx.accounts.ensure(name, list(ROLES), now)
    anna, boris = acting(desk, "anna", now=now), acting(desk, "boris", now=now)
    facts = read_facts(SAMPLE, lawbook=stage.library.lawbook, profiles=stage.library.profiles)
    ref = open_incident(desk, facts, actor=anna, now=now, source="chaos", request_key="chaos").ref
    acknowledge(f"open {ref}")
    tick(desk, now=now)
    with desk.database.read() as tx:
        if tx.incidents.get(ref).state == "closed":
            return True
        version = tx.incidents.facts(ref).version
        stored = tx.people.count(tx.incidents.get(ref).id)
    if version == 1:
        version = change_facts(desk, ref, CONTACT, actor=anna, now=now, source="telephone").version
    acknowledge(f"facts {ref} {version}")
    if stored == 0:
        import_recipients(desk, ref, stage.home / "people.csv", actor=anna, now=now)
    acknowledge(f"people {ref} {PEOPLE}")
    with desk.database.read() as tx:
        drafted = len([one for one in tx.notices.list(ref) if one.state != "withdrawn"])
    if drafted < 4:  # two authorities, letters in two languages
        draft(desk, ref, None, actor=anna, now=now, phased=True)
    explain(desk, ref, [], because="the list is a part of the people", actor=anna, now=now)
    with desk.database.read() as tx:
        notices = [one for one in tx.notices.list(ref) if one.state != "withdrawn"]
    for notice in notices:
        if notice.state == "awaiting-approval":
            explain(desk, ref, [], because="a part of them", actor=anna, now=now)
            approve(desk, ref, notice.ref, actor=boris, now=now)
            acknowledge(f"approved {ref} {notice.ref} {notice.sha256}")
    for notice in notices:
        if notice.kind == "people":
            if notice.state in ("awaiting-approval", "approved"):
                notify(desk, ref, notice.ref, actor=anna, now=now)
        elif notice.state in ("awaiting-approval", "approved"):
            notify(desk, ref, notice.ref, actor=anna, now=now, filed_as=f"REG-{notice.ref}")
        acknowledge(f"handled {ref} {notice.ref}")
    tick(desk, now=now)
    _decide_the_rest(desk, ref, anna, now)
    try:
        close(desk, ref, actor=anna, now=now)
    except BreachError:
        return False
    acknowledge(f"closed {ref}")
    return True


def _decide_the_rest(desk: Desk, ref: str, anna: Any, now: datetime) -> None:
    with desk.database.read() as tx:
        rows = [
            row
            for row in tx.obligations.list(ref)
            if row.running and row.status == "undetermined" and row.decided is None
        ]
    for row in rows:
        decide(
            desk,
            ref,
            row.oid,
            "not-owed",
            because="found out in the course of the exercise",
            actor=anna,
            now=now,
        )


def run(*, kills: int, seed: int = 1, say: Any = None) -> Figures:
    """Kill `kills` times spread over whole lives of incidents, and return the figures."""
    chance = random.Random(seed)
    figures = Figures()
    library = Library.load(cache=None)
    _ = library.risk_policy, library.calendars, library.notices
    with tempfile.TemporaryDirectory(prefix="breach-chaos-") as folder:
        _warm(library, Path(folder) / "warm")
        life = 0
        while figures.kills < kills:
            life += 1
            _one_life(Path(folder) / f"life-{life}", library, figures, kills=kills, chance=chance)
            if say is not None:
                say(figures.line())
    return figures


def _warm(library: Library, home: Path) -> None:
    """Live one life undisturbed, so that the children inherit everything compiled."""
    home.mkdir()
    _write_people(home)
    stage = Stage(home, library, port=0)
    desk = Desk(
        database=Database(stage.url),
        library=library,
        vault=Vault(b"c" * 32),
        channel=MemoryChannel(),
        sender="Data protection <privacy@aimigos.example>",
        owner="warm",
    )
    for _ in range(9):
        if carry_on(stage, desk, lambda line: None):
            break
        stage.now += ROUND
    desk.database.dispose()


def _write_people(home: Path) -> None:
    rows = "".join(
        f"person{number}@people.example,{'es' if number % 3 else 'en'}\n" for number in range(PEOPLE)
    )
    (home / "people.csv").write_text("email,language\n" + rows)


def _one_life(home: Path, library: Library, figures: Figures, *, kills: int, chance: random.Random) -> None:
    home.mkdir()
    _write_people(home)
    book = home / "relay.log"
    relay = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.sink", str(book)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert relay.stdout is not None
    try:
        stage = Stage(home, library, int(relay.stdout.readline()))
        said: list[str] = []
        for _ in range(400):
            reach = _aim(chance) if figures.kills < kills else None
            killed, closed = _round(stage, said, reach, figures)
            stage.now += ROUND
            if not killed:
                _resolve(stage, book, figures)
                if closed:
                    break
        _check(stage, book, said, figures)
    finally:
        assert relay.stdin is not None
        relay.stdin.close()
        relay.wait(timeout=20)
        relay.stdout.close()


POINTS = (
    "open:before-commit",
    "open:committed",
    "update:before-commit",
    "draft:before-commit",
    "approve:before-commit",
    "broadcast:started",
    "broadcast:page-planned",
    "notify:claimed",
    "notify:accepted",
    "notify:recorded",
    "notify:settled",
    "decide:before-commit",
    "watch:claimed",
    "watch:paged",
    "watch:before-fired",
    "close:before-commit",
)


def _aim(chance: random.Random) -> tuple[str | None, int]:
    """Where the next child dies: at a named point, or at whatever point comes as the n-th."""
    return (
        (chance.choice(POINTS), chance.randint(1, 2))
        if chance.random() < 0.4
        else (None, chance.randint(1, 5))
    )


def _round(
    stage: Stage, said: list[str], reach: tuple[str | None, int] | None, figures: Figures
) -> tuple[bool, bool]:
    """Fork a child that carries on, killed at the n-th passing of a point (None: not at all)."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # threads of the test runner; the child uses none of them
        child = os.fork()
    if child == 0:
        os.close(reader)
        _child(stage, writer, reach)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        lines = pipe.read().splitlines()
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    for line in lines:
        if line.startswith("point "):
            if killed:
                figures.points[line[6:]] += 1
        else:
            said.append(line)
    if killed:
        figures.kills += 1
    elif not os.WIFEXITED(status) or os.WEXITSTATUS(status) not in (0, 7):
        raise AssertionError(f"the child ended with {status}, not by our hand")
    return killed, os.WIFEXITED(status) and os.WEXITSTATUS(status) == 7


def _child(stage: Stage, writer: int, reach: tuple[str | None, int] | None) -> None:
    desk = stage.desk()
    passed = 0

    def reached(point: str) -> None:
        nonlocal passed
        passed += reach is not None and reach[0] in (None, point)
        if reach is not None and passed >= reach[1]:
            os.write(writer, f"point {point}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    desk.on_step = reached
    code = 1
    try:
        code = 7 if carry_on(stage, desk, lambda line: os.write(writer, f"{line}\n".encode())) else 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def _relayed(book: Path) -> Counter[str]:
    return Counter(line.split()[0] for line in book.read_text().splitlines()) if book.exists() else Counter()


def _resolve(stage: Stage, book: Path, figures: Figures) -> None:
    """A person looks at the relay's log and says of each notice in doubt what became of it."""
    from incident_flows.services.notify import settle
    from notifications import Address, Message, message_id_for

    desk = stage.desk()
    relayed = _relayed(book)
    anna = acting(desk, "anna", now=stage.now)
    with desk.database.read() as tx:
        doubtful = [(tx.notices.by_id(row.notice_id), row) for row in tx.letters.open(None, ("in-doubt",))]
    for notice, row in doubtful:
        figures.in_doubt += 1
        [number] = numbers_of(row.numbers)
        copy = Message(
            to=Address("x@people.example"),
            sender=Address("privacy@aimigos.example"),
            subject="x",
            text="x",
            key=letter_key(notice, number, "smtp"),
        )
        state = "released" if message_id_for(copy) in relayed else "planned"
        with desk.database.write() as tx:
            tx.letters.set(row.id, "in-doubt", state=state, progress=int(state == "released"), resolved_by=anna.name)
        settle(desk, notice.incident_ref, notice.ref, actor=anna.name, now=stage.now)
    desk.database.dispose()


def _check(stage: Stage, book: Path, said: list[str], figures: Figures) -> None:
    """Compare what was acknowledged, and what the relay saw, with what is stored."""
    desk = stage.desk()
    relayed = _relayed(book)
    with desk.database.read() as tx:
        tx.journal.verify()
        refs = [row.ref for row in tx.incidents.list(limit=10)]
        figures.doubled += max(len(refs) - 1, 0)
        ref = refs[0]
        incident = tx.incidents.get(ref)
        notices = {row.ref: row for row in tx.notices.list(ref)}
        steps = list(tx.steps.list(incident.id))
        entries = [row for row in tx.journal.entries(ref) if row.act == "reminded"]
        sent = counts_of(tx, incident.id).get("sent", 0)
        people = tx.people.count(incident.id)
        version = tx.incidents.facts(ref).version
    for line in said:
        word, *rest = line.split()
        lost = (
            (word == "open" and rest[0] not in refs)
            or (word == "facts" and int(rest[1]) > version)
            or (word == "people" and people < int(rest[1]))
            or (word == "approved" and notices[rest[1]].approved_by is None)
            or (word == "closed" and incident.state != "closed")
        )
        figures.lost += lost
    figures.doubled += sum(count - 1 for count in relayed.values() if count > 1)
    figures.lost += max(sent - len(relayed), 0)
    if incident.state == "closed":
        figures.lost += abs(people - sent)  # one letter each, whatever was killed
    fired = Counter((row.subject, row.payload["step"], row.payload["due_at"]) for row in entries)
    figures.doubled += sum(count - 1 for count in fired.values() if count > 1)
    figures.missed += sum(
        1
        for step in steps
        if step.state in ("pending", "claimed") and step.due_at <= stage.now - timedelta(hours=30)
    )
    figures.late_max_s = max([figures.late_max_s, *(round(step.late_seconds or 0) for step in steps)])
    desk.database.dispose()
