"""Signatures: ours made and verified, and SendGrid's; good, bad, stale, rotated, missing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import pytest
import respx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from notifications import (
    NotificationError,
    OutcomeUnknownError,
    PermanentError,
    SignatureError,
    TransientError,
)
from notifications.webhook import (
    SENDGRID_FRESHNESS,
    SigningKey,
    Webhook,
    sign,
    verify,
    verify_sendgrid_events,
)

OLD = SigningKey("2026-a", b"opensesame-opensesame-old")
NEW = SigningKey("2026-b", b"opensesame-opensesame-new")
BODY = b'{"incident":"INC-2026-0001","state":"sent"}'
Check = Callable[[NotificationError], None]


# --- ours ------------------------------------------------------------------------------------------------


def test_a_post_arrives_signed_over_id_time_and_body(now: datetime) -> None:
    with respx.mock as router:
        route = router.post("https://receiver.example/hook").respond(204)
        receipt = Webhook("https://receiver.example/hook", key=OLD).post(
            {"incident": "INC-2026-0001", "state": "sent"}, delivery_id="evt-1", now=now
        )

    request = route.calls.last.request
    assert request.content == BODY
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-timestamp"] == "1795339815"
    digest = hmac.new(OLD.secret, b"evt-1.1795339815." + BODY, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert verify(request.content, dict(request.headers), keys=[OLD], now=now) == "evt-1"
    assert (receipt.channel, receipt.provider_id, receipt.state) == ("webhook", "evt-1", "sent")
    assert receipt.sha256 == hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, PermanentError),
        (401, PermanentError),
        (410, PermanentError),
        (429, TransientError),
        (503, OutcomeUnknownError),
    ],
)
def test_an_answer_other_than_2xx_is_typed_as_for_a_channel(
    now: datetime, assert_says_nothing_personal: Check, status: int, kind: type[NotificationError]
) -> None:
    with respx.mock as router:
        router.post("https://receiver.example/hook").respond(status, text="anna.nowak@people.example")
        with pytest.raises(kind) as caught:
            Webhook("https://receiver.example/hook", key=OLD).post(
                {"state": "sent"}, delivery_id="evt-1", now=now
            )

    assert caught.value.status == status
    assert_says_nothing_personal(caught.value)


def test_an_answer_that_gets_lost_leaves_the_outcome_unknown(now: datetime) -> None:
    def lose(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("no answer", request=request)

    with httpx.Client(transport=httpx.MockTransport(lose)) as client:
        webhook = Webhook("https://receiver.example/hook", key=OLD, client=client)
        with pytest.raises(OutcomeUnknownError):
            webhook.post({"state": "sent"}, delivery_id="evt-1", now=now)


def test_headers_are_found_in_any_case_of_letters(now: datetime) -> None:
    headers = sign(BODY, key=OLD, delivery_id="evt-1", now=now)

    assert (
        verify(BODY, {name.title(): value for name, value in headers.items()}, keys=[OLD], now=now) == "evt-1"
    )


def test_during_a_rotation_both_keys_are_believed_and_afterwards_one(now: datetime) -> None:
    by_old = sign(BODY, key=OLD, delivery_id="evt-1", now=now)
    by_new = sign(BODY, key=NEW, delivery_id="evt-2", now=now)

    assert verify(BODY, by_old, keys=[NEW, OLD], now=now) == "evt-1"
    assert verify(BODY, by_new, keys=[NEW, OLD], now=now) == "evt-2"
    with pytest.raises(SignatureError, match="not known"):
        verify(BODY, by_old, keys=[NEW], now=now)


def test_one_of_several_signatures_is_enough(now: datetime) -> None:
    headers = sign(BODY, key=OLD, delivery_id="evt-1", now=now)
    headers["webhook-signature"] = f"v1,bm9wZQ== {headers['webhook-signature']}"

    assert verify(BODY, headers, keys=[OLD], now=now) == "evt-1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "evt-2"),
        ("webhook-timestamp", "1795339816"),
        ("webhook-timestamp", "now"),
        ("webhook-key-id", "2026-b"),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,größer"),
        ("webhook-signature", " "),
    ],
)
def test_a_changed_header_is_not_believed(now: datetime, name: str, value: str) -> None:
    headers = sign(BODY, key=OLD, delivery_id="evt-1", now=now) | {name: value}

    with pytest.raises(SignatureError):
        verify(BODY, headers, keys=[OLD, NEW], now=now)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-key-id", "webhook-signature"])
@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_header_is_named(now: datetime, name: str, empty: bool) -> None:
    headers = sign(BODY, key=OLD, delivery_id="evt-1", now=now)
    if empty:
        headers[name] = ""
    else:
        del headers[name]

    with pytest.raises(SignatureError, match=name):
        verify(BODY, headers, keys=[OLD], now=now)


def test_a_changed_body_is_not_believed(now: datetime) -> None:
    headers = sign(BODY, key=OLD, delivery_id="evt-1", now=now)

    with pytest.raises(SignatureError, match="does not fit"):
        verify(BODY + b" ", headers, keys=[OLD], now=now)


def test_a_timestamp_signed_as_nonsense_is_not_believed(now: datetime) -> None:
    digest = hmac.new(OLD.secret, b"evt-1.soon." + BODY, hashlib.sha256).digest()
    headers = {
        "webhook-id": "evt-1",
        "webhook-timestamp": "soon",
        "webhook-key-id": OLD.id,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }

    with pytest.raises(SignatureError, match="Unix time"):
        verify(BODY, headers, keys=[OLD], now=now)


def test_a_stale_or_future_callback_is_refused_outside_the_window(now: datetime) -> None:
    headers = sign(BODY, key=OLD, delivery_id="evt-1", now=now)

    for seconds in (-300, 300):
        assert verify(BODY, headers, keys=[OLD], now=now + timedelta(seconds=seconds)) == "evt-1"
    for seconds, words in ((301, "too old"), (-301, "ahead of our clock")):
        with pytest.raises(SignatureError, match=words):
            verify(BODY, headers, keys=[OLD], now=now + timedelta(seconds=seconds))


def test_the_window_is_a_matter_of_configuration(now: datetime) -> None:
    headers = sign(BODY, key=OLD, delivery_id="evt-1", now=now)
    later = now + timedelta(hours=2)

    assert verify(BODY, headers, keys=[OLD], now=later, freshness=timedelta(hours=2)) == "evt-1"
    assert verify(BODY, headers, keys=[OLD], now=later, freshness=None) == "evt-1"


def test_weak_keys_and_odd_ids_are_refused(now: datetime) -> None:
    with pytest.raises(PermanentError, match="24"):
        SigningKey("2026-a", b"short")
    with pytest.raises(PermanentError, match="key id"):
        SigningKey("two words", b"opensesame-opensesame-old")
    with pytest.raises(PermanentError, match="delivery id"):
        sign(BODY, key=OLD, delivery_id="anna.nowak@people.example", now=now)


def test_neither_key_nor_webhook_shows_a_secret() -> None:
    webhook = Webhook("https://receiver.example/hook/opensesame", key=OLD)

    assert "opensesame" not in repr(OLD) + repr(webhook)


# --- SendGrid's ------------------------------------------------------------------------------------------

EVENTS = (
    json.dumps([{"event": "delivered", "message_key": "k-1", "timestamp": 1795339800}]).encode() + b"\r\n"
)


class Signer:
    """Signs as SendGrid does."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        encoded = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = base64.b64encode(encoded).decode()
        self.pem = (
            self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        )

    def headers(self, body: bytes, at: datetime) -> dict[str, str]:
        timestamp = str(int(at.timestamp()))
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }


def test_events_signed_by_sendgrid_are_believed(now: datetime) -> None:
    signer = Signer()

    for public_key in (signer.public_key, signer.pem):
        verify_sendgrid_events(EVENTS, signer.headers(EVENTS, now), public_keys=[public_key], now=now)


def test_the_librarys_own_verifier_agrees(now: datetime) -> None:
    from sendgrid import EventWebhook

    signer = Signer()
    headers = signer.headers(EVENTS, now)

    verifier = EventWebhook(signer.public_key)
    assert verifier.verify_signature(
        EVENTS.decode(),
        headers["X-Twilio-Email-Event-Webhook-Signature"],
        headers["X-Twilio-Email-Event-Webhook-Timestamp"],
    )


def test_during_a_rotation_either_public_key_will_do(now: datetime) -> None:
    old, new = Signer(), Signer()
    both = [new.public_key, old.public_key]

    verify_sendgrid_events(EVENTS, old.headers(EVENTS, now), public_keys=both, now=now)
    verify_sendgrid_events(EVENTS, new.headers(EVENTS, now), public_keys=both, now=now)
    with pytest.raises(SignatureError, match="no known key"):
        verify_sendgrid_events(EVENTS, old.headers(EVENTS, now), public_keys=[new.public_key], now=now)
    with pytest.raises(SignatureError, match="no known key"):
        verify_sendgrid_events(EVENTS, old.headers(EVENTS, now), public_keys=[], now=now)


def test_changed_events_are_not_believed(now: datetime) -> None:
    signer = Signer()
    headers = signer.headers(EVENTS, now)

    for body in (EVENTS.strip(), EVENTS + b" ", b"", b"\xff"):
        with pytest.raises(SignatureError):
            verify_sendgrid_events(body, headers, public_keys=[signer.public_key], now=now)


@pytest.mark.parametrize(
    "missing", ["X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"]
)
def test_unsigned_events_are_not_believed(now: datetime, missing: str) -> None:
    signer = Signer()
    headers = signer.headers(EVENTS, now)
    del headers[missing]

    with pytest.raises(SignatureError, match="missing"):
        verify_sendgrid_events(EVENTS, headers, public_keys=[signer.public_key], now=now)


@pytest.mark.parametrize("signature", ["not base64!", "größer", "bm9wZQ==", "MAA="])
def test_a_signature_that_is_none_is_not_believed(now: datetime, signature: str) -> None:
    signer = Signer()
    headers = signer.headers(EVENTS, now) | {"X-Twilio-Email-Event-Webhook-Signature": signature}

    with pytest.raises(SignatureError):
        verify_sendgrid_events(EVENTS, headers, public_keys=[signer.public_key], now=now)


def test_events_repeated_for_a_day_are_believed_and_older_ones_are_not(now: datetime) -> None:
    signer = Signer()
    keys = [signer.public_key]
    headers = signer.headers(EVENTS, now)

    verify_sendgrid_events(EVENTS, headers, public_keys=keys, now=now + timedelta(hours=24))
    with pytest.raises(SignatureError, match="too old"):
        verify_sendgrid_events(
            EVENTS, headers, public_keys=keys, now=now + SENDGRID_FRESHNESS + timedelta(seconds=1)
        )
    with pytest.raises(SignatureError, match="ahead"):
        verify_sendgrid_events(EVENTS, headers, public_keys=keys, now=now - timedelta(minutes=6))


def test_the_age_of_events_is_a_matter_of_configuration(now: datetime) -> None:
    signer = Signer()
    keys = [signer.public_key]
    headers = signer.headers(EVENTS, now)
    later = now + timedelta(minutes=6)

    verify_sendgrid_events(EVENTS, headers, public_keys=keys, now=now + timedelta(days=99), freshness=None)
    with pytest.raises(SignatureError, match="too old"):
        verify_sendgrid_events(EVENTS, headers, public_keys=keys, now=later, freshness=timedelta(minutes=5))


def test_a_configured_key_of_another_kind_is_a_fault_of_ours(now: datetime) -> None:
    other_curve = ec.generate_private_key(ec.SECP384R1()).public_key()
    other_kind = rsa.generate_private_key(65537, 2048).public_key()
    wrong = [
        base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
        for key in (other_curve, other_kind)
    ]

    for public_key in [*wrong, "", "not a key", "bm9wZQ=="]:
        with pytest.raises(PermanentError, match="P-256"):
            verify_sendgrid_events(EVENTS, Signer().headers(EVENTS, now), public_keys=[public_key], now=now)
