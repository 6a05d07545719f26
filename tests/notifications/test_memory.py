"""The channel for tests can fail in every way a real one can."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from notifications import (
    Message,
    NotificationError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
    channel_from,
)
from notifications.memory import MemoryChannel


@pytest.mark.parametrize("kind", [TransientError, PermanentError, OutcomeUnknownError])
def test_it_fails_as_often_as_told_and_then_works(
    message: Message, now: datetime, kind: type[NotificationError]
) -> None:
    channel = MemoryChannel()
    channel.fail_next(kind("as told"), times=2)

    for _ in range(2):
        with pytest.raises(kind):
            channel.send(message, now=now)
    assert channel.messages == []
    channel.send(message, now=now)

    assert channel.messages == [message]
    assert channel.attempts == 3


def test_it_can_lose_the_answer_to_a_message_it_accepted(message: Message, now: datetime) -> None:
    channel = MemoryChannel()
    channel.fail_next(OutcomeUnknownError("answer lost"), accepted=True)

    with pytest.raises(OutcomeUnknownError):
        channel.send(message, now=now)

    assert channel.messages == [message]


def test_it_can_fail_in_the_middle_of_a_series(message_for: Callable[..., Message], now: datetime) -> None:
    channel = MemoryChannel()
    channel.pass_next(2)
    channel.fail_next(TransientError("as told", retry_after_seconds=5))

    channel.send(message_for(key="1"), now=now)
    channel.send(message_for(key="2"), now=now)
    with pytest.raises(TransientError) as caught:
        channel.send(message_for(key="3"), now=now)

    assert caught.value.retry_after_seconds == 5
    assert [message.key for message in channel.messages] == ["1", "2"]


def test_it_keeps_repetitions_so_that_a_test_can_see_them(message: Message, now: datetime) -> None:
    channel = MemoryChannel()

    channel.send(message, now=now)
    channel.send(message, now=now)

    assert channel.messages == [message, message]


def test_a_channel_is_chosen_by_name() -> None:
    assert channel_from("memory").name == "memory"
    with pytest.raises(PermanentError, match="memory, outbox, sendgrid, smtp"):
        channel_from("pigeon")


@pytest.mark.parametrize(("name", "option"), [("outbox", "folder"), ("smtp", "url"), ("sendgrid", "api_key")])
def test_a_channel_without_what_it_needs_is_refused(name: str, option: str) -> None:
    with pytest.raises(PermanentError, match=option):
        channel_from(name)
