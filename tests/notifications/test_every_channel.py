"""One contract for all channels: what a caller may rely on whichever of them it was given."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from notifications import Address, Message

THREE_PEOPLE = [
    ("anna.nowak@people.example", "Anna Nowak"),
    ("juergen.weiss@mail.test", "Weiß, Jürgen; Dr."),
    ("olga@xn--e1aybc.test", "Ольга Петрова"),
]


def test_an_accepted_message_gives_a_receipt(postbox, message: Message, now: datetime) -> None:
    receipt = postbox.channel.send(message, now=now)

    assert receipt.channel == postbox.channel.name
    assert receipt.state == postbox.state
    assert receipt.accepted_at == now
    assert receipt.provider_id


def test_the_receipt_names_the_exact_bytes_handed_over(postbox, message: Message, now: datetime) -> None:
    receipt = postbox.channel.send(message, now=now)

    (delivery,) = postbox.received()
    assert receipt.sha256 == hashlib.sha256(delivery.raw).hexdigest()


def test_a_receipt_shows_nobody(postbox, message: Message, now: datetime) -> None:
    receipt = postbox.channel.send(message, now=now)

    shown = repr(receipt).lower()
    assert "anna" not in shown
    assert "people.example" not in shown


def test_every_message_goes_to_exactly_one_recipient(postbox, message: Message, now: datetime) -> None:
    postbox.channel.send(message, now=now)

    (delivery,) = postbox.received()
    assert delivery.recipients == ("anna.nowak@people.example",)


def test_no_recipient_ever_sees_another(postbox, message_for: Callable[..., Message], now: datetime) -> None:
    for number, (address, name) in enumerate(THREE_PEOPLE):
        postbox.channel.send(message_for(address, name, key=f"letter-{number}"), now=now)

    deliveries = postbox.received()
    assert len(deliveries) == 3
    assert {delivery.recipients for delivery in deliveries} == {(address,) for address, _ in THREE_PEOPLE}
    for delivery in deliveries:
        for address, name in THREE_PEOPLE:
            if (address,) == delivery.recipients:
                assert address in delivery.readable
                continue
            local_part, _, domain = address.partition("@")
            for trace in (address, local_part, domain, name, hashlib.sha256(address.encode()).hexdigest()):
                assert trace.lower() not in delivery.readable.lower()


def test_nothing_but_the_recipient_differs_between_two_letters(
    postbox, message_for: Callable[..., Message], now: datetime
) -> None:
    first = message_for(*THREE_PEOPLE[0], key="letter-1")
    second = message_for(*THREE_PEOPLE[1], key="letter-2")

    postbox.channel.send(first, now=now)
    postbox.channel.send(second, now=now)

    assert first.sha256 == second.sha256
    one, other = postbox.received()
    assert one.text == other.text
    assert one.header("Subject") == other.header("Subject")


def test_subject_texts_and_headers_arrive_unchanged(postbox, message: Message, now: datetime) -> None:
    postbox.channel.send(message, now=now)

    (delivery,) = postbox.received()
    assert delivery.header("Subject") == "Ihre Daten: was geschehen ist – und was Sie tun können"
    assert delivery.text == (
        "Guten Tag,\n\nein Gerät wurde gestohlen.\n.\n..und ein Punkt am Zeilenanfang.\n"
    )
    assert delivery.html == "<html lang='de'><body><p>Ein Gerät wurde gestohlen.</p></body></html>\n"
    assert delivery.header("X-Breach-Notice") == "INC-2026-0001"


def test_a_plain_ascii_letter_with_dots_arrives_unchanged(
    postbox, message_for: Callable[..., Message], now: datetime
) -> None:
    text = "Dear reader,\n.\n.hidden\nFrom here on: nothing.\n" + "long " * 300 + "\n"

    postbox.channel.send(message_for(subject="Your data", text=text, html=None), now=now)

    (delivery,) = postbox.received()
    assert delivery.text == text


def test_a_name_full_of_signs_changes_no_recipient(
    postbox, message_for: Callable[..., Message], now: datetime
) -> None:
    name = 'Smith, PhD; "Bob" <eve@evil.example> (x) [y] \\' + " a very long name," * 12

    postbox.channel.send(message_for(name=name), now=now)

    (delivery,) = postbox.received()
    assert delivery.recipients == ("anna.nowak@people.example",)
    if not delivery.is_json:
        assert "To: anna" not in delivery.raw.decode()
        assert b"eve@evil.example" not in delivery.raw


def test_the_same_key_twice_can_be_recognised_on_the_other_side(
    postbox, message: Message, now: datetime
) -> None:
    postbox.channel.send(message, now=now)
    postbox.channel.send(message, now=now + timedelta(hours=1))

    deliveries = postbox.received()
    assert len({delivery.repeat_id for delivery in deliveries}) == 1


def test_different_keys_are_told_apart(postbox, message_for: Callable[..., Message], now: datetime) -> None:
    postbox.channel.send(message_for(key="letter-1"), now=now)
    postbox.channel.send(message_for(key="letter-2"), now=now)

    assert len({delivery.repeat_id for delivery in postbox.received()}) == 2


def test_a_moment_without_zone_is_refused_before_anything_is_sent(
    postbox, message: Message, now: datetime
) -> None:
    with pytest.raises(ValueError, match="zone"):
        postbox.channel.send(message, now=now.replace(tzinfo=None))


def test_an_answer_goes_to_the_sender_when_no_other_address_is_given(
    postbox, message_for: Callable[..., Message], now: datetime
) -> None:
    postbox.channel.send(message_for(reply_to=None, sender=Address("privacy@aimigos.example")), now=now)

    (delivery,) = postbox.received()
    assert "reply-to" not in delivery.readable.lower()
    assert "reply_to" not in delivery.readable
