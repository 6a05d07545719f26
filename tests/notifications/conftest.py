"""What the notification tests share: a frozen moment, messages, scripted servers, one postbox per channel.

Every server here is a real one on a loopback port of the system's choosing; only SendGrid is answered by
respx, below httpx, where the bytes of the request can be read.
"""

from __future__ import annotations

import email
import email.policy
import json
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import respx
from aiosmtpd.controller import Controller

from notifications import Address, Channel, Message, NotificationError, message_id_for, to_mime
from notifications.memory import MemoryChannel
from notifications.outbox import OutboxChannel
from notifications.sendgrid import SendGridChannel
from notifications.smtp import SmtpChannel

API_KEY = "SG.opensesame"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 22, 9, 30, 15, tzinfo=UTC)


@pytest.fixture
def message_for() -> Callable[..., Message]:
    """Return a maker of messages; everything but the recipient has a default."""

    def make(
        to: str = "anna.nowak@people.example", name: str | None = "Anna Nowak", **changes: object
    ) -> Message:
        values: dict[str, object] = {
            "to": Address(to, name),
            "sender": Address("privacy@aimigos.example", "Aimigos Studio"),
            "reply_to": Address("dpo@aimigos.example"),
            "subject": "Ihre Daten: was geschehen ist – und was Sie tun können",
            "text": "Guten Tag,\n\nein Gerät wurde gestohlen.\n.\n..und ein Punkt am Zeilenanfang.\n",
            "html": "<html lang='de'><body><p>Ein Gerät wurde gestohlen.</p></body></html>\n",
            "key": "INC-2026-0001/notice-7/5f1d",
            "headers": {"X-Breach-Notice": "INC-2026-0001"},
        }
        return Message(**(values | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def message(message_for: Callable[..., Message]) -> Message:
    return message_for()


@pytest.fixture
def assert_says_nothing_personal() -> Callable[[NotificationError], None]:
    """Return a check that no trace of a person or a secret is in an error, its cause, or its traceback."""

    def check(error: NotificationError) -> None:
        assert error.__cause__ is None
        assert error.__context__ is None
        said = "".join([*traceback.format_exception(error), repr(vars(error)), repr(error)]).lower()
        for hidden in ("anna", "nowak", "people.example", "gestohlen", "opensesame"):
            assert hidden not in said

    return check


# --- servers ---------------------------------------------------------------------------------------------


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """Return a starter of one-thread servers: it takes what to do with each connection, returns the port."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(talk: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        talk(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        listeners.append(listener)
        threads.append(thread)
        port: int = listener.getsockname()[1]
        return port

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(timeout=5)


@pytest.fixture
def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


class Relay:
    """A mail server that takes everything, and remembers envelope and bytes."""

    def __init__(self) -> None:
        self.taken: list[Delivery] = []
        self.senders: list[str] = []

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        recipients = tuple(envelope.rcpt_tos)  # type: ignore[attr-defined]
        self.taken.append(Delivery(recipients, envelope.original_content))  # type: ignore[attr-defined]
        self.senders.append(envelope.mail_from)  # type: ignore[attr-defined]
        return f"250 2.0.0 Ok: queued as 4F{len(self.taken):03d}AB"


class _Controller(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # asked for 0: any free one
        super()._trigger_server()


@pytest.fixture
def start_relay() -> Iterator[Callable[..., tuple[Relay, int]]]:
    """Return a starter of real aiosmtpd servers."""
    controllers: list[Controller] = []

    def start(**options: object) -> tuple[Relay, int]:
        relay = Relay()
        controller = _Controller(relay, hostname="127.0.0.1", port=0, **options)
        controller.start()
        controllers.append(controller)
        return relay, controller.port

    yield start
    for controller in controllers:
        controller.stop()


# --- one postbox per channel -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Delivery:
    """What one recipient's side received: the envelope, and every byte."""

    recipients: tuple[str, ...]
    raw: bytes

    @property
    def is_json(self) -> bool:
        return self.raw.startswith(b"{")

    @property
    def readable(self) -> str:
        """Return everything in it, encoded and decoded, as one text to search."""
        if self.is_json:
            return self.raw.decode() + str(json.loads(self.raw))
        parsed = email.message_from_bytes(self.raw, policy=email.policy.default)
        parts = [str(parsed.items())]
        parts += [part.get_content() for part in parsed.walk() if not part.is_multipart()]
        return self.raw.decode() + "\n".join(parts)

    @property
    def text(self) -> str:
        if self.is_json:
            return str(json.loads(self.raw)["content"][0]["value"])
        parsed = email.message_from_bytes(self.raw, policy=email.policy.default)
        return str(parsed.get_body(("plain",)).get_content()).replace("\r\n", "\n")  # type: ignore[union-attr]

    @property
    def html(self) -> str:
        if self.is_json:
            return str(json.loads(self.raw)["content"][1]["value"])
        parsed = email.message_from_bytes(self.raw, policy=email.policy.default)
        return str(parsed.get_body(("html",)).get_content()).replace("\r\n", "\n")  # type: ignore[union-attr]

    def header(self, name: str) -> str:
        if self.is_json:
            body = json.loads(self.raw)
            return str(body["subject"] if name == "Subject" else body["headers"][name])
        return str(email.message_from_bytes(self.raw, policy=email.policy.default)[name])

    @property
    def repeat_id(self) -> str:
        """Return that by which the other side recognises a repetition."""
        if self.is_json:
            return str(json.loads(self.raw)["custom_args"]["message_key"])
        return self.header("Message-ID")


@dataclass(frozen=True)
class Postbox:
    """A channel together with the far end of it."""

    channel: Channel
    received: Callable[[], list[Delivery]]
    state: str = "sent"


@pytest.fixture(params=["memory", "outbox", "smtp", "sendgrid"])
def postbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Postbox]:
    if request.param == "memory":
        yield _memory_postbox()
    elif request.param == "outbox":
        yield _outbox_postbox(tmp_path / "outbox")
    elif request.param == "smtp":
        relay, port = request.getfixturevalue("start_relay")()
        channel = SmtpChannel(f"smtp://127.0.0.1:{port}?starttls=0", timeout_seconds=5)
        yield Postbox(channel, lambda: list(relay.taken))
    else:
        double = respx.mock(base_url="https://api.sendgrid.com", assert_all_called=False)
        with double as router, SendGridChannel(API_KEY) as channel:
            route = router.post("/v3/mail/send").respond(202, headers={"X-Message-Id": "14c5d75ce93.dfd"})
            yield Postbox(channel, lambda: [_sendgrid_delivery(call.request) for call in route.calls])


def _memory_postbox() -> Postbox:
    channel = MemoryChannel()

    def received() -> list[Delivery]:
        return [
            Delivery(
                (kept.to.email,), to_mime(kept, date=receipt.accepted_at, message_id=message_id_for(kept))
            )
            for kept, receipt in zip(channel.messages, channel.receipts, strict=True)
        ]

    return Postbox(channel, received)


def _outbox_postbox(folder: Path) -> Postbox:
    def received() -> list[Delivery]:
        contents = [path.read_bytes() for path in sorted(folder.iterdir())]
        return [Delivery(_recipients_in_headers(raw), raw) for raw in contents]

    return Postbox(OutboxChannel(folder), received, "delivered-to-outbox")


def _recipients_in_headers(raw: bytes) -> tuple[str, ...]:
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    return tuple(
        address.addr_spec
        for name in ("To", "Cc", "Bcc")
        for header in parsed.get_all(name, [])
        for address in header.addresses
    )


def _sendgrid_delivery(request: httpx.Request) -> Delivery:
    body = json.loads(request.content)
    recipients = [
        entry["email"]
        for personalization in body["personalizations"]
        for kind in ("to", "cc", "bcc")
        for entry in personalization.get(kind, [])
    ]
    return Delivery(tuple(recipients), request.content)
