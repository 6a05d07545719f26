"""What is sent: one text to exactly one address, and its bytes.

Values only; nothing here opens a file or a socket. There is deliberately no list of recipients, no Cc and no
Bcc: a notice that shows one affected person to another would be a second breach, so the type cannot say it.
Attachments are left out as well, since advice to recipients is not to open them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from types import MappingProxyType

from email_validator import EmailNotValidError, validate_email

from notifications.errors import InvalidMessageError

_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{1,900}")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,199}")

# Set from the message's own fields, by us or by the provider.
_RESERVED = frozenset(
    {"bcc", "cc", "date", "dkim-signature", "from", "message-id", "mime-version", "received"}
    | {"reply-to", "return-path", "sender", "subject", "to"}
)
# Headers by which a relay or provider takes orders: X-SMTPAPI, for one, can add recipients.
_RESERVED_PREFIXES = (
    "content-", "resent-", "x-smtpapi", "x-sg-", "x-ses-", "x-mailgun-", "x-mc-", "x-pm-", "x-mj-",
)  # fmt: skip
_THREADING = frozenset({"in-reply-to", "references"})


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox, with the name to show beside it.

    The domain is stored in its ASCII form, the local part with the case given (role names such as
    `Postmaster` apart). Only syntax is checked:
    asking the DNS would tell others whom we are about to write to. Test domains (`.test`, `.example`) pass,
    `.invalid` and `.local` do not. Local parts outside ASCII are refused, because SendGrid and many relays
    cannot deliver to them: such people need a letter.

    Raises:
        InvalidMessageError: Not exactly one usable address, or a name with control characters.
    """

    email: str = field(repr=False)  # kept out of tracebacks and logs
    name: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.email:
            raise InvalidMessageError("address", "is empty; write one address such as name@example.org")
        if _has_control_characters(self.email):
            raise InvalidMessageError("address", "contains a line break or another control character")
        if any(character in self.email for character in ',;<>" '):
            raise InvalidMessageError("address", "must be one bare address: no list, no name, no quotes")
        try:
            ascii_email = validate_email(
                self.email,
                check_deliverability=False,
                test_environment=True,
                allow_smtputf8=False,
                strict=True,
            ).ascii_email
        except EmailNotValidError:  # its text quotes the address: not passed on
            ascii_email = None
        if ascii_email is None:
            raise InvalidMessageError("address", "is not one mail can be delivered to; check its spelling")
        object.__setattr__(self, "email", ascii_email)
        name = (self.name or "").strip() or None
        if name is not None and _has_control_characters(name):
            raise InvalidMessageError("address.name", "contains a line break or another control character")
        object.__setattr__(self, "name", name)

    @property
    def domain(self) -> str:
        """Return the part after the @ sign, in ASCII."""
        return self.email.rpartition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One text for one addressee.

    Attributes:
        to: The only recipient there is.
        sender: What the recipient sees as the author; its domain also names the Message-ID.
        subject: One line.
        text: Plain text; every message has it, also when there is `html`.
        key: Idempotency key: the same key always means the same message. It travels to providers and file
            names, so it must be opaque (an id or a hash, never an address).
        html: The same content as HTML, or None.
        reply_to: Where answers go, or None for the sender.
        headers: Extra headers in printable ASCII, such as `X-Breach-Notice`; none that could name a
            further recipient.

    Raises:
        InvalidMessageError: Any part that would be cut, changed or misread on its way.
    """

    to: Address = field(repr=False)
    sender: Address = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    key: str
    html: str | None = field(default=None, repr=False)
    reply_to: Address | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", MappingProxyType(dict(self.headers)))
        if not self.subject.strip():
            raise InvalidMessageError("subject", "is empty; a recipient must see what this is about")
        if _has_control_characters(self.subject):
            raise InvalidMessageError("subject", "contains a line break or control character; write one line")
        if not self.text.strip():
            raise InvalidMessageError("text", "is empty; every message needs a plain text")
        for name, body in (("text", self.text), ("html", self.html)):
            if body is not None and _has_control_characters(body, allowed="\n\r\t"):
                raise InvalidMessageError(name, "contains a control character other than tab and line break")
        if not _KEY.fullmatch(self.key):
            raise InvalidMessageError("key", "must be an opaque id: 1 to 200 letters, digits or ._:/+=-")
        _check_headers(self.headers)

    @property
    def sha256(self) -> str:
        """Return the digest of everything a reader sees except to whom it goes, in hex.

        The recipient stays out on purpose: with the text known, the digest of an address can be undone by
        trying addresses, and this digest is meant for journals. The key and the date stay out too, so the
        digest names the content.
        """
        content = {
            "format": 1,
            "from": [self.sender.email, self.sender.name],
            "headers": sorted([name.lower(), value] for name, value in self.headers.items()),
            "html": self.html,
            "reply_to": None if self.reply_to is None else [self.reply_to.email, self.reply_to.name],
            "subject": self.subject,
            "text": self.text,
        }
        canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def message_id_for(message: Message) -> str:
    """Return the Message-ID that belongs to the message's key.

    A message sent twice under one key therefore carries the same id, by which a reader's mail program, a
    relay's log and we ourselves can recognise the repetition. The key is hashed, so nothing of it shows.
    """
    return f"<{hashlib.sha256(message.key.encode()).hexdigest()[:40]}@{message.sender.domain}>"


def to_mime(message: Message, *, date: datetime, message_id: str) -> bytes:
    """Return the message as Internet mail (RFC 5322): the same arguments give the same bytes.

    Headers are written here rather than by the email package, whose folding of long names has changed
    between releases and has turned a comma in a name into a second address. Lines end in CRLF and hold
    ASCII only, so no relay needs to re-encode them.

    Args:
        message: What to write.
        date: The Date header; must carry a zone, written in UTC.
        message_id: With its angle brackets, usually from `message_id_for`.
    """
    if date.tzinfo is None:
        raise ValueError("date has no zone; pass an instant such as datetime.now(UTC)")
    lines = [f"From: {_mailbox(message.sender)}", f"To: {_mailbox(message.to)}"]
    if message.reply_to is not None:
        lines.append(f"Reply-To: {_mailbox(message.reply_to)}")
    lines += [
        f"Subject: {_unstructured(message.subject)}",
        f"Date: {format_datetime(date.astimezone(UTC).replace(microsecond=0))}",
        f"Message-ID: {message_id}",
    ]
    lines += [f"{name}: {value}" for name, value in sorted(message.headers.items())]
    return "\r\n".join([*lines, ""]).encode("ascii") + _body(message)


def _body(message: Message) -> bytes:
    """Return the content headers, the empty line and the parts."""
    part = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    part.set_content(message.text)
    if message.html is not None:
        part.add_alternative(message.html, subtype="html")
        part.set_boundary(f"=_{message.sha256[:40]}")  # a random one would change the bytes at every call
    return part.as_bytes()


def _mailbox(address: Address) -> str:
    if address.name is None:
        return address.email
    if len(address.name) <= 50 and re.fullmatch(r"[A-Za-z0-9]+( [A-Za-z0-9]+)*", address.name):
        return f"{address.name} <{address.email}>"
    return f"{_encoded_words(address.name)}\r\n <{address.email}>"


def _unstructured(text: str) -> str:
    plain = re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]{0,68}[\x21-\x7e])?", text) and "=?" not in text
    return text if plain else _encoded_words(text)


def _encoded_words(text: str) -> str:
    """Return `text` as RFC 2047 words, one a line, never cutting inside a character."""
    chunks: list[bytes] = [b""]
    for character in text:
        encoded = character.encode()
        if len(chunks[-1]) + len(encoded) > 42:  # 42 bytes make 56 in base64; a word may have 75
            chunks.append(b"")
        chunks[-1] += encoded
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(chunk).decode()}?=" for chunk in chunks)


def _check_headers(headers: Mapping[str, str]) -> None:
    seen: set[str] = set()
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidMessageError("headers", "has a name that is not letters, digits and hyphens")
        field_name, lowered = f"headers.{name}", name.lower()
        if lowered in seen:
            raise InvalidMessageError(field_name, "is given twice")
        seen.add(lowered)
        asks_for_mail = lowered.endswith("-to") and lowered not in _THREADING
        if lowered in _RESERVED or lowered.startswith(_RESERVED_PREFIXES) or asks_for_mail:
            raise InvalidMessageError(field_name, "is set by the message or the channel and cannot be added")
        if not _HEADER_VALUE.fullmatch(value):
            raise InvalidMessageError(field_name, "must be 1 to 900 printable ASCII characters on one line")
        if "@" in value and lowered not in _THREADING:
            raise InvalidMessageError(field_name, "must not contain an address")


def _has_control_characters(text: str, allowed: str = "") -> bool:
    """Tell whether a character would break a line, hide, or not survive UTF-8."""
    return any(
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} and character not in allowed
        for character in text
    )
