"""One letter to very many readers: its text, its readers, and the way each gets their own copy.

A letter may hold `NAME_MARK`; every copy has the reader's name in its place, or nothing. Values only, as in
`message.py`: nothing here opens a file or a socket.
"""

from __future__ import annotations

import html as markup
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from notifications.message import Address, Message

NAME_MARK = "⟦name⟧"
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Reader:
    """One person a letter goes to.

    Attributes:
        email: Checked when the person was taken in.
        name: As the letter shall call them, or None.
    """

    email: str = field(repr=False)
    name: str | None = field(default=None, repr=False)

    @property
    def usable_name(self) -> str:
        """Return the name if it can stand in a letter: no control character, no more than a line."""
        name = (self.name or "").strip()
        return name if name.isprintable() and len(name) <= LONGEST_NAME else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """The text all copies share, as it was approved.

    Attributes:
        key: Opaque; the same key always means the same text.
        headers: As of a message.
    """

    sender: Address
    subject: str
    text: str
    html: str | None
    key: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def named(self) -> bool:
        """Return whether copies differ by the reader's name."""
        return NAME_MARK in self.text or NAME_MARK in (self.html or "")

    def filled(self, text_name: str, html_name: str) -> tuple[str, str | None]:
        """Return text and HTML with what stands for a name; a blank before the mark belongs to the name."""
        return _filled(self.text, text_name), None if self.html is None else _filled(self.html, html_name)

    def message(self, reader: Reader, *, key: str) -> Message:
        """Return one reader's copy, for channels that take one message at a time.

        Raises:
            InvalidMessageError: The address cannot be used.
        """
        name = f" {reader.usable_name}" if reader.usable_name else ""
        text, html = self.filled(name, markup.escape(name))
        return Message(
            to=Address(reader.email),
            sender=self.sender,
            subject=self.subject,
            text=text,
            html=html,
            key=key,
            headers=dict(self.headers),
        )


def _filled(body: str, name: str) -> str:
    return body.replace(f" {NAME_MARK}", name).replace(NAME_MARK, name.strip())


@dataclass(frozen=True, slots=True)
class Accepted:
    """A provider's word that it took a batch over.

    Attributes:
        provider_id: By which id it knows the request.
        remaining: How many more requests it takes now; None if it did not say.
        wait_seconds: How long to wait once `remaining` is 0.
    """

    provider_id: str | None
    remaining: int | None = None
    wait_seconds: float | None = None


class PlainBatches:
    """Readers packed for channels that take one message at a time."""

    name = "plain"

    def pack(self, readers: list[Reader], letter: Letter, tag: str) -> bytes:
        """Return the readers as JSON."""
        return orjson.dumps([[reader.email, reader.name] for reader in readers])

    def repack(self, packed: bytes, chosen: list[int]) -> bytes:
        """Return the readers at these places only."""
        readers = orjson.loads(packed)
        return orjson.dumps([readers[place] for place in chosen])

    def readers(self, packed: bytes, letter: Letter, tag: str) -> list[Reader]:
        """Return the readers."""
        return [Reader(email, name) for email, name in orjson.loads(packed)]


class BatchChannel(Protocol):
    """A way to send one request for up to a thousand readers, each of whom sees only themselves."""

    @property
    def name(self) -> str:
        """Return the name under which receipts and errors speak of this channel."""

    def head(self, letter: Letter, tag: str) -> bytes:
        """Return the part of the request all batches of a letter share."""

    def pack(self, readers: list[Reader], letter: Letter, tag: str) -> bytes:
        """Return the part of the request that holds the readers."""

    def repack(self, packed: bytes, chosen: list[int]) -> bytes:
        """Return what `pack` gave, with the readers at these places only."""

    def readers(self, packed: bytes, letter: Letter, tag: str) -> list[Reader]:
        """Return who is in a packed part."""

    def send(
        self, head: bytes, packed: bytes, *, nonce: str, batch_id: str | None, send_at: int | None, now: float
    ) -> Accepted:
        """Send one request, once; errors are those of a channel."""

    def new_batch_id(self, *, now: float) -> str:
        """Return an id under which a scheduled request can be called back."""

    def cancel(self, batch_id: str, *, now: float) -> bool:
        """Call scheduled requests back; False if the provider refuses. Errors as of `send`."""
