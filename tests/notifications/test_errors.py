"""What callers rely on when they branch on an error."""

from __future__ import annotations

import pickle

import pytest

from notifications import (
    InvalidMessageError,
    NotificationError,
    OutcomeUnknownError,
    PermanentError,
    SignatureError,
    TransientError,
)


@pytest.mark.parametrize("kind", [TransientError, PermanentError, OutcomeUnknownError, SignatureError])
def test_every_failure_is_of_exactly_one_kind(kind: type[NotificationError]) -> None:
    kinds = {TransientError, PermanentError, OutcomeUnknownError, SignatureError}

    assert issubclass(kind, NotificationError)
    assert [other for other in kinds if issubclass(kind, other)] == [kind]


def test_a_message_that_cannot_be_sent_is_never_retried() -> None:
    assert issubclass(InvalidMessageError, PermanentError)


@pytest.mark.parametrize(
    "error",
    [
        TransientError("later", channel="sendgrid", status=429, retry_after_seconds=5.0),
        PermanentError("no", channel="smtp", status=550, fields=("recipient",)),
        OutcomeUnknownError("perhaps", channel="sendgrid"),
        SignatureError("unsigned"),
        InvalidMessageError("subject", "is empty"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_keeps_its_fields_on_the_way_to_another_process(error: NotificationError) -> None:
    arrived = pickle.loads(pickle.dumps(error))

    assert type(arrived) is type(error)
    assert (str(arrived), vars(arrived)) == (str(error), vars(error))
