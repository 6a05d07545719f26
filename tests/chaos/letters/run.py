"""Kills a sender again and again on a million letters, and counts from the provider's own record.

Each round forks a child that goes on with the run, and kills it with SIGKILL: at a random moment, or at a
point where it is worst, such as *after the provider accepted, before that is recorded* (the provider answers
late, and the kill falls into the waiting). Between rounds the clock goes on, past the dead sender's lease and
past whatever the provider holds until its time.
"""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from incident_flows.core.lifecycle import ROLES, Actor
from incident_flows.knowledge.library import Library
from incident_flows.services.broadcast import begin, send_packed
from incident_flows.services.desk import Desk, acting
from incident_flows.services.exact import exact_sha256
from incident_flows.services.letters import list_of
from incident_flows.services.packing import pack
from incident_flows.storage.database import Database
from incident_flows.storage.vault import Vault
from notifications.sendgrid_batches import SendGridBatches
from tests.chaos.letters.people import take_in

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
POINTS = {
    "at-most-one-duplicate-batch": ("notify:claimed", "notify:recorded"),
    "zero": ("notify:claimed", "notify:recorded", "letters:cancelled"),
}
LATER = timedelta(minutes=2)  # past a dead sender's lease, within the time to call back


@dataclass
class Figures:
    """What the kills did, by the provider's record."""

    mode: str
    kills: int = 0
    people: int = 0
    lost: int = 0
    doubled: int = 0
    in_doubt: int = 0  # people whose batch waits for a person's word
    foreign: int = 0
    largest: int = 0  # people in one batch
    seconds: float = 0.0
    points: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        """Return the figures in one line."""
        allowed = 0 if self.mode == "zero" else self.kills * self.largest
        return (
            f"letters: mode={self.mode} people={self.people} kills={self.kills} lost={self.lost} "
            f"in_doubt={self.in_doubt} doubled={self.doubled} allowed={allowed} "
            f"seen_by_others={self.foreign} in {self.seconds:.0f} s"
        )


class Double:
    """The provider's double, as its own process."""

    def __init__(self, *, tls: tuple[str, str] | None = None, core: int | None = None) -> None:
        command = [sys.executable, "-m", "tests.chaos.letters.stub"]
        command += ["--tls", *tls] if tls else []
        command += ["--core", str(core)] if core is not None else []
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
        )
        assert self.process.stdout is not None
        self._client = httpx.Client()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{int(self.process.stdout.readline())}"

    def set(self, **values: Any) -> int:
        """Change how it answers; return how many requests it has accepted."""
        answer = self._client.post(f"{self.url}/stub/set", json=values, timeout=60)
        return int(answer.json()["accepted"])

    def account(self, **wanted: Any) -> dict[str, Any]:
        """Let it render every letter, and return who got what."""
        found: dict[str, Any] = self._client.post(f"{self.url}/stub/account", json=wanted, timeout=900).json()
        return found

    def close(self) -> None:
        """End it."""
        self._client.close()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


@dataclass
class Stage:
    """One installation with one approved letter and its list."""

    url: str
    library: Library
    provider: str
    ref: str = ""
    notice: str = ""
    now: datetime = START

    def desk(self) -> Desk:
        """Return a desk of this process."""
        return Desk(
            database=Database(self.url),
            library=self.library,
            vault=Vault(b"c" * 32),
            channel=None,  # type: ignore[arg-type]  # nothing here is sent one by one
            batches=SendGridBatches("SG.key", base_url=self.provider, timeout_seconds=20),
            sender="Data protection <privacy@aimigos.example>",
            owner=f"child-{os.getpid()}",
            monotonic=time.monotonic,
        )

    def actor(self, desk: Desk) -> Actor:
        """Return who acts."""
        return acting(desk, "anna", now=self.now)


def prepared(stage: Stage, *, count: int, text: str, html: str) -> None:
    """Take people in, and approve a letter to them; not by the verbs, which have tests of their own."""
    desk = stage.desk()
    desk.database.migrate()
    with desk.database.write() as tx:
        tx.accounts.ensure("anna", list(ROLES), START)
        incident = tx.incidents.open("letters", "acme", True, START, "anna", desk.vault.new_incident_key(), {})
        stage.ref = incident.ref
    take_in(desk, stage.ref, count)
    with desk.database.write() as tx:
        sha256 = exact_sha256("About your data", text, html)
        notice = tx.notices.add(
            stage.ref, oid="eu-gdpr/tell-people@people", kind="people", phase="initial", language="en",
            state="approved", subject="About your data", text=text, html=html, sha256=sha256, missing=[],
            drafted_by="boris", drafted_at=START, route={"covers": []}, supersedes=None,
        )  # fmt: skip
        stage.notice = notice.ref
        digest, listed = list_of(tx, notice.incident_id)
        tx.letters.approve(
            notice.id, incident_id=notice.incident_id, list_sha256=digest, listed=listed, approved_by="anna",
            approved_at=START, people=None,
        )  # fmt: skip
    desk.database.dispose()


def packed(stage: Stage, mode: str) -> None:
    """Begin the run in a mode, and pack it."""
    desk = stage.desk()
    with desk.database.read() as tx:
        notice = tx.notices.get(stage.ref, stage.notice)
    begin(desk, stage.ref, notice, actor=stage.actor(desk), now=stage.now, mode=mode)
    pack(desk, stage.ref, notice, actor="anna", now=stage.now)
    desk.database.dispose()


def go_on(stage: Stage, desk: Desk) -> bool:
    """Do a round of sending, as a tick does; return whether nothing is left to do."""
    with desk.database.read() as tx:
        notice = tx.notices.get(stage.ref, stage.notice)
    done = send_packed(desk, stage.ref, notice, actor="anna", now=stage.now)
    with desk.database.read() as tx:
        counts = tx.letters.counts(notice.incident_id, notice.id)
    return done.ended == "done" and not {"planned", "claimed"} & counts.keys()


def run(
    *, people: int, kills: int, mode: str, seed: int = 1, batch: int = 1000, latency: float = 0.004
) -> Figures:
    """Kill `kills` times over the sending of a letter to `people`, then let it end in peace.

    Args:
        batch: The most people in one request; smaller ones make a short run as eventful as a long one.
        latency: Seconds the provider takes to answer what it has accepted.
    """
    chance = random.Random(seed)
    figures = Figures(mode, people=people, largest=min(batch, 1000))
    began = time.monotonic()
    provider = Double()
    try:
        with tempfile.TemporaryDirectory(prefix="breach-letters-") as folder:
            library = Library.load(cache=None)
            _ = library.notices.languages("people")
            stage = Stage(f"sqlite:///{folder}/breach.db", library, provider.url)
            prepared(stage, count=people, text="Hello ⟦name⟧,\nread this.\n", html="<p>Hello ⟦name⟧</p>")
            with _batches_of(batch):
                packed(stage, mode)
            provider.set(latency=latency, now=stage.now.timestamp())
            batches = -(-people // batch)
            for _ in range(50 * kills + 100):
                stage.now += LATER
                left = max(batches - provider.set(now=stage.now.timestamp()), 1)
                # Kills are spread over the whole of the list: so many batches between two of them.
                between = left / max(kills - figures.kills, 1) if figures.kills < kills else None
                if _round(stage, provider, figures, chance, between=between):
                    break
            stage.now += timedelta(hours=1)
            desk = stage.desk()
            with desk.database.write() as tx:
                tx.letters.released(stage.now)
            with desk.database.read() as tx:
                incident = tx.incidents.get(stage.ref)
                counted = tx.letters.counts(incident.id)
                tx.journal.verify()
            desk.database.dispose()
            account = provider.account()
    finally:
        provider.close()
    sent, figures.in_doubt = counted.get("sent", 0), counted.get("in-doubt", 0)
    figures.lost = people - sent - figures.in_doubt + max(sent - account["people"], 0)
    figures.doubled, figures.foreign = account["doubled"], account["foreign"] + account["shown_together"]
    figures.seconds = time.monotonic() - began
    return figures


class _batches_of:
    """Pack so many people to a batch, for a while."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __enter__(self) -> None:
        from incident_flows.services import packing

        self.before, packing.LARGEST_BATCH = packing.LARGEST_BATCH, min(self.size, 1000)

    def __exit__(self, *_: object) -> None:
        from incident_flows.services import packing

        packing.LARGEST_BATCH = self.before


def _round(stage: Stage, provider: Double, figures: Figures, chance: random.Random, *, between: float | None) -> bool:
    """Fork a child that sends; kill it at a point, or some batches later; return whether it came to the end."""
    point = None
    if between is not None and chance.random() < 0.3:
        point = (chance.choice(POINTS[figures.mode]), chance.randint(1, 3))
    begun = provider.set()
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reader)
        _child(stage, writer, point)
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        pipe.read(1)  # it has begun
        if between is not None:
            after = begun + chance.uniform(0, 1.6 * between)
            patience = time.monotonic() + 20
            while not select.select([pipe], [], [], 0.001)[0]:
                if provider.set() >= after or time.monotonic() > patience:
                    time.sleep(chance.uniform(0, 0.004))  # anywhere between two of its steps
                    os.kill(child, signal.SIGKILL)
                    break
        _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        figures.kills += 1
        figures.points[point[0] if point else "any moment"] += 1  # or before it came to that point
        return False
    if os.WEXITSTATUS(status) not in (0, 7):
        raise AssertionError(f"the child ended with {status}, not by our hand")
    return os.WEXITSTATUS(status) == 7


def _child(stage: Stage, writer: int, point: tuple[str, int] | None) -> None:
    code = 1
    try:
        desk = stage.desk()
        passed = 0

        def reached(at: str) -> None:
            nonlocal passed
            passed += point is not None and at == point[0]
            if point is not None and passed >= point[1]:
                os.kill(os.getpid(), signal.SIGKILL)

        desk.on_step = reached
        os.write(writer, b".")
        code = 7 if go_on(stage, desk) else 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)
