"""Posts batches and nothing else: what to post comes in, what the provider said goes out.

It knows no database; the sender's own thread claims before and records after. Where more than one request may be
under way, threads post them; a single one is posted by whoever asks, for a thread that is handed one request at a
time and waited for would only add the handing over.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from notifications import NotificationError, TransientError
from notifications.letters import Accepted, BatchChannel

CLAIM_HOLDS = 30.0  # seconds; a sender that slept longer between claim and post does not post any more


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed batch, ready to be posted."""

    row: Any
    packed: bytes
    batch_id: str | None
    send_at: datetime | None
    at: datetime
    head: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one."""

    row: Any
    packed: bytes
    accepted: Accepted | None
    error: NotificationError | None


class Wire:
    """Posts up to `width` batches at once."""

    def __init__(self, channel: BatchChannel, *, width: int) -> None:
        self._channel, self._width = channel, width
        self._jobs: SimpleQueue[tuple[Job, float] | None] = SimpleQueue()
        self._answers: SimpleQueue[Answer | BaseException] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"letters-{number}", daemon=True)
            for number in range(width if width > 1 else 0)
        ]
        self.under_way = 0

    def __enter__(self) -> Wire:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    @property
    def free(self) -> int:
        """Return how many more may be posted now."""
        return self._width - self.under_way

    @property
    def full(self) -> bool:
        """Return whether none may."""
        return self.free <= 0

    def post(self, job: Job) -> None:
        """Post a claimed batch as soon as a thread is free, or here and now."""
        self.under_way += 1
        if self._threads:
            self._jobs.put((job, time.monotonic()))
        else:
            self._answers.put(self._answer(job, time.monotonic()))

    def answered(self, *, wait: bool) -> list[Answer]:
        """Return what came back; with `wait`, at least one."""
        found: list[Answer] = []
        while True:
            try:
                one = self._answers.get(block=wait and not found)
            except Empty:
                return found
            if isinstance(one, BaseException):
                raise one
            self.under_way -= 1
            found.append(one)

    def _run(self) -> None:
        while (next_one := self._jobs.get()) is not None:
            job, given = next_one
            try:
                self._answers.put(self._answer(job, given))
            except BaseException as error:  # told in the sender's thread, which ends the round; the claim stays
                self._answers.put(error)

    def _answer(self, job: Job, given: float) -> Answer:
        try:
            if time.monotonic() - given > CLAIM_HOLDS:
                raise TransientError("this process slept too long to still hold the claim; nothing was sent")
            accepted = self._channel.send(
                job.head,
                job.packed,
                nonce=job.row.nonce,
                batch_id=job.batch_id,
                send_at=None if job.send_at is None else int(job.send_at.timestamp()),
                now=job.at.timestamp(),
            )
        except NotificationError as error:
            return Answer(job.row, job.packed, None, error)
        return Answer(job.row, job.packed, accepted, None)


class BatchIds:
    """Ids under which scheduled requests can be called back, fetched ahead."""

    AHEAD = 12

    def __init__(self, channel: BatchChannel, at: Callable[[], datetime], wanted: bool) -> None:
        self._channel, self._at, self._wanted = channel, at, wanted
        self._coming: deque[Future[str]] = deque()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> BatchIds:
        if self._wanted:
            self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="batch-ids")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def next(self) -> str | None:
        """Return the next id; None where nothing is scheduled."""
        if self._pool is None:
            return None
        while len(self._coming) < self.AHEAD:
            moment = self._at().timestamp()
            self._coming.append(self._pool.submit(lambda now: self._channel.new_batch_id(now=now), moment))
        return self._coming.popleft().result()
