"""Signed callbacks between programs: we post them, others verify them, and we verify SendGrid's.

Our own follow the scheme of standardwebhooks.com (HMAC-SHA256 over id, timestamp and body), so that receivers
find a verifier in their language, with a key id added for rotation. Nothing here reads the meaning of a body:
first the signature, and only then, elsewhere, the content.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from notifications.channel import Receipt, require_zone
from notifications.errors import PermanentError, SignatureError
from notifications.posting import checked_url, failure_of, post_once, timeouts

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,199}")
_UNIX_TIME = re.compile(r"[0-9]{1,12}")
_CLOCK_SKEW = timedelta(minutes=5)

WINDOW_SECONDS = int(_CLOCK_SKEW.total_seconds())

# SendGrid repeats an event for 24 hours, perhaps with its first timestamp. Refusing those would lose the
# proof of a delivery; an old one does no harm where events are counted once and never move a state backwards.
SENDGRID_FRESHNESS = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A shared secret and the name by which both sides know it.

    Raises:
        PermanentError: The id is not a plain word, or the secret has fewer than 24 bytes.
    """

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise PermanentError("webhook: a key id must be 1 to 200 letters, digits or ._:/+=-")
        if len(self.secret) < 24:
            raise PermanentError("webhook: a secret must have at least 24 random bytes")


class Webhook:
    """Posts JSON to one address, signed.

    Args:
        url: https; plain http only on this machine.
        key: What to sign with. To rotate: let the receiver know both keys, then change it here.
        client: To share connections or swap the transport; otherwise one is opened for each post.
        timeout_seconds: Longest wait for one step of the exchange.
    """

    name = "webhook"

    def __init__(
        self, url: str, *, key: SigningKey, client: httpx.Client | None = None, timeout_seconds: float = 30.0
    ) -> None:
        self._url = checked_url(url, channel=self.name)
        self._key = key
        self._client = client
        self._timeout = timeouts(timeout_seconds)

    def __repr__(self) -> str:
        return f"Webhook(key={self._key.id!r})"  # the path of such an address is often a secret

    def post(self, payload: Mapping[str, object], *, delivery_id: str, now: datetime) -> Receipt:
        """Post `payload` once; any 2xx is a receipt.

        Args:
            payload: JSON values only.
            delivery_id: Opaque; the receiver takes the same id for the same event.
            now: Goes into the signature; with a zone.

        Raises:
            TransientError, PermanentError, OutcomeUnknownError: As for a channel.
        """
        content = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        headers = sign(content, key=self._key, delivery_id=delivery_id, now=now)
        headers["Content-Type"] = "application/json"
        if self._client is None:
            with httpx.Client() as client:
                response = self._post(client, content, headers)
        else:
            response = self._post(self._client, content, headers)
        if not response.is_success:
            raise failure_of(response, channel=self.name, now=now)
        return Receipt(
            channel=self.name,
            provider_id=delivery_id,
            state="sent",
            accepted_at=now,
            sha256=hashlib.sha256(content).hexdigest(),
            detail={"http_status": str(response.status_code), "key_id": self._key.id},
        )

    def _post(self, client: httpx.Client, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
        return post_once(
            client, self._url, channel=self.name, content=content, headers=headers, timeout=self._timeout
        )


def sign(body: bytes, *, key: SigningKey, delivery_id: str, now: datetime) -> dict[str, str]:
    """Return the four headers that prove who posted `body`, and when."""
    if not _ID.fullmatch(delivery_id):
        raise PermanentError("webhook: a delivery id must be an opaque word of 1 to 200 characters")
    timestamp = str(int(require_zone(now).timestamp()))
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-key-id": key.id,
        "webhook-signature": f"v1,{_hmac_of(body, key, delivery_id, timestamp)}",
    }


def verify(
    body: bytes,
    headers: Mapping[str, str],
    *,
    keys: Sequence[SigningKey],
    now: datetime,
    freshness: timedelta | None = _CLOCK_SKEW,
) -> str:
    """Return the delivery id of a callback that is genuine and fresh.

    An id already seen is a repetition; telling so is up to the caller, who remembers.

    Args:
        body: The raw bytes as received: a parsed and rewritten body has another signature.
        headers: As received, in any case of letters.
        keys: All keys valid now; two of them during a rotation.
        now: The moment of reception, with a zone.
        freshness: Greatest difference of the clocks, either way; None for any, as for stored callbacks.

    Raises:
        SignatureError: A header is missing, the key is unknown, or signature or time do not fit.
    """
    given = {name.lower(): value for name, value in headers.items()}
    delivery_id, timestamp, key_id, signatures = (
        _header(given, name)
        for name in ("webhook-id", "webhook-timestamp", "webhook-key-id", "webhook-signature")
    )
    key = next((key for key in keys if key.id == key_id), None)
    if key is None:
        raise SignatureError("webhook: signed with a key that is not known here; nothing was believed")
    expected = f"v1,{_hmac_of(body, key, delivery_id, timestamp)}".encode()
    # A list, because a sender may sign with two keys at once during a rotation.
    matches = [hmac.compare_digest(expected, one.encode()) for one in signatures.split(" ")]
    if not any(matches):
        raise SignatureError("webhook: the signature does not fit the body; nothing was believed")
    _check_fresh(timestamp, now=now, oldest=freshness, newest=freshness)
    return delivery_id


def verify_sendgrid_events(
    body: bytes,
    headers: Mapping[str, str],
    *,
    public_keys: Sequence[str],
    now: datetime,
    freshness: timedelta | None = SENDGRID_FRESHNESS,
) -> None:
    """Return if SendGrid signed this body, and recently (ECDSA P-256 over timestamp and raw body).

    Args:
        body: The raw bytes as received.
        headers: As received, in any case of letters.
        public_keys: As its settings page shows them (base64), or as PEM; two during a rotation.
        now: The moment of reception, with a zone.
        freshness: How old the timestamp may be; it may never be more than five minutes ahead. None for any.

    Raises:
        SignatureError: Unsigned, signed by another, changed, or too old.
        PermanentError: A configured key is not a P-256 key.
    """
    loaded = [_p256_key(text) for text in public_keys]
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = _header(given, "x-twilio-email-event-webhook-timestamp")
    encoded = _header(given, "x-twilio-email-event-webhook-signature")
    try:
        signature = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError("webhook: the signature is not base64; nothing was believed") from None
    if not any(_signed(key, signature, timestamp.encode() + body) for key in loaded):
        raise SignatureError("webhook: no known key made this signature; nothing was believed")
    _check_fresh(timestamp, now=now, oldest=freshness, newest=freshness and _CLOCK_SKEW)


def outside_window(
    headers: Mapping[str, str], *, now: datetime, name: str = "webhook-timestamp", oldest: timedelta = _CLOCK_SKEW
) -> bool:
    """Return whether the time a callback claims lies outside the window; nothing else of it is looked at.

    A sender with a wrong clock may be told this: whoever knows our clock knows the answer, so it says nothing
    about any key or signature.

    Args:
        headers: As received, in any case of letters.
        now: The moment of reception, with a zone.
        name: The header with the time.
        oldest: How old it may be; it may never be more than five minutes ahead.
    """
    given = {key.lower(): value for key, value in headers.items()}
    timestamp = given.get(name, "")
    if not _UNIX_TIME.fullmatch(timestamp):
        return False  # no time at all is no matter of clocks
    age = require_zone(now).timestamp() - int(timestamp)
    return age > oldest.total_seconds() or -age > _CLOCK_SKEW.total_seconds()


def check_sendgrid_key(text: str) -> None:
    """Return if this is a key events can be checked with.

    Raises:
        PermanentError: It is no P-256 key.
    """
    _p256_key(text)


def _hmac_of(body: bytes, key: SigningKey, delivery_id: str, timestamp: str) -> str:
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key.secret, signed, "sha256")).decode()


def _header(given: Mapping[str, str], name: str) -> str:
    value = given.get(name)
    if not value:
        raise SignatureError(f"webhook: the header {name} is missing; nothing was believed")
    return value


def _check_fresh(
    timestamp: str, *, now: datetime, oldest: timedelta | None, newest: timedelta | None
) -> None:
    if not _UNIX_TIME.fullmatch(timestamp):
        raise SignatureError("webhook: the timestamp is not a Unix time; nothing was believed")
    age = require_zone(now).timestamp() - int(timestamp)
    if oldest is not None and age > oldest.total_seconds():
        raise SignatureError(f"webhook: signed {age:.0f} seconds ago, which is too old; nothing was believed")
    if newest is not None and -age > newest.total_seconds():
        raise SignatureError(f"webhook: signed {-age:.0f} seconds ahead of our clock; nothing was believed")


def _p256_key(text: str) -> EllipticCurvePublicKey:
    encoded = re.sub(r"-----(BEGIN|END) PUBLIC KEY-----|\s", "", text)
    try:
        key = load_der_public_key(base64.b64decode(encoded, validate=True))
    except (ValueError, UnsupportedAlgorithm):  # ValueError is base64's as well
        key = None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise PermanentError("webhook: a configured public key is not an ECDSA P-256 key; copy it again")
    return key


def _signed(key: EllipticCurvePublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
