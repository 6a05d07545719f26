"""Every failure of this package, typed by what the caller may do next.

    NotificationError
    ├─ TransientError          not accepted; retry
    ├─ PermanentError          never retry; tell a human
    │  └─ InvalidMessageError  the message itself cannot be sent: correct it
    ├─ OutcomeUnknownError     may have been sent: check first
    └─ SignatureError          not from whom it claims to be: do not believe it

Callers branch on the type and read the fields; nobody parses a message. A message never holds an address,
a person's data, a secret or a text received from a provider, since all of these end up in logs and in the
databases of schedulers.
"""

from __future__ import annotations


class NotificationError(Exception):
    """Something between us and the receipt went wrong.

    Attributes:
        channel: Name of the channel, or None where no channel was involved.
        status: The provider's numeric answer (HTTP or SMTP), or None when there was none.
        fields: The parts of our request the provider objected to, by its own field names.
    """

    def __init__(
        self,
        message: str,
        *,
        channel: str | None = None,
        status: int | None = None,
        fields: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.channel = channel
        self.status = status
        self.fields = fields


class TransientError(NotificationError):
    """The message was certainly not accepted; the same message may be sent again later.

    Attributes:
        retry_after_seconds: How long the provider asked us to wait, counted from the `now` of the send;
            None when it did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        channel: str | None = None,
        status: int | None = None,
        fields: tuple[str, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, channel=channel, status=status, fields=fields)
        self.retry_after_seconds = retry_after_seconds


class PermanentError(NotificationError):
    """The message was refused and will be refused again: a human has to change something."""


class InvalidMessageError(PermanentError, ValueError):
    """An address or a message cannot be sent by any channel; nothing was tried.

    Attributes:
        field: Which part is wrong, such as `subject` or `headers.X-Breach-Notice`.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}", fields=(field,))
        self.field = field
        self.reason = reason

    def __reduce__(self) -> tuple[type[InvalidMessageError], tuple[str, str]]:
        """Let the error cross to another process, which rebuilds it from its arguments."""
        return type(self), (self.field, self.reason)


class OutcomeUnknownError(NotificationError):
    """The message left us whole, and no answer tells whether it was accepted.

    Never retried blindly: a second notice about one breach alarms people twice. Look for evidence at the
    provider (its event feed, its log by Message-ID), or let a human decide.
    """


class SignatureError(NotificationError):
    """A received callback is unsigned, wrongly signed, or too old; its content must not be used."""
