"""First address, second address, paper: each of them once for each person, in this order, whatever comes late."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incident_flows.errors import IllegalTransitionError
from incident_flows.services.approve import approve
from incident_flows.services.broadcast import switch_letters
from incident_flows.services.by_post import GivenOut, give_out
from incident_flows.services.close import against_closing
from incident_flows.services.draft import draft
from incident_flows.services.follow import count, followed, receive
from incident_flows.services.recipients import import_recipients
from incident_flows.services.show import show
from incident_flows.services.story import explain
from incident_flows.services.update import change_facts
from tests.services.test_letters import OFFICER, Post

PEOPLE = [
    ("ana@people.example", "ana@second.example", "1 High Street"),
    ("ben@people.example", "", "2 High Street"),
    ("kim@people.example", "ana@second.example", ""),
    ("joy@people.example", "JOY@people.example", "4 High Street"),
    ("sam@people.example", "sam@second.example", "5 High Street"),
]


@pytest.fixture
def post(house: Any, tmp_path: Path) -> Post:
    return Post(house, tmp_path)


def _sent(post: Post) -> tuple[str, str]:
    house = post.house
    ref = house.open("aimigos-studio")
    change_facts(house.desk, ref, OFFICER, actor=house.person(), now=house.now, source="call")
    file = post.folder / "people.csv"
    rows = "".join(f"{one},{two},en,GB,{street}\n" for one, two, street in PEOPLE)
    file.write_text(f"email,second email,language,place,address\n{rows}")
    import_recipients(house.desk, ref, file, actor=house.person(), now=house.now)
    [one] = draft(house.desk, ref, "eu-gdpr/tell-people", actor=house.person("anna"), now=house.now)[0]
    explain(house.desk, ref, [], because="a part of them", actor=house.person("anna"), now=house.now)
    approve(house.desk, ref, one.notice.ref, actor=house.person("boris"), now=house.now)
    post.notify(ref, one.notice.ref)
    return ref, one.notice.ref


def _requests(post: Post) -> list[tuple[str, list[str]]]:
    """Return nonce and addresses of every request the provider took, in order."""
    bodies = [json.loads(body) for body in post.provider.accepted]
    return [
        (one["custom_args"]["n"], [to["email"] for person in one["personalizations"] for to in person["to"]])
        for one in bodies
    ]


def _mailed(post: Post) -> Counter[str]:
    return Counter(address.lower() for _, addresses in _requests(post) for address in addresses)


def _event(post: Post, address: str, kind: str, *, at: int = 0) -> None:
    """Let the provider say what became of a letter to an address; nothing if none went there."""
    for nonce, addresses in _requests(post):
        if address in addresses:
            event = {"event": kind, "n": nonce, "i": str(addresses.index(address)), "timestamp": 1795383000 + at}
            receive(post.desk, json.dumps([event]).encode(), now=post.house.now)


def _print(post: Post, ref: str, *, again: bool = False) -> GivenOut:
    with tempfile.TemporaryDirectory() as folder:
        return give_out(post.desk, ref, Path(folder, "out"), actor=post.house.person(), now=post.house.now, again=again)


def test_a_bounce_goes_to_the_second_address_and_then_to_paper(post: Post) -> None:
    ref, notice = _sent(post)
    for name in ("ana", "ben", "kim", "joy"):
        _event(post, f"{name}@people.example", "bounce")
    assert show(post.desk, ref)["deliveries"] == {"sent": 5}
    count(post.desk, now=post.house.now)
    waiting = _print(post, ref)
    assert (waiting.letters, waiting.waiting, waiting.unreachable) == (2, 2, 0)  # ben, and joy, who has one address
    post.tick(minutes=5)
    mailed = _mailed(post)
    assert mailed["ana@second.example"] == 2  # two people share it: two letters in two requests
    assert mailed.total() == 7
    assert show(post.desk, ref)["deliveries"] == {"sent": 5}
    assert show(post.desk, ref)["letters"][0]["second"] == {"sent": 2}
    first, second = (nonce for nonce, addresses in _requests(post) if "ana@second.example" in addresses)
    event = {"event": "bounce", "i": "0", "timestamp": 1795383900}
    receive(post.desk, json.dumps([{**event, "n": first}, {**event, "n": second}]).encode(), now=post.house.now)
    post.tick(minutes=5)
    assert followed(post.desk, ref).second == {notice: {"bounced": 2}}
    done = _print(post, ref)
    assert (done.letters, done.before, done.waiting, done.unreachable) == (1, 2, 0, 1)  # ana; kim lives nowhere
    post.tick(minutes=5)
    assert _mailed(post).total() == 7
    [tried] = [one for one in show(post.desk, ref)["journal"] if one["act"] == "second-addresses"]
    assert tried["payload"] == {"people": 2, "without": 2, "because": {"bounced": 4}}


def test_a_refused_address_is_followed_by_the_second_one_when_a_person_sends(post: Post) -> None:
    post.provider.bad = {"sam@people.example"}
    ref, notice = _sent(post)
    assert show(post.desk, ref)["deliveries"] == {"sent": 4, "quarantined": 1}
    sent = post.notify(ref, notice)
    assert _mailed(post)["sam@second.example"] == 1
    assert sent.next == "letters to second addresses: 1 sent"
    assert post.notify(ref, notice).state == "sent"
    assert _mailed(post).total() == 5
    with pytest.raises(IllegalTransitionError, match="every letter reached"):
        _print(post, ref)


def test_nothing_goes_to_second_addresses_while_a_person_has_stopped_the_letters(post: Post) -> None:
    ref, notice = _sent(post)
    switch_letters(
        post.desk, ref, notice, "stopped", because="wrong number", actor=post.house.person(), now=post.house.now
    )
    _event(post, "ana@people.example", "bounce")
    post.tick(minutes=5)
    assert _mailed(post)["ana@second.example"] == 0
    with post.desk.database.read() as tx:
        open_ones = [one.because for one in against_closing(tx, ref)]
    assert "letters to second addresses are to go" in open_ones
    switch_letters(post.desk, ref, notice, "go", because="", actor=post.house.person(), now=post.house.now)
    post.tick(minutes=5)
    assert _mailed(post)["ana@second.example"] == 1


ADDRESSES = sorted({one.lower() for row in PEOPLE for one in row[:2] if one})
EVENTS = st.tuples(
    st.just("event"), st.sampled_from(ADDRESSES), st.sampled_from(["delivered", "bounce", "dropped", "deferred"])
)
STEPS = st.one_of(
    EVENTS, EVENTS, st.tuples(st.just("tick"), st.sampled_from(["", "second:before-commit", "second:planned"])),
    st.tuples(st.just("notify")), st.tuples(st.just("print")),
)  # fmt: skip


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=4, max_size=14))
def test_nobody_gets_the_letter_twice_anywhere(post: Post, steps: list[Any]) -> None:
    post.provider.accepted.clear()
    ref, notice = _sent(post)
    printed = lost = 0
    dies = ""

    def reached(name: str) -> None:
        nonlocal dies
        if name == dies:
            dies = ""
            raise KeyboardInterrupt

    post.desk.reached = reached
    failed: set[str] = set()
    for number, (what, *more) in enumerate(steps):
        if what == "event":
            address, kind = more
            _event(post, address, kind, at=number)
            if kind in ("bounce", "dropped") and _mailed(post)[address]:
                failed.add(address)
        elif what == "print":
            count(post.desk, now=post.house.now)
            try:
                done = _print(post, ref)
            except IllegalTransitionError:
                continue
            printed += done.letters
        else:
            dies = more[0] if what == "tick" else ""
            try:
                post.tick(seconds=30) if what == "tick" else post.notify(ref, notice)
            except KeyboardInterrupt:
                lost += 1
            dies = ""
        mailed = _mailed(post)
        assert all(mailed[one] == 1 for one, _, _ in PEOPLE)
        assert mailed["sam@second.example"] <= ("sam@people.example" in failed)
        shared = ("ana@people.example" in failed) + ("kim@people.example" in failed)
        assert mailed["ana@second.example"] <= shared
        assert printed <= len(failed)
    for _ in range(2):
        post.tick(seconds=30)
    shared = ("ana@people.example" in failed) + ("kim@people.example" in failed)
    assert _mailed(post)["ana@second.example"] == shared
    assert _mailed(post)["sam@second.example"] == ("sam@people.example" in failed)
