"""Any mail relay, by SMTP: the way that needs no provider.

One connection and one transaction with one recipient for each message. The protocol is stepped through here
rather than by `smtplib.sendmail`, because what a failure means depends on whether the text had been handed
over. Replies of a relay often quote the address: only their numbers are kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs, unquote, urlsplit

from notifications.channel import Receipt, require_zone
from notifications.errors import NotificationError, OutcomeUnknownError, PermanentError, TransientError
from notifications.message import Message, message_id_for, to_mime
from notifications.posting import is_loopback

_HINT = "write smtp://user:password@host:587 or smtps://user:password@host:465 (?starttls=0: no TLS)"
_QUEUED_AS = re.compile(rb"(?i)queued as ([a-z0-9]{4,40})(?![a-z0-9.@-])")
_ENHANCED_STATUS = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}\b")


@dataclass(frozen=True, slots=True)
class _Relay:
    host: str
    port: int
    implicit_tls: bool
    starttls: bool
    user: str | None = field(repr=False)
    password: str = field(repr=False)


class SmtpChannel:
    """Sends through one relay.

    TLS is on unless the address says `starttls=0`: a relay that does not offer it is refused, never spoken
    to in plain text. Without TLS there is no log-in either, except on this machine.

    Args:
        url: `smtp://user:password@host:port` or `smtps://…`; user and password percent-encoded.
        timeout_seconds: Longest wait for one reply.
        tls_context: Which certificates to trust; the system's by default.

    Raises:
        PermanentError: The address of the relay cannot be used.
    """

    name = "smtp"

    def __init__(
        self, url: str, *, timeout_seconds: float = 30.0, tls_context: ssl.SSLContext | None = None
    ) -> None:
        self._relay = _relay_from(url)
        self._timeout_seconds = timeout_seconds
        self._tls_context = tls_context or ssl.create_default_context()

    def __repr__(self) -> str:
        return f"SmtpChannel({self._relay.host}:{self._relay.port})"

    def send(self, message: Message, *, now: datetime) -> Receipt:
        """Hand `message` to the relay; the receipt means queued there, not delivered.

        Raises:
            TransientError: No connection, or a 4xx reply.
            PermanentError: A 5xx reply, no TLS, or no common way to log in. `fields` names the step, such as
                connection, log-in, sender, recipient or text.
            OutcomeUnknownError: The connection failed between the text and its reply. A relay may
                deliver a text whose acknowledgement got lost (RFC 5321, 4.5.3.2.6 and RFC 1047).
        """
        message_id = message_id_for(message)
        content = to_mime(message, date=require_zone(now), message_id=message_id)
        conversation = _Conversation(self._relay, self._timeout_seconds, self._tls_context)
        failure: NotificationError
        try:
            code, reply = conversation.deliver(message, content)
        except OSError as error:  # every error of smtplib is one
            failure = self._failure(error, conversation.step)
        else:
            if 200 <= code < 300:
                queued = _QUEUED_AS.search(reply)
                return Receipt(
                    channel=self.name,
                    provider_id=message_id,
                    state="sent",
                    accepted_at=now,
                    sha256=hashlib.sha256(content).hexdigest(),
                    raw=content,
                    detail={"queue_id": queued[1].decode()} if queued else {},
                )
            failure = self._refusal(code, reply, conversation.step)
        finally:
            conversation.close()
        raise failure  # not in the handler: smtplib's errors carry the reply, and with it the address

    def _failure(self, error: OSError, step: str) -> NotificationError:
        kind = type(error).__name__
        if step == "text":
            return OutcomeUnknownError(
                f"smtp: the connection failed after the text was sent ({kind}); the message may have been "
                "accepted. Look for its Message-ID at the relay before sending again",
                channel=self.name,
            )
        if isinstance(error, smtplib.SMTPResponseException):
            reply = error.smtp_error
            return self._refusal(error.smtp_code, reply if isinstance(reply, bytes) else b"", step)
        if isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected):
            return PermanentError(
                f"smtp: the relay does not offer what the address asks for ({step}): STARTTLS or a usable "
                "way to log in. Nothing was sent",
                channel=self.name,
                fields=(step,),
            )
        return TransientError(
            f"smtp: no usable connection ({step}, {kind}); nothing was sent",
            channel=self.name,
            fields=(step,),
        )

    def _refusal(self, code: int, reply: bytes, step: str) -> NotificationError:
        enhanced = _ENHANCED_STATUS.match(reply)
        numbers = f"{code} {enhanced[0].decode()}" if enhanced else f"{code}"
        if 400 <= code < 500:
            return TransientError(
                f"smtp: not now ({step}, {numbers}); nothing was accepted",
                channel=self.name,
                status=code,
                fields=(step,),
            )
        if 500 <= code < 600:
            return PermanentError(
                f"smtp: the relay refused the {step} ({numbers}); nothing was accepted",
                channel=self.name,
                status=code,
                fields=(step,),
            )
        if step == "text":
            return OutcomeUnknownError(
                "smtp: the reply to the text makes no sense; the message may have been accepted. "
                "Look for its Message-ID at the relay before sending again",
                channel=self.name,
            )
        return TransientError(
            f"smtp: the other side does not speak SMTP ({step})", channel=self.name, fields=(step,)
        )


class _Conversation:
    """One transaction, and how far it got: `step` is "text" from the first byte of the text on."""

    def __init__(self, relay: _Relay, timeout_seconds: float, tls_context: ssl.SSLContext) -> None:
        self.step = "connection"
        self._relay = relay
        self._timeout_seconds = timeout_seconds
        self._tls_context = tls_context
        self._smtp: smtplib.SMTP | None = None

    def deliver(self, message: Message, content: bytes) -> tuple[int, bytes]:
        """Return the relay's reply to the text."""
        # We greet with the sender's domain: the name of this machine is nobody's business, and looking
        # it up may take long.
        smtp = self._smtp = self._connect(message.sender.domain)
        smtp.ehlo_or_helo_if_needed()
        if self._relay.starttls:
            smtp.starttls(context=self._tls_context)
            smtp.ehlo_or_helo_if_needed()
        if self._relay.user is not None:
            self.step = "log-in"
            smtp.login(self._relay.user, self._relay.password)
        self.step = "sender"
        _expect(smtp.docmd("MAIL", f"FROM:<{message.sender.email}>"), 250)
        self.step = "recipient"
        _expect(smtp.docmd("RCPT", f"TO:<{message.to.email}>"), 250, 251, 252)
        self.step = "announcement of the text"
        _expect(smtp.docmd("DATA"), 354)
        self.step = "text"
        smtp.send(_dot_stuffed(content) + b".\r\n")
        return smtp.getreply()

    def close(self) -> None:
        """Take leave without waiting for an answer: the receipt must not depend on it."""
        if self._smtp is not None:
            with contextlib.suppress(OSError):
                self._smtp.putcmd("QUIT")
            self._smtp.close()

    def _connect(self, greeting: str) -> smtplib.SMTP:
        host, port, seconds = self._relay.host, self._relay.port, self._timeout_seconds
        if self._relay.implicit_tls:
            return smtplib.SMTP_SSL(
                host, port, local_hostname=greeting, timeout=seconds, context=self._tls_context
            )
        return smtplib.SMTP(host, port, local_hostname=greeting, timeout=seconds)


def _expect(answer: tuple[int, bytes], *codes: int) -> None:
    if answer[0] not in codes:
        raise smtplib.SMTPResponseException(*answer)


def _dot_stuffed(content: bytes) -> bytes:
    """Double the dot at the start of a line, which would else end the text there."""
    return re.sub(rb"(?m)^\.", b"..", content)


def _relay_from(url: str) -> _Relay:
    """Read the relay's address; no part of it is repeated in an error, as it holds the password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise PermanentError(f"smtp: the relay's address cannot be read; {_HINT}", channel="smtp") from None
    options = parse_qs(parts.query, keep_blank_values=True)
    starttls = options.pop("starttls", ["1"])
    host = parts.hostname or ""
    if (
        parts.scheme not in {"smtp", "smtps"}
        or not re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", host)
        or parts.path not in {"", "/"}
        or parts.fragment
        or options
        or starttls not in (["0"], ["1"])
    ):
        raise PermanentError(f"smtp: the relay's address cannot be used; {_HINT}", channel="smtp")
    implicit_tls = parts.scheme == "smtps"
    relay = _Relay(
        host=host,
        port=port or (465 if implicit_tls else 587),
        implicit_tls=implicit_tls,
        starttls=not implicit_tls and starttls == ["1"],
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
    )
    if relay.user is not None:
        if not (relay.user + relay.password).isascii() or not (relay.user + relay.password).isprintable():
            raise PermanentError("smtp: user and password must be printable ASCII", channel="smtp")
        if not (relay.implicit_tls or relay.starttls or is_loopback(host)):
            raise PermanentError(
                "smtp: logging in without TLS would show the password to the network; remove starttls=0",
                channel="smtp",
            )
    return relay
