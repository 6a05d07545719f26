"""SMTP against a real server, and against scripted ones that refuse, fall silent or hang up."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from notifications import (
    Message,
    NotificationError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
    channel_from,
)
from notifications.smtp import SmtpChannel

Check = Callable[[NotificationError], None]
Serve = Callable[[Callable[[socket.socket], None]], int]


def channel_on(port: int, *, seconds: float = 5, user: str = "") -> SmtpChannel:
    return SmtpChannel(f"smtp://{user}127.0.0.1:{port}?starttls=0", timeout_seconds=seconds)


# --- a real server ---------------------------------------------------------------------------------------


def test_the_relay_gets_one_sender_one_recipient_and_a_message_id(
    start_relay, message: Message, now: datetime
) -> None:
    relay, port = start_relay()

    receipt = channel_from("smtp", url=f"smtp://127.0.0.1:{port}?starttls=0").send(message, now=now)

    assert relay.senders == ["privacy@aimigos.example"]
    assert [delivery.recipients for delivery in relay.taken] == [("anna.nowak@people.example",)]
    assert relay.taken[0].header("Message-ID") == receipt.provider_id
    assert receipt.detail == {"queue_id": "4F001AB"}


def test_logging_in_with_the_right_password_works(start_relay, message: Message, now: datetime) -> None:
    seen: list[object] = []

    def authenticate(
        server: object, session: object, envelope: object, mechanism: str, data: object
    ) -> AuthResult:
        seen.append(data)
        return AuthResult(success=data == LoginPassword(b"mailer", b"open/sesame @1"))

    relay, port = start_relay(authenticator=authenticate, auth_require_tls=False)

    channel_on(port, user="mailer:open%2Fsesame%20%401@").send(message, now=now)

    assert len(relay.taken) == 1
    assert len(seen) == 1


def test_a_wrong_password_is_permanent(
    start_relay, message: Message, now: datetime, assert_says_nothing_personal: Check
) -> None:
    relay, port = start_relay(
        authenticator=lambda *_: AuthResult(success=False, handled=False),
        auth_require_tls=False,
    )

    channel = channel_on(port, user="mailer:opensesame@")
    with pytest.raises(PermanentError) as caught:
        channel.send(message, now=now)

    assert caught.value.status == 535
    assert caught.value.fields == ("log-in",)
    assert relay.taken == []
    assert_says_nothing_personal(caught.value)


def test_a_relay_without_log_in_is_permanent_when_one_was_asked_for(
    start_relay, message: Message, now: datetime, assert_says_nothing_personal: Check
) -> None:
    relay, port = start_relay()

    channel = channel_on(port, user="mailer:opensesame@")
    with pytest.raises(PermanentError) as caught:
        channel.send(message, now=now)

    assert relay.taken == []
    assert_says_nothing_personal(caught.value)


# --- TLS -------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a server on 127.0.0.1 presents, and what a client that trusts it uses."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay.test")])
    today = datetime.now(UTC)  # the TLS library compares with the real clock
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "relay.pem").write_bytes(pem + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "relay.pem")
    return server, ssl.create_default_context(cadata=pem.decode())


def test_starttls_protects_log_in_and_text(start_relay, certificate, message: Message, now: datetime) -> None:
    server, client = certificate
    relay, port = start_relay(
        tls_context=server,
        require_starttls=True,
        authenticator=lambda *_: AuthResult(success=True),
        auth_required=True,
    )

    url = f"smtp://mailer:opensesame@127.0.0.1:{port}"
    SmtpChannel(url, tls_context=client, timeout_seconds=5).send(message, now=now)

    assert len(relay.taken) == 1


def test_smtps_speaks_tls_from_the_first_byte(
    start_relay, certificate, message: Message, now: datetime
) -> None:
    server, client = certificate
    relay, port = start_relay(ssl_context=server)

    SmtpChannel(f"smtps://127.0.0.1:{port}", tls_context=client, timeout_seconds=5).send(message, now=now)

    assert len(relay.taken) == 1


def test_an_untrusted_certificate_is_transient_and_sends_nothing(
    start_relay, certificate, message: Message, now: datetime, assert_says_nothing_personal: Check
) -> None:
    relay, port = start_relay(tls_context=certificate[0])

    with pytest.raises(TransientError, match="SSLCertVerificationError") as caught:
        SmtpChannel(f"smtp://127.0.0.1:{port}", timeout_seconds=5).send(message, now=now)

    assert relay.taken == []
    assert_says_nothing_personal(caught.value)


def test_a_relay_without_tls_is_refused_rather_than_trusted(
    start_relay, message: Message, now: datetime, assert_says_nothing_personal: Check
) -> None:
    relay, port = start_relay()

    channel = SmtpChannel(f"smtp://mailer:opensesame@127.0.0.1:{port}", timeout_seconds=5)
    with pytest.raises(PermanentError, match="STARTTLS") as caught:
        channel.send(message, now=now)

    assert relay.taken == []
    assert_says_nothing_personal(caught.value)


# --- scripted servers ------------------------------------------------------------------------------------


def script(
    replies: dict[str, str | None] | None = None,
    *,
    greeting: str | None = "220 ready",
    heard: list[str] | None = None,
) -> Callable[[socket.socket], None]:
    """Return a server that answers each command as told; None hangs up, and "" falls silent."""
    answers: dict[str, str | None] = {
        "EHLO": "250 relay.test",
        "MAIL": "250 ok",
        "RCPT": "250 ok",
        "DATA": "354 go on",
        ".": "250 ok",
    } | (replies or {})
    log = [] if heard is None else heard

    def talk(connection: socket.socket) -> None:
        connection.settimeout(5)
        if greeting is None:
            return
        connection.sendall(f"{greeting}\r\n".encode())
        lines, in_text = connection.makefile("rb"), False
        for raw in lines:
            line = raw.decode().rstrip("\r\n")
            if in_text and line != ".":
                continue
            log.append(line)
            word = line.split(" ")[0].upper()
            answer = answers.get(word, "250 ok")
            if answer is None:
                return
            if answer:
                connection.sendall(f"{answer}\r\n".encode())
            in_text = word == "DATA" and answer.startswith("354")

    return talk


def test_nobody_listening_is_transient(
    free_port: int, message: Message, now: datetime, assert_says_nothing_personal: Check
) -> None:
    with pytest.raises(TransientError, match="ConnectionRefusedError") as caught:
        channel_on(free_port).send(message, now=now)

    assert_says_nothing_personal(caught.value)


@pytest.mark.parametrize(
    ("replies", "step"),
    [
        ({"MAIL": "550 5.7.1 <anna.nowak@people.example> no"}, "sender"),
        ({"RCPT": "550 5.1.1 <anna.nowak@people.example>: unknown user"}, "recipient"),
        ({"DATA": "554 5.7.1 not for anna.nowak@people.example"}, "announcement of the text"),
        ({".": "554 5.7.1 anna.nowak@people.example: looks like spam"}, "text"),
    ],
)
def test_a_5xx_reply_is_permanent_and_names_the_step(
    serve: Serve,
    message: Message,
    now: datetime,
    assert_says_nothing_personal: Check,
    replies: dict[str, str | None],
    step: str,
) -> None:
    port = serve(script(replies))

    with pytest.raises(PermanentError, match=r"55[04] 5\.[17]\.1") as caught:
        channel_on(port).send(message, now=now)

    assert caught.value.fields == (step,)
    assert caught.value.status in {550, 554}
    assert_says_nothing_personal(caught.value)


@pytest.mark.parametrize("word", ["MAIL", "RCPT", "DATA", "."])
def test_a_4xx_reply_is_transient(
    serve: Serve, message: Message, now: datetime, assert_says_nothing_personal: Check, word: str
) -> None:
    port = serve(script({word: "451 4.7.1 anna.nowak@people.example: try later"}))

    with pytest.raises(TransientError) as caught:
        channel_on(port).send(message, now=now)

    assert caught.value.status == 451
    assert_says_nothing_personal(caught.value)


@pytest.mark.parametrize(
    ("greeting", "kind"),
    [
        ("421 too busy", TransientError),
        ("554 no service for anna.nowak@people.example", PermanentError),
        ("HTTP/1.1 400 Bad Request", TransientError),
        ("220-" + "x" * 9000, PermanentError),
        (None, TransientError),
    ],
)
def test_a_greeting_other_than_220_ends_it_before_anything_is_sent(
    serve: Serve,
    message: Message,
    now: datetime,
    assert_says_nothing_personal: Check,
    greeting: str | None,
    kind: type[NotificationError],
) -> None:
    heard: list[str] = []
    port = serve(script(greeting=greeting, heard=heard))

    with pytest.raises(kind) as caught:
        channel_on(port).send(message, now=now)

    assert not any("anna" in line for line in heard)
    assert_says_nothing_personal(caught.value)


@pytest.mark.parametrize("word", ["EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("end", [None, ""], ids=["hangs up", "falls silent"])
def test_a_connection_lost_before_the_text_is_transient(
    serve: Serve,
    message: Message,
    now: datetime,
    assert_says_nothing_personal: Check,
    word: str,
    end: str | None,
) -> None:
    port = serve(script({word: end}))

    with pytest.raises(TransientError) as caught:
        channel_on(port, seconds=0.2).send(message, now=now)

    assert_says_nothing_personal(caught.value)


@pytest.mark.parametrize("end", [None, "", "what?", "999 odd", "301 odd"])
def test_a_connection_lost_after_the_text_leaves_the_outcome_unknown(
    serve: Serve, message: Message, now: datetime, assert_says_nothing_personal: Check, end: str | None
) -> None:
    heard: list[str] = []
    port = serve(script({".": end}, heard=heard))

    with pytest.raises(OutcomeUnknownError, match="Message-ID") as caught:
        channel_on(port, seconds=0.2).send(message, now=now)

    assert heard.count("DATA") == 1
    assert_says_nothing_personal(caught.value)


def test_a_relay_that_hangs_up_after_accepting_has_still_accepted(
    serve: Serve, message: Message, now: datetime
) -> None:
    port = serve(script({"QUIT": None}))

    assert channel_on(port).send(message, now=now).state == "sent"


def test_a_queue_id_that_looks_like_an_address_is_not_kept(
    serve: Serve, message: Message, now: datetime
) -> None:
    port = serve(script({".": "250 2.0.0 queued as anna.nowak@people.example"}))

    assert channel_on(port).send(message, now=now).detail == {}


def test_we_greet_with_the_senders_domain_and_name_one_recipient(
    serve: Serve, message: Message, now: datetime
) -> None:
    heard: list[str] = []
    port = serve(script(heard=heard))

    channel_on(port).send(message, now=now)

    assert heard[:5] == [
        "ehlo aimigos.example",
        "MAIL FROM:<privacy@aimigos.example>",
        "RCPT TO:<anna.nowak@people.example>",
        "DATA",
        ".",
    ]


# --- settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "relay.example",
        "http://relay.example",
        "smtp://",
        "smtp://mailer:opensesame@relay.example:99999",
        "smtp://mailer:opensesame@relay.example:port",
        "smtp://mailer:opensesame@relay.example/path",
        "smtp://mailer:opensesame@relay.example?starttls=maybe",
        "smtp://mailer:opensesame@relay.example?tls=1",
        "smtp://mailer:opensesame@relay.example?starttls=0",
        "smtp://mailer:opensesame%0d%0a@relay.example",
        "smtp://mailer:opensesamé@relay.example",
        "smtp://mailer:opensesame@relay .example",
        "smtp://[::1",
    ],
)
def test_an_address_of_a_relay_that_cannot_be_used_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(PermanentError) as caught:
        SmtpChannel(url)

    assert "opensesam" not in str(caught.value)
    assert "relay.example" not in str(caught.value)


def test_the_channel_does_not_show_its_password() -> None:
    channel = SmtpChannel("smtps://mailer:opensesame@relay.example")

    assert repr(channel) == "SmtpChannel(relay.example:465)"
    assert "opensesame" not in repr(vars(channel))
