"""What every way of sending has in common, and how one is chosen by name.

A channel sends one message and answers with a receipt or with one of the errors of `errors.py`. It keeps no
ledger, never retries and never decides whether to send: that is the caller's, who alone knows what was
approved. Nothing here reads the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from notifications.errors import PermanentError
from notifications.message import Message

_T = TypeVar("_T")
ReceiptState = Literal["sent", "delivered-to-outbox"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A channel's answer that it took a message over.

    Attributes:
        channel: Name of the channel.
        provider_id: By which id the provider knows the message (X-Message-Id, Message-ID, file name); None
            when it gave none.
        state: `sent` means accepted by the next machine, not read by a person; `delivered-to-outbox` means
            lying in a folder and *not* sent.
        accepted_at: The `now` of the send that was accepted.
        sha256: Digest, in hex, of the exact bytes handed over. They contain the address, so for a letter
            whose text is known the digest can be tested against guessed addresses: keep it with the
            delivery, not in a public journal (`Message.sha256` is made for that).
        detail: Whatever else helps to find the message again; never personal data.
        raw: Those very bytes, for callers that keep them; None where a channel does not hand them back.
    """

    channel: str
    provider_id: str | None
    state: ReceiptState
    accepted_at: datetime
    sha256: str
    detail: Mapping[str, str] = field(default_factory=dict, hash=False)
    raw: bytes | None = field(default=None, repr=False, compare=False)


class Channel(Protocol):
    """A way to send one message to its one addressee."""

    @property
    def name(self) -> str:
        """Return the name under which receipts and errors speak of this channel."""

    def send(self, message: Message, *, now: datetime) -> Receipt:
        """Hand `message` over once.

        Args:
            message: What to send; its key is passed on wherever the other side can make use of it.
            now: The moment of sending, with a zone.

        Raises:
            TransientError: Certainly not accepted; may be sent again.
            PermanentError: Refused; a human has to act.
            OutcomeUnknownError: Perhaps accepted; must not be sent again before somebody has checked.
        """


def channel_from(
    name: str,
    *,
    folder: Path | None = None,
    url: str | None = None,
    api_key: str | None = None,
    timeout_seconds: float = 30.0,
) -> Channel:
    """Return the channel called `name`, built from plain values.

    Adapters are imported only when asked for, so that a program that sends nothing does not pay for them.

    Args:
        name: `outbox`, `smtp`, `sendgrid` or `memory`.
        folder: Where the outbox keeps its files.
        url: The relay's address for `smtp`; optional for `sendgrid`, where it chooses the region.
        api_key: For `sendgrid`.
        timeout_seconds: Longest wait for any one answer from the other side.

    Raises:
        PermanentError: No such channel, or a value it needs is missing or wrong.
    """
    try:
        build = _CHANNELS[name]
    except KeyError:
        known = ", ".join(sorted(_CHANNELS))
        raise PermanentError(f"there is no channel of that name; choose one of {known}") from None
    return build(_Options(folder=folder, url=url, api_key=api_key, timeout_seconds=timeout_seconds))


def require_zone(now: datetime) -> datetime:
    """Return `now`, or refuse it when it does not name an instant."""
    if now.tzinfo is None:
        raise ValueError("now has no zone; pass an instant such as datetime.now(UTC)")
    return now


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    folder: Path | None
    url: str | None
    api_key: str | None = field(repr=False)
    timeout_seconds: float


def _memory(options: _Options) -> Channel:
    from notifications.memory import MemoryChannel

    return MemoryChannel()


def _outbox(options: _Options) -> Channel:
    from notifications.outbox import OutboxChannel

    return OutboxChannel(_given("outbox", "folder", options.folder))


def _smtp(options: _Options) -> Channel:
    from notifications.smtp import SmtpChannel

    return SmtpChannel(_given("smtp", "url", options.url), timeout_seconds=options.timeout_seconds)


def _sendgrid(options: _Options) -> Channel:
    from notifications.sendgrid import DEFAULT_URL, SendGridChannel

    return SendGridChannel(
        _given("sendgrid", "api_key", options.api_key),
        base_url=options.url or DEFAULT_URL,
        timeout_seconds=options.timeout_seconds,
    )


def _given(channel: str, option: str, value: _T | None) -> _T:
    if value is None or value == "":
        raise PermanentError(f"the {channel} channel needs `{option}`, which is not set", channel=channel)
    return value


_CHANNELS: Mapping[str, Callable[[_Options], Channel]] = {
    "memory": _memory,
    "outbox": _outbox,
    "sendgrid": _sendgrid,
    "smtp": _smtp,
}
