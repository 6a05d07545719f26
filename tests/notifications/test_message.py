"""Addresses and messages: what is refused, what a digest covers, and that bytes are reproducible."""

from __future__ import annotations

import email
import email.policy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifications import Address, InvalidMessageError, Message, PermanentError, message_id_for, to_mime

# --- addresses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "anna@people.example",
        "anna@shop.test",
        "anna.o'neill+shop@people.example.org",
        "ANNA@people.example",
        "a@sub.domain.people.example",
    ],
)
def test_an_ordinary_address_is_kept_as_given(address: str) -> None:
    assert Address(address).email == address


def test_an_international_domain_is_kept_in_its_ascii_form() -> None:
    assert Address("anna@bücher.example").email == "anna@xn--bcher-kva.example"
    assert Address("anna@bücher.example").domain == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "anna@",
        "@people.example",
        "anna@people",
        "anna@localhost",
        "anna@placeholder.invalid",
        "anna@people.example,bob@people.example",
        "anna@people.example;bob@people.example",
        "anna@people.example bob@people.example",
        "anna@bob@people.example",
        "Anna <anna@people.example>",
        '"anna"@people.example',
        "anna@[127.0.0.1]",
        " anna@people.example",
        "anna@people.example\r\nBcc: bob@people.example",
        "anna@people.example\n",
        "anna@people.example\x00",
        "an\u202ena@people.example",
        "jürgen@people.example",
        "anna＝@people.example",
        "a" * 65 + "@people.example",
        "anna@" + "a" * 64 + ".example",
        "anna@" + "a." * 130 + "example",
    ],
)
def test_anything_but_one_usable_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        Address(address)

    assert caught.value.field == "address"
    assert "anna" not in str(caught.value)
    assert "people" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["Anna\r\nBcc: x", "Anna\x00", "Anna\x7f", "Anna\u2028Nowak", "\ud800"])
def test_a_name_with_control_characters_is_refused(name: str) -> None:
    with pytest.raises(InvalidMessageError, match=r"address\.name"):
        Address("anna@people.example", name)


def test_an_empty_name_is_no_name() -> None:
    assert Address("anna@people.example", "  ").name is None


def test_neither_an_address_nor_a_message_shows_its_person(message: Message) -> None:
    shown = repr(message.to) + repr(message) + str(message)

    assert "anna" not in shown.lower()
    assert "gestohlen" not in shown


# --- messages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x00", "\x0b", "\x85", "\u2028", "\u2029", "\ud800"])
def test_a_subject_of_more_than_one_line_is_refused(message_for: Callable[..., Message], end: str) -> None:
    with pytest.raises(InvalidMessageError, match="subject") as caught:
        message_for(subject=f"Your data{end}Bcc: eve@evil.example")

    assert caught.value.field == "subject"
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"subject": "  "}, "subject"),
        ({"text": ""}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"text": "\ud800"}, "text"),
        ({"html": "<p>\x07</p>"}, "html"),
        ({"key": ""}, "key"),
        ({"key": "anna@people.example"}, "key"),
        ({"key": "two words"}, "key"),
        ({"key": "../../etc"}, "key"),
        ({"key": "k" * 201}, "key"),
        ({"headers": {"X-Notice": "a\r\nBcc: eve@evil.example"}}, "headers.X-Notice"),
        ({"headers": {"X-Notice": ""}}, "headers.X-Notice"),
        ({"headers": {"X-Notice": "größer"}}, "headers.X-Notice"),
        ({"headers": {"X-Notice": "see anna@people.example"}}, "headers.X-Notice"),
        ({"headers": {"X-Notice": "1", "x-notice": "2"}}, "headers.x-notice"),
        ({"headers": {"X Notice": "1"}}, "headers"),
        ({"headers": {"X-Notice\r\nBcc": "1"}}, "headers"),
        ({"headers": {"Bcc": "1"}}, "headers.Bcc"),
        ({"headers": {"to": "1"}}, "headers.to"),
        ({"headers": {"Resent-To": "1"}}, "headers.Resent-To"),
        ({"headers": {"Content-Type": "text/html"}}, "headers.Content-Type"),
        ({"headers": {"Disposition-Notification-To": "1"}}, "headers.Disposition-Notification-To"),
        ({"headers": {"X-SMTPAPI": "{}"}}, "headers.X-SMTPAPI"),
    ],
)
def test_a_part_that_would_be_cut_changed_or_misread_is_refused(
    message_for: Callable[..., Message], changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidMessageError) as caught:
        message_for(**changes)

    assert caught.value.field == field
    assert "anna" not in str(caught.value)
    assert isinstance(caught.value, PermanentError)


def test_a_follow_up_may_name_the_message_it_follows(message_for: Callable[..., Message]) -> None:
    first = message_id_for(message_for())

    assert message_for(headers={"In-Reply-To": first}).headers["In-Reply-To"] == first


def test_a_message_cannot_be_changed_after_it_was_made(message_for: Callable[..., Message]) -> None:
    headers = {"X-Breach-Notice": "1"}
    message = message_for(headers=headers)
    headers["X-Breach-Notice"] = "2"

    assert message.headers["X-Breach-Notice"] == "1"
    with pytest.raises(TypeError):
        message.headers["X-Breach-Notice"] = "2"  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        message.subject = "Other"  # type: ignore[misc]


# --- digest ----------------------------------------------------------------------------------------------


def test_the_digest_names_the_content_and_not_the_recipient(message: Message) -> None:
    assert len(message.sha256) == 64
    assert message.sha256 == replace(message, to=Address("bob@people.example"), key="other").sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Other"},
        {"text": "Other"},
        {"html": None},
        {"sender": Address("privacy@other.example")},
        {"sender": Address("privacy@aimigos.example", "Other")},
        {"reply_to": None},
        {"headers": {}},
    ],
)
def test_the_digest_changes_with_everything_a_reader_sees(
    message: Message, changes: dict[str, object]
) -> None:
    assert replace(message, **changes).sha256 != message.sha256  # type: ignore[arg-type]


def test_the_digest_of_a_known_text_stays_the_same_for_ever() -> None:
    message = Message(
        to=Address("anna@people.example"),
        sender=Address("privacy@aimigos.example"),
        subject="Your data",
        text="Text\n",
        key="1",
    )

    # By hand: printf '{"format":1,"from":["privacy@aimigos.example",null],"headers":[],"html":null,
    # "reply_to":null,"subject":"Your data","text":"Text\\n"}' (one line) | sha256sum
    assert message.sha256 == "8844d0d556678dd0d4f5ece289fda3fc10be227f7c072432744806dd453702e6"


# --- bytes -----------------------------------------------------------------------------------------------


def test_the_same_arguments_give_the_same_bytes(message: Message, now: datetime) -> None:
    once = to_mime(message, date=now, message_id=message_id_for(message))
    again = to_mime(replace(message), date=now, message_id=message_id_for(message))

    assert once == again
    assert once.isascii()
    assert b"\n" not in once.replace(b"\r\n", b"")
    assert max(len(line) for line in once.split(b"\r\n")) <= 200


def test_the_date_is_written_in_utc_whatever_the_zone(message: Message, now: datetime) -> None:
    in_tokyo = now.astimezone(timezone(timedelta(hours=9)))

    raw = to_mime(message, date=in_tokyo, message_id="<1@aimigos.example>")

    assert b"\r\nDate: Sun, 22 Nov 2026 09:30:15 +0000\r\n" in raw
    with pytest.raises(ValueError, match="zone"):
        to_mime(message, date=now.replace(tzinfo=None), message_id="<1@aimigos.example>")


def test_the_message_id_belongs_to_the_key_and_shows_nothing_of_it(message: Message) -> None:
    message_id = message_id_for(message)

    assert message_id == message_id_for(replace(message, text="Other", to=Address("bob@people.example")))
    assert message_id != message_id_for(replace(message, key="other"))
    assert message_id.endswith("@aimigos.example>")
    assert "INC-2026" not in message_id


_LINE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=200).filter(
    lambda text: text.strip() != ""
)


@settings(max_examples=60, deadline=None)
@given(name=_LINE, subject=_LINE)
def test_any_name_and_subject_is_read_back_as_one_recipient_and_one_subject(name: str, subject: str) -> None:
    message = Message(
        to=Address("anna@people.example", name),
        sender=Address("privacy@aimigos.example", name),
        subject=subject,
        text="Text\n",
        key="1",
    )

    raw = to_mime(message, date=datetime(2026, 11, 22, tzinfo=UTC), message_id=message_id_for(message))

    read = email.message_from_bytes(raw, policy=email.policy.default)
    assert [address.addr_spec for address in read["To"].addresses] == ["anna@people.example"]
    assert [address.addr_spec for address in read["From"].addresses] == ["privacy@aimigos.example"]
    # Readers collapse runs of spaces in a name; the signs must all be there.
    assert "".join(read["To"].addresses[0].display_name.split()) == "".join(name.split())
    assert str(read["Subject"]) == subject
    assert read.get_content() == "Text\r\n"


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], include_characters="\n\t.")))
def test_any_text_is_read_back_as_written(text: str) -> None:
    text = f"{text}.\n"
    message = Message(
        to=Address("anna@people.example"),
        sender=Address("privacy@aimigos.example"),
        subject="Your data",
        text=text,
        html=f"<p>{text}</p>\n",
        key="1",
    )

    raw = to_mime(message, date=datetime(2026, 11, 22, tzinfo=UTC), message_id=message_id_for(message))

    read = email.message_from_bytes(raw, policy=email.policy.default)
    assert read.get_body(("plain",)).get_content() == text.replace("\n", "\r\n")
    assert read.get_body(("html",)).get_content() == f"<p>{text}</p>\n".replace("\n", "\r\n")


def test_an_address_survives_being_sent_to_another_process() -> None:
    address = Address("anna@people.example", "Anna")

    assert pickle.loads(pickle.dumps(address)) == address
