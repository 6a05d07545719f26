"""SendGrid at wire level: the exact payload, and what each answer or failure means."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import httpx
import pytest
import respx

from notifications import (
    Message,
    NotificationError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
    channel_from,
)
from notifications.sendgrid import SendGridChannel

API_KEY = "SG.opensesame"
WORDS = {
    "errors": [{"message": "anna.nowak@people.example is wrong", "field": "personalizations.0.to.0.email"}]
}
Check = Callable[[NotificationError], None]


@pytest.fixture
def channel() -> Iterator[SendGridChannel]:
    with SendGridChannel(API_KEY) as channel:
        yield channel


@pytest.fixture
def route() -> Iterator[respx.Route]:
    with respx.mock(base_url="https://api.sendgrid.com") as router:
        yield router.post("/v3/mail/send")


def test_the_payload_on_the_wire_is_exactly_this(
    channel: SendGridChannel, route: respx.Route, message: Message, now: datetime
) -> None:
    route.respond(202, headers={"X-Message-Id": "14c5d75ce93.dfd"})

    receipt = channel.send(message, now=now)

    request = route.calls.last.request
    assert request.headers["authorization"] == "Bearer SG.opensesame"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == {
        "from": {"email": "privacy@aimigos.example", "name": "Aimigos Studio"},
        "reply_to": {"email": "dpo@aimigos.example"},
        "subject": "Ihre Daten: was geschehen ist – und was Sie tun können",
        "personalizations": [{"to": [{"email": "anna.nowak@people.example", "name": "Anna Nowak"}]}],
        "content": [
            {
                "type": "text/plain",
                "value": "Guten Tag,\n\nein Gerät wurde gestohlen.\n.\n..und ein Punkt am Zeilenanfang.\n",
            },
            {
                "type": "text/html",
                "value": "<html lang='de'><body><p>Ein Gerät wurde gestohlen.</p></body></html>\n",
            },
        ],
        "headers": {"X-Breach-Notice": "INC-2026-0001"},
        "custom_args": {"message_key": "INC-2026-0001/notice-7/5f1d"},
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
            "ganalytics": {"enable": False},
        },
    }
    assert receipt.provider_id == "14c5d75ce93.dfd"
    assert receipt.detail == {"message_key": "INC-2026-0001/notice-7/5f1d"}


@pytest.mark.parametrize("sign", list('(),:;<>@[]\\"'))
def test_a_recipients_name_that_sendgrid_would_take_for_an_address_is_left_out(
    channel: SendGridChannel,
    route: respx.Route,
    message_for: Callable[..., Message],
    now: datetime,
    sign: str,
) -> None:
    route.respond(202)

    channel.send(message_for(name=f"Nowak{sign} PhD"), now=now)

    body = json.loads(route.calls.last.request.content)
    assert body["personalizations"] == [{"to": [{"email": "anna.nowak@people.example"}]}]


def test_the_region_is_a_matter_of_the_address(message: Message, now: datetime) -> None:
    with respx.mock(base_url="https://api.eu.sendgrid.com") as router:
        route = router.post("/v3/mail/send").respond(202)
        channel_from("sendgrid", api_key=API_KEY, url="https://api.eu.sendgrid.com/").send(message, now=now)

    assert route.call_count == 1


def test_a_client_of_ones_own_stays_open(message: Message, now: datetime) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(202, headers={"X-Message-Id": "m-1"}))
    with httpx.Client(transport=transport) as client:
        with SendGridChannel(API_KEY, client=client) as channel:
            assert channel.send(message, now=now).provider_id == "m-1"
        assert not client.is_closed


def test_an_odd_message_id_is_not_kept(
    channel: SendGridChannel, route: respx.Route, message: Message, now: datetime
) -> None:
    route.respond(202, headers={"X-Message-Id": "anna.nowak@people.example"})

    assert channel.send(message, now=now).provider_id is None


# --- answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 301])
def test_a_refusal_is_permanent_and_names_status_and_fields_only(
    channel: SendGridChannel,
    route: respx.Route,
    message: Message,
    now: datetime,
    assert_says_nothing_personal: Check,
    status: int,
) -> None:
    route.respond(status, json=WORDS, headers={"Location": "https://elsewhere.example/"})

    with pytest.raises(PermanentError) as caught:
        channel.send(message, now=now)

    assert caught.value.status == status
    assert caught.value.fields == ("personalizations.0.to.0.email",)
    assert "personalizations.0.to.0.email" in str(caught.value)
    assert route.call_count == 1
    assert_says_nothing_personal(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>anna.nowak@people.example</html>",
        b"\xff\xfe",
        b"[]",
        b'{"errors": "anna.nowak@people.example"}',
        b'{"errors": ["anna.nowak@people.example", {"field": null}, {"field": 7}]}',
        b'{"errors": [{"field": "anna.nowak@people.example"}, {"field": "a b"}]}',
    ],
)
def test_a_refusal_in_other_words_names_no_field(
    channel: SendGridChannel,
    route: respx.Route,
    message: Message,
    now: datetime,
    assert_says_nothing_personal: Check,
    body: bytes,
) -> None:
    route.respond(400, content=body)

    with pytest.raises(PermanentError) as caught:
        channel.send(message, now=now)

    assert caught.value.fields == ()
    assert_says_nothing_personal(caught.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "17"}, 17.0),
        ({"Retry-After": "0", "X-RateLimit-Reset": "40"}, 0.0),
        ({"Retry-After": "Sun, 22 Nov 2026 09:31:15 GMT"}, 60.0),
        ({"Retry-After": "Sun, 22 Nov 2026 09:00:00 GMT"}, 0.0),
        ({"X-RateLimit-Reset": "1795339865"}, 50.0),  # 2026-11-22T09:31:05Z
        ({"X-RateLimit-Reset": "40"}, 40.0),
        ({"X-RateLimit-Reset": "1795999999"}, 3600.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
    ],
)
def test_too_many_requests_is_transient_and_says_how_long_to_wait(
    channel: SendGridChannel,
    route: respx.Route,
    message: Message,
    now: datetime,
    assert_says_nothing_personal: Check,
    headers: dict[str, str],
    seconds: float | None,
) -> None:
    route.respond(429, json={"errors": [{"field": None, "message": "too many requests"}]}, headers=headers)

    with pytest.raises(TransientError) as caught:
        channel.send(message, now=now)

    assert caught.value.status == 429
    assert caught.value.retry_after_seconds == seconds
    assert_says_nothing_personal(caught.value)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 200, 204])
def test_an_unclear_answer_leaves_the_outcome_unknown(
    channel: SendGridChannel,
    route: respx.Route,
    message: Message,
    now: datetime,
    assert_says_nothing_personal: Check,
    status: int,
) -> None:
    route.respond(status, json=WORDS if status != 204 else None)

    with pytest.raises(OutcomeUnknownError) as caught:
        channel.send(message, now=now)

    assert caught.value.status == status
    assert route.call_count == 1
    assert_says_nothing_personal(caught.value)


# --- no answer -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (httpx.ConnectError, TransientError),
        (httpx.ConnectTimeout, TransientError),
        (httpx.PoolTimeout, TransientError),
        (httpx.ReadTimeout, OutcomeUnknownError),
        (httpx.ReadError, OutcomeUnknownError),
        (httpx.WriteError, OutcomeUnknownError),
        (httpx.WriteTimeout, OutcomeUnknownError),
        (httpx.RemoteProtocolError, OutcomeUnknownError),
    ],
)
def test_what_is_not_known_to_have_failed_is_unknown(
    channel: SendGridChannel,
    route: respx.Route,
    message: Message,
    now: datetime,
    assert_says_nothing_personal: Check,
    failure: type[httpx.TransportError],
    kind: type[NotificationError],
) -> None:
    route.mock(side_effect=failure("while sending to anna.nowak@people.example"))

    with pytest.raises(kind) as caught:
        channel.send(message, now=now)

    assert type(caught.value) is kind
    assert route.call_count == 1
    assert_says_nothing_personal(caught.value)


def _request_on(connection: socket.socket) -> bytes:
    connection.settimeout(5)
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(
        next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")).split()[1]
    )
    while len(body) < length:
        body += connection.recv(65536)
    return body


def test_nobody_listening_is_transient(
    free_port: int, message: Message, now: datetime, assert_says_nothing_personal: Check
) -> None:
    with (
        SendGridChannel(API_KEY, base_url=f"http://127.0.0.1:{free_port}") as channel,
        pytest.raises(TransientError) as caught,
    ):
        channel.send(message, now=now)

    assert_says_nothing_personal(caught.value)


def test_a_failed_handshake_is_transient(
    serve: Callable[..., int], message: Message, now: datetime, assert_says_nothing_personal: Check
) -> None:
    port = serve(lambda connection: connection.sendall(b"I do not speak TLS\r\n"))

    with (
        SendGridChannel(API_KEY, base_url=f"https://127.0.0.1:{port}") as channel,
        pytest.raises(TransientError) as caught,
    ):
        channel.send(message, now=now)

    assert_says_nothing_personal(caught.value)


def test_a_connection_lost_after_the_body_leaves_the_outcome_unknown(
    serve: Callable[..., int], message: Message, now: datetime, assert_says_nothing_personal: Check
) -> None:
    bodies: list[bytes] = []
    port = serve(lambda connection: bodies.append(_request_on(connection)))

    with (
        SendGridChannel(API_KEY, base_url=f"http://127.0.0.1:{port}") as channel,
        pytest.raises(OutcomeUnknownError) as caught,
    ):
        channel.send(message, now=now)

    assert json.loads(bodies[0])["custom_args"] == {"message_key": message.key}
    assert len(bodies) == 1
    assert_says_nothing_personal(caught.value)


def test_an_answer_that_never_comes_leaves_the_outcome_unknown(
    serve: Callable[..., int], message: Message, now: datetime, assert_says_nothing_personal: Check
) -> None:
    def keep_silent(connection: socket.socket) -> None:
        _request_on(connection)
        connection.recv(1)  # until the client gives up

    port = serve(keep_silent)

    with (
        SendGridChannel(API_KEY, base_url=f"http://127.0.0.1:{port}", timeout_seconds=0.2) as channel,
        pytest.raises(OutcomeUnknownError, match="ReadTimeout") as caught,
    ):
        channel.send(message, now=now)

    assert_says_nothing_personal(caught.value)


# --- settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "two words", "SG.x\n", "SG.ключ"])
def test_a_key_that_cannot_be_right_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(PermanentError) as caught:
        SendGridChannel(key)

    assert "SG." not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "api.sendgrid.com",
        "ftp://api.sendgrid.com",
        "http://api.sendgrid.com",
        "http://127.0.0.1.evil.example",
        "https://user:opensesame@api.sendgrid.com",
        "https://api.sendgrid.com/?key=opensesame",
        "https://",
        "https://[",
    ],
)
def test_an_address_that_would_show_the_key_is_refused(url: str) -> None:
    with pytest.raises(PermanentError) as caught:
        SendGridChannel(API_KEY, base_url=url)

    assert "opensesame" not in str(caught.value)


def test_the_channel_does_not_show_its_key(channel: SendGridChannel) -> None:
    assert "opensesame" not in repr(channel)
    assert "opensesame" not in str(channel)


def test_nothing_personal_is_logged(
    channel: SendGridChannel,
    route: respx.Route,
    message: Message,
    now: datetime,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(0)
    route.respond(202)

    channel.send(message, now=now + timedelta(seconds=1))

    assert "anna" not in caplog.text.lower()
    assert "opensesame" not in caplog.text
