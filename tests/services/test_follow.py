"""What became of letters: events late, twice, out of order, forged; proof that settles doubt."""

from __future__ import annotations

import base64
import json
import struct
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from incident_flows.core.fates import STATES, Fates, counts_of, event_of, read_events
from incident_flows.errors import InputError
from incident_flows.services.desk import Desk
from incident_flows.services.follow import answers, count, followed, receive, unreached_people
from incident_flows.services.show import show
from notifications.errors import SignatureError

FIRST = 1795383000


def _batch(house: Any, ref: str, nonce: str, people: list[int], **values: Any) -> int:
    """Store a batch of a letter as the sender leaves it; return the notice's number."""
    with house.desk.database.write() as tx:
        incident = tx.incidents.get(ref)
        notices = [one for one in tx.notices.list(ref) if one.kind == "people"]
        notice = notices[0] if notices else tx.notices.add(
            ref, oid="eu-gdpr/tell-people@people", kind="people", phase="initial", language="en", state="sending",
            subject="S", text="T", html=None, sha256="0" * 64, missing=[], drafted_by="anna", drafted_at=house.now,
            route={"kind": "people"},
        )  # fmt: skip
        tx.letters.add([{
            "notice_id": notice.id, "incident_id": incident.id, "wave": 1, "variant": "en", "count": len(people),
            "numbers": struct.pack(f"<{len(people)}i", *people), "template_sha256": "0" * 64, "sealed": b"x",
            "form": "sendgrid", "nonce": nonce, "state": "accepted", "channel": "sendgrid", **values,
        }])  # fmt: skip
    return int(notice.id)


def _event(kind: str, place: int, *, nonce: str = "n1", at: int = FIRST, **more: Any) -> dict[str, Any]:
    return {
        "email": "jane@reader.example", "timestamp": at, "event": kind, "n": nonce, "i": str(place),
        "sg_event_id": f"{kind}-{place}-{at}", "sg_message_id": "m", **more,
    }  # fmt: skip


def _receive(house: Any, *events: Any) -> Any:
    receive(house.desk, json.dumps(events).encode(), now=house.now)
    return count(house.desk, now=house.now)


def test_states_move_forward_whatever_the_order_and_however_often(house: Any) -> None:
    ref = house.open("aimigos-studio")
    _batch(house, ref, "n1", [7, 8, 9])
    story = [
        _event("processed", 0), _event("delivered", 0, at=FIRST + 9), _event("deferred", 1, at=FIRST + 2),
        _event("bounce", 1, at=FIRST + 60), _event("delivered", 2), _event("bounce", 2, at=FIRST + 900),
    ]  # fmt: skip
    done = _receive(house, *reversed(story))
    assert (done.events, done.repeated, done.unknown) == (6, 0, 0)
    again = _receive(house, *({**one, "sg_event_id": "another"} for one in story))
    assert (again.events, again.repeated) == (0, 6)
    assert list(followed(house.desk, ref).by_notice.values()) == [{"delivered": 1, "bounced": 2}]
    with house.desk.database.read() as tx:
        assert unreached_people(tx, tx.incidents.get(ref).id) == {8: "bounced", 9: "bounced"}


def test_no_address_of_an_event_is_kept(house: Any, database: Any) -> None:
    ref = house.open("aimigos-studio")
    _batch(house, ref, "n1", [1])
    receive(house.desk, json.dumps([_event("delivered", 0)]).encode(), now=house.now)
    with house.desk.database.read() as tx:
        assert tx.fates.waiting() == 1
    with house.desk.database.write() as tx:
        (row,) = tx.fates.take(10)
    assert b"jane" not in row.body


@pytest.mark.parametrize(
    ("state", "kind", "after"),
    [
        ("in-doubt", None, "released"),
        ("quarantined", "margin", "released"),
        ("quarantined", "refused", "quarantined"),
        ("planned", "sent again", "released"),
        ("planned", None, "planned"),
        ("accepted", None, "accepted"),
    ],
)
def test_an_event_proves_that_a_doubtful_batch_arrived(
    house: Any, state: str, kind: str | None, after: str
) -> None:
    ref = house.open("aimigos-studio")
    notice = _batch(house, ref, "n1", [1, 2], state=state, error_kind=kind)
    done = _receive(house, _event("processed", 0))
    assert done.proved == (after == "released")
    with house.desk.database.read() as tx:
        (row,) = tx.letters.page(notice)
        acts = [one.act for one in tx.journal.entries(ref, limit=1000)]
    assert row.state == after
    assert acts.count("doubt-resolved") == done.proved


def test_events_about_nothing_of_ours_are_counted_and_change_nothing(house: Any) -> None:
    ref = house.open("aimigos-studio")
    _batch(house, ref, "n1", [1])
    strange = [
        _event("delivered", 0, nonce="theirs"), _event("cheered", 0), {"event": "delivered"}, "text", None,
        _event("delivered", 0, at=True), {**_event("delivered", 0), "i": "-1"}, _event("delivered", 5),
    ]  # fmt: skip
    done = _receive(house, *strange)
    assert (done.unknown, done.events) == (1, 1)
    assert list(followed(house.desk, ref).by_notice.values()) == [{"waiting": 1}]


@pytest.mark.parametrize("body", [b"", b"{}", b"[1", b'"x"', b"\xff"])
def test_what_is_no_list_of_events_is_refused(house: Any, body: bytes) -> None:
    with pytest.raises(InputError, match="events: is no"):
        receive(house.desk, body, now=house.now)


def _signed(key: EllipticCurvePrivateKey, body: bytes, at: int) -> dict[str, str]:
    signature = key.sign(str(at).encode() + body, ECDSA(SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": str(at),
    }


def _public(key: EllipticCurvePrivateKey) -> str:
    return base64.b64encode(
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()


def test_only_what_the_provider_signed_lately_is_believed(house: Any) -> None:
    old, new, forger = (generate_private_key(SECP256R1()) for _ in range(3))
    desk: Desk = house.desk
    desk.event_keys = (_public(old), _public(new))
    body, now = json.dumps([_event("delivered", 0)]).encode(), int(house.now.timestamp())
    for key in (old, new):
        assert receive(desk, body, now=house.now, headers=_signed(key, body, now)).events == 1
    for headers, given_body in (
        (_signed(forger, body, now), body),
        (_signed(new, body, now), body.replace(b"delivered", b"processed")),
        (_signed(new, body, now - 26 * 3600), body),
        (_signed(new, body, now + 3600), body),
        ({}, body),
    ):
        with pytest.raises(SignatureError):
            receive(desk, given_body, now=house.now, headers=headers)
    with desk.database.read() as tx:
        assert tx.fates.waiting() == 2


def test_a_strict_window_refuses_a_repeated_old_signature(house: Any) -> None:
    key = generate_private_key(SECP256R1())
    house.desk.event_keys = (_public(key),)
    body, at = b"[]", int(house.now.timestamp()) - 600
    with pytest.raises(SignatureError, match="too old"):
        receive(
            house.desk, body, now=house.now, headers=_signed(key, body, at), freshness=timedelta(minutes=5)
        )


def test_the_tick_counts_what_was_put_down(house: Any) -> None:
    from incident_flows.services.watch import tick

    ref = house.open("aimigos-studio")
    _batch(house, ref, "n1", [1])
    receive(house.desk, json.dumps([_event("delivered", 0)]).encode(), now=house.now)
    tick(house.desk, now=house.now)
    assert show(house.desk, ref)["followed"]["by_notice"] == {"N-0001": {"delivered": 1}}


def test_a_counter_that_dies_before_its_commit_loses_and_doubles_nothing(house: Any) -> None:
    ref = house.open("aimigos-studio")
    _batch(house, ref, "n1", [1])
    receive(house.desk, json.dumps([_event("delivered", 0)]).encode(), now=house.now)

    def die(point: str) -> None:
        raise KeyboardInterrupt

    house.desk.on_step = die
    with pytest.raises(KeyboardInterrupt):
        count(house.desk, now=house.now)
    house.desk.on_step = None
    assert count(house.desk, now=house.now).events == 1


def test_replies_and_calls_are_counted_up(house: Any) -> None:
    ref = house.open("aimigos-studio")
    answers(house.desk, ref, replies=3, calls=0, actor=house.person(), now=house.now)
    found = answers(house.desk, ref, replies=1, calls=2, actor=house.person("boris"), now=house.now)
    assert (found.replies, found.calls) == (4, 2)
    with pytest.raises(InputError, match="above 0"):
        answers(house.desk, ref, replies=0, calls=0, actor=house.person(), now=house.now)


_EVENTS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(STATES[1:]), st.integers(0, 3)), max_size=30
)


@given(_EVENTS, st.randoms())
def test_the_order_of_events_never_matters(story: list[tuple[int, str, int]], chance: Any) -> None:
    events = [event_of("n", place, word, at) for place, word, at in story]
    one, other = Fates.of(5), Fates.of(5)
    one.apply(events)
    shuffled = [*events, *events]
    chance.shuffle(shuffled)
    before = bytes(other.states)
    for event in shuffled:
        other.apply([event])
        assert all(new >= old for new, old in zip(other.states, before, strict=True))
        before = bytes(other.states)
    assert one.states == other.states
    assert one.counted == other.counted == len({event.digest for event in events})
    assert sum(counts_of(one.states).values()) == 5


def test_events_are_read_without_what_they_must_not_bring() -> None:
    (event,), strange = read_events([_event("bounce", 3, type="blocked", reason="jane is unknown")])
    assert strange == 0
    assert STATES[event.rank] == "blocked"
    assert "jane" not in repr(event)
