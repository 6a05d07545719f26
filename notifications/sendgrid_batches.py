"""SendGrid in batches: one request, up to a thousand personalizations, one `to` in each.

What differs from copy to copy are substitutions. SendGrid puts them in one after the other and as they
stand, so the tags are random (a name cannot hold one and be expanded again) and there are two of them: one
for the text, one for the HTML, whose value is escaped.

Requests are put together as bytes: what all share is made once, the readers are packed beforehand.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from notifications.errors import PermanentError
from notifications.letters import Accepted, Letter, Reader
from notifications.message import Message
from notifications.posting import checked_url, failure_of, post_once, retry_after_seconds, timeouts
from notifications.sendgrid import DEFAULT_URL, fields_of, payload_for

LARGEST = 1000
_PROVIDER_ID = re.compile(r"[A-Za-z0-9_.-]{1,120}")
_READER = re.compile(r"personalizations[.\[](\d{1,4})\b")


class SendGridFormat:
    """How letters look to SendGrid; needs no key and no connection."""

    name = "sendgrid"

    def head(self, letter: Letter, tag: str) -> bytes:
        """Return the request without readers and without its closing brace.

        The letter is written to nobody by the path of single messages, so that both paths ask the same of
        the provider; then the reader is taken out. Lists of the provider that would keep a legal notice from
        people (unsubscribed, reported as spam) are passed over; addresses that bounced are not.
        """
        text, markup = letter.filled(_text_tag(tag), _html_tag(tag)) if letter.named else (letter.text, letter.html)
        sample = Message(
            to=letter.sender,
            sender=letter.sender,
            subject=letter.subject,
            text=text,
            html=markup,
            key=letter.key,
            headers=dict(letter.headers),
        )
        payload = payload_for(sample)
        del payload["personalizations"], payload["custom_args"]
        payload["mail_settings"] = {
            "bypass_spam_management": {"enable": True},
            "bypass_unsubscribe_management": {"enable": True},
        }
        return orjson.dumps(payload)[:-1]

    def pack(self, readers: list[Reader], letter: Letter, tag: str) -> bytes:
        """Return the personalizations of a batch.

        Raises:
            ValueError: More readers than a request may hold, none, or one address twice: the whole request
                would be refused.
        """
        if not 0 < len(readers) <= LARGEST:
            raise ValueError(f"a request holds 1 to {LARGEST} readers, not {len(readers)}")
        if len({reader.email.casefold() for reader in readers}) != len(readers):
            raise ValueError("an address stands twice in one request")
        if letter.named:
            first, second = _text_tag(tag), _html_tag(tag)
            packed: list[dict[str, Any]] = []
            for number, reader in enumerate(readers):
                name = reader.usable_name
                name = f" {name}" if name and tag not in name else ""
                packed.append(
                    {
                        "to": [{"email": reader.email}],
                        "substitutions": {first: name, second: html.escape(name)},
                        "custom_args": {"i": str(number)},
                    }
                )
        else:
            packed = [
                {"to": [{"email": reader.email}], "custom_args": {"i": str(number)}}
                for number, reader in enumerate(readers)
            ]
        return orjson.dumps(packed)

    def repack(self, packed: bytes, chosen: list[int]) -> bytes:
        """Return the personalizations at these places, numbered anew."""
        people = orjson.loads(packed)
        return orjson.dumps(
            [{**people[place], "custom_args": {"i": str(number)}} for number, place in enumerate(chosen)]
        )

    def readers(self, packed: bytes, letter: Letter, tag: str) -> list[Reader]:
        """Return who is in a packed part."""
        first = _text_tag(tag)
        return [
            Reader(one["to"][0]["email"], one.get("substitutions", {}).get(first, "").strip() or None)
            for one in orjson.loads(packed)
        ]


class SendGridBatches(SendGridFormat):
    """Sends letters to up to a thousand readers per request.

    Args:
        api_key: Needs *Mail Send* and, to call scheduled letters back, *Scheduled Sends*.
        base_url: The EU region, or a double for tests.
        client: To swap the transport or share connections; closed by whoever made it.
        connections: How many requests are under way at once, at most.
        timeout_seconds: Longest wait for one step of an exchange.
    """

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str = DEFAULT_URL,
        client: httpx.Client | None = None,
        connections: int = 8,
        timeout_seconds: float = 30.0,
    ) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", api_key):
            raise PermanentError("sendgrid: the API key must be one printable word", channel=self.name)
        self._base = f"{checked_url(base_url, channel=self.name)}/v3"
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        self._timeout = timeouts(timeout_seconds)
        self._owned = client is None
        self._client = client or httpx.Client(
            limits=httpx.Limits(max_connections=connections + 2, max_keepalive_connections=connections + 2)
        )

    def __repr__(self) -> str:
        return f"SendGridBatches({self._base!r})"

    def close(self) -> None:
        """Close the connections opened here."""
        if self._owned:
            self._client.close()

    def send(
        self, head: bytes, packed: bytes, *, nonce: str, batch_id: str | None, send_at: int | None, now: float
    ) -> Accepted:
        """Send one request, once.

        Raises:
            TransientError, PermanentError, OutcomeUnknownError: As for a single message; `fields` of a
                refusal names what is wrong, see `refused_places`.
        """
        parts = [head, b',"custom_args":', orjson.dumps({"n": nonce})]
        if batch_id is not None:
            parts += [b',"batch_id":', orjson.dumps(batch_id), b',"send_at":', str(send_at).encode()]
        response = self._post("mail/send", b"".join([*parts, b',"personalizations":', packed, b"}"]), now)
        if response.status_code != httpx.codes.ACCEPTED:
            raise self._failure(response, now)
        provider_id = response.headers.get("x-message-id", "")
        remaining = response.headers.get("x-ratelimit-remaining", "")
        left = int(remaining) if remaining.isascii() and remaining.isdigit() else None
        return Accepted(
            provider_id if _PROVIDER_ID.fullmatch(provider_id) else None,
            left,
            retry_after_seconds(response.headers, now=_moment(now)) if left == 0 else None,
        )

    def new_batch_id(self, *, now: float) -> str:
        """Return an id under which a scheduled request can be called back."""
        response = self._post("mail/batch", b"", now)
        if response.status_code != httpx.codes.CREATED:
            raise self._failure(response, now)
        batch_id = str(orjson.loads(response.content).get("batch_id", ""))
        if not _PROVIDER_ID.fullmatch(batch_id):
            raise PermanentError("sendgrid: the id of a batch makes no sense", channel=self.name)
        return batch_id

    def cancel(self, batch_id: str, *, now: float) -> bool:
        """Call back whatever was or will be sent under an id; the cancellation is never taken back.

        Returns:
            False where SendGrid refuses: too late (ten minutes before), or ten are cancelled already.
        """
        content = orjson.dumps({"batch_id": batch_id, "status": "cancel"})
        response = self._post("user/scheduled_sends", content, now)
        if response.status_code == httpx.codes.CREATED:
            return True
        if response.status_code == httpx.codes.BAD_REQUEST:
            return False
        raise self._failure(response, now)

    def _post(self, path: str, content: bytes, now: float) -> httpx.Response:
        return post_once(
            self._client,
            f"{self._base}/{path}",
            channel=self.name,
            content=content,
            headers=self._headers,
            timeout=self._timeout,
        )

    def _failure(self, response: httpx.Response, now: float) -> Exception:
        return failure_of(response, channel=self.name, now=_moment(now), fields=fields_of(response))


def refused_places(fields: tuple[str, ...], count: int) -> list[int]:
    """Return which readers of a request a refusal names; none if it is about something else too.

    >>> refused_places(("personalizations.17.to.0.email", "personalizations.3.to"), 1000)
    [3, 17]
    >>> refused_places(("personalizations.17.to.0.email", "from.email"), 1000)
    []
    """
    found = {int(match[1]) for field in fields if (match := _READER.match(field))}
    about_readers = all(_READER.match(field) for field in fields)
    return sorted(place for place in found if place < count) if about_readers else []


def about_the_letter(fields: tuple[str, ...]) -> bool:
    """Return whether a refusal names something all copies share, so that no split of the batch mends it."""
    return any(not field.startswith("personalizations") for field in fields)


def _text_tag(tag: str) -> str:
    return f"-{tag}t-"


def _html_tag(tag: str) -> str:
    return f"-{tag}h-"


def _moment(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)
