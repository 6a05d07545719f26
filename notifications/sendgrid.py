"""SendGrid's v3 mail API: its helpers build the payload, httpx sends it.

The library's own client is not used, because it has no timeout and hides whether a failed request had left.
Only the API's shape lives here; what a failure of HTTP means is in `posting.py`, the signature of its event
feed in `webhook.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from types import TracebackType
from typing import Any

import httpx
from sendgrid.helpers.mail import (
    ClickTracking,
    Content,
    CustomArg,
    From,
    Ganalytics,
    Header,
    Mail,
    OpenTracking,
    Personalization,
    ReplyTo,
    SubscriptionTracking,
    To,
    TrackingSettings,
)

from notifications.channel import Receipt, require_zone
from notifications.errors import PermanentError
from notifications.message import Address, Message
from notifications.posting import checked_url, failure_of, post_once, timeouts

DEFAULT_URL = "https://api.sendgrid.com"

# The API names what it objects to ("personalizations.0.to.0.email"); such a name cannot hold an address.
_FIELD = re.compile(r"[A-Za-z0-9_.\[\]-]{1,80}")
# SendGrid does not quote a recipient's name: "Smith, PhD" was sent to phd@… instead of the address given
# (github.com/sendgrid/sendgrid-python/issues/22 and 291; signs: sendgrid-ruby/issues/394; 2026-11-22).
_UNQUOTED = frozenset('(),:;<>@[]\\"')
_PROVIDER_ID = re.compile(r"[A-Za-z0-9_.-]{1,120}")


class SendGridChannel:
    """Sends one message per request, to one recipient.

    SendGrid knows no idempotency: a repeated request is a second letter. That is why an unclear end is
    reported as unknown, and why the key goes along as `message_key`, by which its event feed can prove
    that a message was accepted.

    Args:
        api_key: Needs the *Mail Send* permission and no other.
        base_url: The EU region, or a double for tests; plain http only on this machine.
        client: To share connections or swap the transport; closed by whoever made it.
        timeout_seconds: Longest wait for one step of the exchange.

    Raises:
        PermanentError: The key or the address cannot be right.
    """

    name = "sendgrid"

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str = DEFAULT_URL,
        client: httpx.Client | None = None,
        timeout_seconds: float = 30.0,
    ) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", api_key):
            raise PermanentError("sendgrid: the API key must be one printable word", channel=self.name)
        self._url = f"{checked_url(base_url, channel=self.name)}/v3/mail/send"
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        self._timeout = timeouts(timeout_seconds)
        self._client = httpx.Client() if client is None else client
        self._owns_client = client is None

    def __repr__(self) -> str:
        return f"SendGridChannel({self._url!r})"

    def __enter__(self) -> SendGridChannel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections this channel opened itself."""
        if self._owns_client:
            self._client.close()

    def send(self, message: Message, *, now: datetime) -> Receipt:
        """Hand `message` over; the receipt means queued at SendGrid, not delivered.

        Raises:
            TransientError: No connection, or too many requests (with the wait it asked for).
            PermanentError: Any other refusal, with the names of the fields it is about.
            OutcomeUnknownError: A 5xx, or an exchange that ended without an answer.
        """
        require_zone(now)
        content = json.dumps(payload_for(message), ensure_ascii=False, separators=(",", ":")).encode()
        response = post_once(
            self._client,
            self._url,
            channel=self.name,
            content=content,
            headers=self._headers,
            timeout=self._timeout,
        )
        # 200 is the sandbox's answer: looked at, delivered to nobody. Only 202 is a receipt.
        if response.status_code != httpx.codes.ACCEPTED:
            raise failure_of(response, channel=self.name, now=now, fields=fields_of(response))
        provider_id = response.headers.get("x-message-id", "")
        return Receipt(
            channel=self.name,
            provider_id=provider_id if _PROVIDER_ID.fullmatch(provider_id) else None,
            state="sent",
            accepted_at=now,
            sha256=hashlib.sha256(content).hexdigest(),
            raw=content,
            detail={"message_key": message.key},
        )


def payload_for(message: Message) -> dict[str, Any]:
    """Return the request body: one personalization with one `to`, and every kind of tracking off.

    The personalization is built by hand, because `Mail(to_emails=[...])` puts all its recipients into one,
    where they see each other. Tracking is refused in so many words, since an account's settings would
    otherwise rewrite links and plant a pixel. A recipient's name that SendGrid would misread is left out, the
    address alone counts. Categories and custom arguments are kept for years as *not
    personal data*, so the only one is the opaque key.
    """
    mail = Mail()
    mail.from_email = _named(From, message.sender)
    personalization = Personalization()
    personalization.add_to(_named(To, message.to, unquoted=_UNQUOTED))
    mail.add_personalization(personalization)
    mail.subject = message.subject
    mail.add_content(Content("text/plain", message.text))
    if message.html is not None:
        mail.add_content(Content("text/html", message.html))
    if message.reply_to is not None:
        mail.reply_to = _named(ReplyTo, message.reply_to)
    for name, value in sorted(message.headers.items()):
        mail.add_header(Header(name, value))
    mail.add_custom_arg(CustomArg("message_key", message.key))
    tracking = TrackingSettings()
    tracking.click_tracking = ClickTracking(enable=False, enable_text=False)
    tracking.open_tracking = OpenTracking(enable=False)
    tracking.subscription_tracking = SubscriptionTracking(enable=False)
    tracking.ganalytics = Ganalytics(enable=False)
    mail.tracking_settings = tracking
    payload: dict[str, Any] = mail.get()
    return payload


def _named(kind: Any, address: Address, *, unquoted: frozenset[str] = frozenset()) -> Any:
    """Return one of the helpers' address objects, filled by attribute so that it parses nothing.

    A name holding any of `unquoted` is left out.
    """
    entry = kind()
    entry.email = address.email
    if address.name is not None and unquoted.isdisjoint(address.name):
        entry.name = address.name
    return entry


def fields_of(response: httpx.Response) -> tuple[str, ...]:
    """Return the names of the fields SendGrid objects to, never its sentences: those quote addresses."""
    try:
        answer = json.loads(response.content)
    except ValueError:
        return ()
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if not isinstance(errors, list):
        return ()
    names = (error.get("field") for error in errors if isinstance(error, dict))
    return tuple(name for name in names if isinstance(name, str) and _FIELD.fullmatch(name))
