"""A channel that only remembers, for tests of everything that sends.

It ships with the package so that users of the package test against it rather than against mocks of their own.
It reaches nobody.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from notifications.channel import Receipt, require_zone
from notifications.errors import NotificationError
from notifications.message import Message, message_id_for, to_mime


@dataclass(frozen=True, slots=True)
class _Failure:
    error: NotificationError
    accepted: bool


class MemoryChannel:
    """Keeps every message it accepts, in order, repetitions included.

    Repetitions are kept because a test must be able to see that something was sent twice.

    Attributes:
        messages: What was accepted.
        receipts: The answers given, those lost on the way included.
        attempts: How often anybody tried to send.
    """

    name = "memory"

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.receipts: list[Receipt] = []
        self.attempts = 0
        self._script: deque[_Failure | None] = deque()

    def fail_next(self, error: NotificationError, *, accepted: bool = False, times: int = 1) -> None:
        """Let a coming send fail; calls queue up, one for each send.

        Args:
            error: What to raise.
            accepted: Keep the message all the same, as when only the answer was lost.
            times: For how many sends.
        """
        self._script.extend([_Failure(error, accepted)] * times)

    def pass_next(self, times: int = 1) -> None:
        """Let a coming send succeed, to place a later failure."""
        self._script.extend([None] * times)

    def send(self, message: Message, *, now: datetime) -> Receipt:
        """Keep `message`, or fail as scripted."""
        require_zone(now)
        self.attempts += 1
        failure = self._script.popleft() if self._script else None
        if failure is not None and not failure.accepted:
            raise failure.error
        content = to_mime(message, date=now, message_id=message_id_for(message))
        receipt = Receipt(
            channel=self.name,
            provider_id=f"memory-{len(self.messages) + 1}",
            state="sent",
            accepted_at=now,
            sha256=hashlib.sha256(content).hexdigest(),
            raw=content,
        )
        self.messages.append(message)
        self.receipts.append(receipt)
        if failure is not None:
            raise failure.error
        return receipt
