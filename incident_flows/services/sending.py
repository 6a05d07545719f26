"""One round of sending letters: claimed, posted, recorded, wave by wave, until done or told to stop.

Between any two requests the database is asked whether to go on; the same transaction records the last answer
and claims the next batch, so that a sender that dies leaves at most what it had under way in doubt. A round
never waits: whatever has to wait is said with its time, and the caller comes back.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from incident_flows.errors import NotApprovedError
from incident_flows.services.allowance import Allowance
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.doubts import BY_A_PERSON, CANCELLED_AT_ONCE, settle_leftovers
from incident_flows.services.letters import SEEDS_WAVE, SENDER_LEASE, Policy, lease_of, letter_of, policy_of
from incident_flows.services.one_by_one import send_batch_one_by_one
from incident_flows.services.packing import opened, pack_anew
from incident_flows.services.refusals import refuse
from incident_flows.services.wire import Answer, BatchIds, Job, Wire
from incident_flows.services.wordings import key_of
from incident_flows.storage.database import Tx
from incident_flows.storage.letter_turns import LetterTurns
from notifications import NotificationError, OutcomeUnknownError, PermanentError, TransientError
from notifications.letters import Accepted, BatchChannel, Letter

Ended = Literal["done", "paused", "stopped", "elsewhere", "waits", "wave", "budget"]
RETRY = timedelta(minutes=1)
RENEW = 15.0  # seconds
PREPARED = 16  # batches read ahead, sealed
MEASURED = 2.0  # seconds between two figures of progress


@dataclass
class Progress:
    """How far the letters of a notice are.

    Attributes:
        sent: People whose letters were taken over, in this round.
        people: People the notice has in all.
        left: People still to go when the round began.
        rate: People per second in this round.
    """

    sent: int = 0
    people: int = 0
    left: int = 0
    wave: int = 0
    rate: float = 0.0


@dataclass
class Round:
    """What one round did, and why it ended."""

    ended: Ended = "done"
    because: str | None = None
    resume_at: datetime | None = None
    progress: Progress = field(default_factory=Progress)


def send_round(
    desk: Desk,
    ref: str,
    notice: Any,
    *,
    now: datetime,
    batches: int | None = None,
    seconds: float | None = None,
    wave: int | None = None,
    tell: Callable[[Progress], None] | None = None,
) -> Round:
    """Send what is packed of a notice.

    Args:
        batches: At most so many, for callers that report in pieces.
        seconds: Begin nothing after so long.
        wave: Go no further than this wave.
        tell: Told now and then how far it is.
    """
    lease = lease_of(notice.id)
    with desk.database.write() as tx:
        if not tx.leases.take(lease, desk.owner, now, SENDER_LEASE):
            return Round("elsewhere", "another sender is at work on it")
        run = tx.letters.change(notice.id, resume_at=None)
    sender = _Sender(desk, ref, notice, run, now=now, batches=batches, seconds=seconds, upto=wave, tell=tell)
    try:
        with _collector_spared():
            return sender.work()
    finally:
        with desk.database.write() as tx:
            tx.leases.release(lease, desk.owner)


@contextmanager
def _collector_spared() -> Iterator[None]:
    """Keep the lawbook's objects out of the collector's way for a while.

    A full collection looks at every one of them, finds them all in use, and takes as long as fifty requests do.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Sender:
    def __init__(
        self,
        desk: Desk,
        ref: str,
        notice: Any,
        run: Any,
        *,
        now: datetime,
        batches: int | None,
        seconds: float | None,
        upto: int | None,
        tell: Callable[[Progress], None] | None,
    ) -> None:
        self.desk, self.ref, self.notice, self.run = desk, ref, notice, run
        self.policy: Policy = policy_of(desk)
        self.letters: dict[str, tuple[Letter, bytes]] = {}
        self.channel: BatchChannel | None = desk.batches
        self.lease = lease_of(notice.id)
        self.began, self.now = time.monotonic(), now
        self.renewed = self.told = self.began
        self.budget = batches
        self.ends = None if seconds is None else self.began + seconds
        self.upto, self.tell = upto, tell
        self.round = Round()
        self.ending = self.exhausted = False
        with desk.database.read() as tx:
            self.wrapped = tx.incidents.get(ref).wrapped_key
            counts = tx.letters.counts(notice.incident_id, notice.id)
        progress = self.round.progress
        progress.people = run.people or 0
        progress.left = counts.get("planned", 0) + counts.get("claimed", 0)
        self.prepared: deque[Any] = deque()
        self.allowance = Allowance(desk, self.at)

    def at(self) -> datetime:
        """Return the present instant; it stands still where the clock does."""
        if self.desk.monotonic is None:
            return self.now
        return self.now + timedelta(seconds=time.monotonic() - self.began)

    def work(self) -> Round:
        settle_leftovers(self.desk, self.ref, self.notice, self.run, now=self.at())
        while not self.ending:
            wave = self._next_wave()
            if wave is None:
                break
            if self.channel is None:
                self._one_by_one(wave)
            else:
                self._in_batches(self.channel, wave)
        self._measure(force=True)
        if self.round.resume_at is not None:
            with self.desk.database.write() as tx:
                tx.letters.change(self.notice.id, resume_at=self.round.resume_at)
        return self.round

    def end(self, ended: Ended, because: str | None = None, resume_at: datetime | None = None) -> None:
        """Begin nothing more; what is under way is seen to its end."""
        if not self.ending:
            self.ending = True
            self.round.ended, self.round.because, self.round.resume_at = ended, because, resume_at

    # Waves

    def _next_wave(self) -> int | None:
        """Return the wave to work on, begun and written down; None when nothing may be begun now."""
        with self.desk.database.write() as tx:
            if not self._may(tx):
                return None
            first = tx.letters.first_wave(self.notice.id)
            if first is None:
                return None
            wave, retry_at = first
            if self.upto is not None and wave > self.upto:
                self.end("wave")
                return None
            if self.budget is not None and self.budget <= 0:
                self.end("budget")
                return None
            if retry_at is not None and retry_at > self.at():
                self.end("waits", "the provider asked for a pause", retry_at)
                return None
            run = tx.letters.run(self.notice.id)
            assert run is not None
            if wave > run.wave or run.detail.get("begun") is None:
                before = run.wave
                looked = run.detail.get("looked", [])
                if run.detail.get("begun") is not None and before in self.policy.pause_after and before not in looked:
                    because = f"wave {before} is out; look at it, then --resume"
                    seen = {**run.detail, "looked": [*looked, before]}
                    tx.letters.change(self.notice.id, switch="paused", because=because, detail=seen)
                    self.end("paused", because)
                    return None
                tx.letters.change(self.notice.id, wave=wave, detail={**run.detail, "begun": wave})
                write_journal(
                    tx,
                    self.desk,
                    at=self.at(),
                    actor="engine",
                    act="wave-begun",
                    ref=self.ref,
                    subject=self.notice.ref,
                    payload={"wave": "team" if wave == SEEDS_WAVE else wave},
                )
        self.round.progress.wave = wave
        return wave

    # Asking before every request

    def _may(self, tx: Tx) -> bool:
        """Return whether to begin another request; says why not."""
        if self.ending:
            return False
        gate = tx.letters.gate(self.notice.id, self.lease, self.desk.owner)
        if gate == "lost":
            self.end("elsewhere", "another sender took over")
        elif gate in ("paused", "stopped"):
            self.end(gate, "by a person")
        return self._in_time()

    def _in_time(self) -> bool:
        if self.ends is not None and time.monotonic() > self.ends:
            self.end("budget")
        return not self.ending

    def _renew(self) -> None:
        if time.monotonic() - self.renewed > RENEW:
            self.renewed = time.monotonic()
            with self.desk.database.write() as tx:
                tx.leases.take(self.lease, self.desk.owner, self.at(), SENDER_LEASE)

    def _fits(self, people: int) -> bool:
        if not self.allowance.take(people):
            self.end("waits", "the provider's limit is used up", self.allowance.free_at)
            return False
        return True

    def worded(self, row: Any) -> Letter:
        """Return the letter in the wording of a batch."""
        return self._worded(row)[0]

    def _worded(self, row: Any) -> tuple[Letter, bytes]:
        """Return letter and head of the request, made once for each wording."""
        found = self.letters.get(row.variant)
        if found is None:
            letter = letter_of(self.desk, self.notice, key_of(row.variant))
            head = b"" if self.channel is None else self.channel.head(letter, self.run.tag)
            found = self.letters[row.variant] = (letter, head)
        return found

    # A request for a thousand

    def _in_batches(self, channel: BatchChannel, wave: int) -> None:
        scheduled = self.run.mode == "zero"
        width = self._can_be_called_back() if scheduled else 1
        if width == 0:
            return
        self.exhausted = False
        with (
            Wire(channel, width=width) as wire,
            BatchIds(channel, self.at, scheduled) as ids,
            self.desk.database.letter_turns() as turns,
        ):
            while True:
                ready = self._look(channel, wave) and not self.ending and not wire.full
                answers = wire.answered(wait=bool(wire.under_way) and not ready)
                jobs = self._turn(answers, wire, ids, turns)
                if not jobs and not wire.under_way and (self.ending or not self._look(channel, wave)):
                    break
        self.prepared.clear()

    def _can_be_called_back(self) -> int:
        """Return how many requests may be under way at once: no more than could be called back if we died now."""
        with self.desk.database.read() as tx:
            called_back, free_at = tx.letters.called_back(self.at())
        width = min(self.policy.connections, CANCELLED_AT_ONCE - called_back)
        if width <= 0:
            because = "the provider takes no more call-backs for now"
            self.end("waits", because, free_at or self.at() + RETRY)
        return max(width, 0)

    def _look(self, channel: BatchChannel, wave: int) -> bool:
        """Read batches ahead; return whether one is ready."""
        if not self.prepared and not self.ending and not self.exhausted:
            with self.desk.database.read() as tx:
                rows = tx.letters.ready(self.notice.id, wave, self.at(), limit=PREPARED)
            self.exhausted = not rows
            for row in rows:
                if row.template_sha256 != self.notice.sha256:
                    raise NotApprovedError(f"{self.notice.ref}: its letters were packed from another text")
                self.prepared.append(row if row.form == channel.name else self._anew(row.id))
        return bool(self.prepared)

    def _anew(self, the: int) -> Any:
        with self.desk.database.read() as tx:
            row = tx.letters.get(the)
        return pack_anew(self.desk, self.ref, self.notice, row, self.wrapped, self.worded(row), self.run.tag)

    def _turn(self, answers: list[Answer], wire: Wire, ids: BatchIds, turns: LetterTurns) -> list[Job]:
        """Record answers and claim what is next, in one transaction; then post it."""
        for one in answers:
            if one.error is not None:
                self._failed(one)  # first of all: it may be a reason not to go on
        accepted = [(one, one.accepted) for one in answers if one.accepted is not None]
        picks = self._picked(wire.free, ids)
        jobs: list[Job] = []
        if accepted or picks:
            self._renew()
            jobs = self._claimed(turns, accepted, picks)
            self.desk.reached("notify:claimed" if jobs else "notify:recorded")
        for job in jobs:
            wire.post(job)
        if len(jobs) < len(picks):
            with self.desk.database.read() as tx:
                self._may(tx)  # it says who stopped it, if it was not only that batch
        for one, word in accepted:
            self.round.progress.sent += 0 if one.row.seed else one.row.count
            if word.remaining == 0:
                wait = timedelta(seconds=word.wait_seconds or 60.0)
                self.end("waits", "the provider's rate is used up", self.at() + wait)
        self._measure()
        return jobs

    def _claimed(
        self, turns: LetterTurns, accepted: Sequence[tuple[Answer, Accepted]], picks: Sequence[Job]
    ) -> list[Job]:
        """Record and claim; return what is ours to post."""
        at, owner = self.at(), self.desk.owner
        done = [{"the": one.row.id, "owner": owner, "at": at, "known_as": word.provider_id} for one, word in accepted]
        claims = [
            {
                "the": job.row.id, "owner": owner, "at": at, "through": self.desk.batches_name,
                "batch": job.batch_id, "due": job.send_at,
            }
            for job in picks
        ]  # fmt: skip
        held = turns.turn(self.lease, done, claims)
        return [job for job, holds in zip(picks, held, strict=True) if holds]

    def _picked(self, free: int, ids: BatchIds) -> list[Job]:
        """Take up to `free` batches out of those opened ahead, as far as limits and budget allow."""
        picks: list[Job] = []
        while self.prepared and len(picks) < free and self._in_time():
            if self.budget is not None and self.budget <= 0:
                self.end("budget")
                break
            if not self._fits(self.prepared[0].count):
                break
            try:
                batch_id = ids.next()
            except NotificationError as error:
                self._held_back(error)
                break
            at = self.at()
            row = self.prepared.popleft()
            packed = opened(self.desk, self.wrapped, self.ref, row.nonce, row.sealed)
            due = at + self.policy.schedule if batch_id else None
            picks.append(Job(row, packed, batch_id, due, at, self._worded(row)[1]))
            self.budget = None if self.budget is None else self.budget - 1
        return picks

    def _failed(self, one: Answer) -> None:
        error = one.error
        with self.desk.database.read() as tx:
            row = tx.letters.get(one.row.id)
        if isinstance(error, TransientError):
            self._held_back(error)
            with self.desk.database.write() as tx:
                tx.letters.set(
                    row.id, ("claimed", "in-doubt"), state="planned", retry_at=self.round.resume_at, claimed_by=None,
                    batch_id=None, send_at=None, claimed_at=None, error_kind="not accepted, may be tried again",
                )  # fmt: skip
        elif isinstance(error, OutcomeUnknownError):
            asks = self.run.mode == "ask"
            state, kind = ("quarantined", BY_A_PERSON) if asks else ("in-doubt", "resolving")
            with self.desk.database.write() as tx:
                tx.letters.set(row.id, "claimed", state=state, unknowns=row.unknowns + 1, error_kind=kind)
            self.end("waits", "a request got no answer; it is looked into first", self.at() + RETRY)
        elif isinstance(error, PermanentError):
            done = refuse(self.desk, self.ref, self.notice, self.run, row, one.packed, error, now=self.at())
            self.exhausted = False
            if done.pause is not None:
                self.end("paused", done.pause)
            elif (brake := self._brake()) is not None:
                self.end("paused", brake)

    def _held_back(self, error: NotificationError) -> None:
        asked = error.retry_after_seconds if isinstance(error, TransientError) else None
        wait = RETRY if asked is None else timedelta(seconds=asked)
        self.end("waits", "the provider does not take letters now", self.at() + wait)

    def _brake(self) -> str | None:
        """Pause the run when too many people were refused; return what is said then."""
        with self.desk.database.write() as tx:
            refused = sum(row.count for row in tx.letters.exceptions(self.notice.id))
            share = 100 * refused / max(self.round.progress.people, 1)
            if refused < self.policy.brake_people or share < self.policy.brake_percent:
                return None
            run = tx.letters.run(self.notice.id)
            if run is not None and run.detail.get("braked_at", 0) * 2 > refused:
                return None  # a person has seen as many and said --resume
            because = f"{refused} people were refused by the provider; look at the list, then --resume"
            tx.letters.change(
                self.notice.id,
                switch="paused",
                because=because,
                detail={**(run.detail if run else {}), "braked_at": refused},
            )
        return because

    # One message a person

    def _one_by_one(self, wave: int) -> None:
        with self.desk.database.read() as tx:
            rows = tx.letters.planned(self.notice.id, wave, self.at(), limit=1)
        for row in rows:
            send_batch_one_by_one(self, row)
        self._measure()

    # Figures

    def _measure(self, *, force: bool = False) -> None:
        """Work out the rate and tell it; stored now and then, for whoever looks from elsewhere."""
        moment = time.monotonic()
        if not force and moment - self.told < MEASURED:
            return
        self.told = moment
        progress = self.round.progress
        progress.rate = progress.sent / max(moment - self.began, 0.001)
        left = max(progress.left - progress.sent, 0)
        with self.desk.database.write() as tx:
            run = tx.letters.run(self.notice.id)
            if run is not None:
                figures: dict[str, Any] = {
                    "rate": round(progress.rate, 1) if progress.sent else run.detail.get("rate"),
                    "left": round(left / progress.rate) if progress.rate > 0 else None,
                    "limit": dict(self.desk.sending_limit) or None,
                }
                tx.letters.change(self.notice.id, detail={**run.detail, **figures})
        if self.tell is not None:
            self.tell(progress)
