"""Asking the provider where it cannot call: bounded, going on where it stopped, to the same states as its events."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from incident_flows.services.follow import followed
from incident_flows.services.polling import EVERY, QUESTIONS, poll
from notifications.errors import PermanentError, TransientError
from notifications.sendgrid_polling import PAGE, SendGridPolling
from tests.services.test_letters import Post

URL = "https://api.sendgrid.com"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


class Lists:
    """The provider's lists, a page at a time."""

    def __init__(self, **rows: list[tuple[str, int]]) -> None:
        self.rows: dict[str, Any] = rows
        self.asked: list[tuple[str, dict[str, str]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        which = request.url.path.rpartition("/")[2]
        given = dict(request.url.params)
        self.asked.append((which, given))
        since, until, offset = (int(given[name]) for name in ("start_time", "end_time", "offset"))
        rows = [
            {"created": at, "email": email, "reason": "550 no such user", "status": "5.1.1"}
            for email, at in self.rows.get(which, [])
            if since <= at <= until
        ]
        return httpx.Response(200, json=rows[offset : offset + int(given["limit"])])


@pytest.fixture
def post(house: Any, tmp_path: Path) -> Post:
    return Post(house, tmp_path)


def _polling(post: Post, answer: Any) -> None:
    client = httpx.Client(transport=httpx.MockTransport(answer))
    post.desk.poller = SendGridPolling("SG.key", client=client)


def test_failed_addresses_become_states_of_letters_and_lead_to_paper(post: Post) -> None:
    ref, notice = post.approved(6)
    post.notify(ref, notice)
    sent = int(post.house.now.timestamp())
    lists = Lists(
        bounces=[("PERSON1@people.example", sent + 5), ("person2@people.example", sent - 9_000), ("x@y.example", sent)],
        blocks=[("person3@people.example", sent + 7), ("person4@people.example", sent - 10_000)],
        invalid_emails=[("person5@people.example", sent + 9)],
    )
    _polling(post, lists)
    post.tick(minutes=1)
    found = followed(post.desk, ref).by_notice[notice]
    assert {word: many for word, many in found.items() if word != "waiting"} == {
        "bounced": 2, "dropped": 1, "blocked": 1,
    }  # fmt: skip
    assert [which for which, _ in lists.asked] == ["bounces", "blocks", "invalid_emails"]
    post.tick(minutes=1)
    assert len(lists.asked) == 3  # not time yet
    post.tick(minutes=15)
    assert followed(post.desk, ref).by_notice[notice] == found
    again = dict(lists.asked[3][1])
    assert int(again["start_time"]) > sent - 10_000


def test_a_long_list_is_read_over_several_ticks_without_gaps(post: Post) -> None:
    ref, notice = post.approved(3)
    post.notify(ref, notice)
    sent = int(post.house.now.timestamp())
    strangers = [(f"s{n}@else.example", sent - 90_000 + n) for n in range(PAGE * (QUESTIONS + 1))]
    lists = Lists(bounces=[*strangers, ("person2@people.example", sent + 1)])
    _polling(post, lists)
    post.house.advance(minutes=1)
    first = poll(post.desk, now=post.house.now)
    assert (first.questions, first.events) == (QUESTIONS, 0)
    post.tick(minutes=11)
    assert followed(post.desk, ref).by_notice[notice]["bounced"] == 1
    offsets = [int(given["offset"]) for which, given in lists.asked if which == "bounces"]
    assert offsets == [n * PAGE for n in range(QUESTIONS + 2)]


def test_nothing_is_asked_where_no_letter_left_or_the_provider_calls(post: Post) -> None:
    lists = Lists()
    _polling(post, lists)
    post.tick(minutes=1)
    assert lists.asked == []
    post.desk.poller = None
    ref, notice = post.approved(1)
    post.notify(ref, notice)
    post.tick(minutes=1)
    assert lists.asked == []


@pytest.mark.parametrize("status", [429, 500, 401])
def test_a_provider_that_does_not_answer_disturbs_no_tick_and_is_asked_again_later(post: Post, status: int) -> None:
    ref, notice = post.approved(2)
    post.notify(ref, notice)
    _polling(post, lambda request: httpx.Response(status, json={"errors": [{"message": "secret words"}]}))
    post.tick(minutes=1)
    with post.desk.database.read() as tx:
        fault = tx.leases.get("polling")["fault"]
    assert str(status) in fault
    assert "secret" not in fault
    sent = int(post.house.now.timestamp())
    _polling(post, Lists(bounces=[("person0@people.example", sent)]))
    post.tick(seconds=(EVERY + timedelta(seconds=1)).total_seconds())
    assert followed(post.desk, ref).by_notice[notice]["bounced"] == 1


def test_what_was_answered_before_a_failure_is_kept(post: Post) -> None:
    ref, notice = post.approved(2)
    post.notify(ref, notice)
    lists = Lists(bounces=[("person0@people.example", int(post.house.now.timestamp()) + 1)])

    def answer(request: httpx.Request) -> httpx.Response:
        return lists(request) if request.url.path.endswith("bounces") else httpx.Response(503)

    _polling(post, answer)
    post.tick(minutes=1)
    assert followed(post.desk, ref).by_notice[notice]["bounced"] == 1


def test_a_call_back_the_provider_lost_is_ordered_again(post: Post) -> None:
    ref, notice = post.approved(2)
    post.provider.script = ["cut"]
    post.notify(ref, notice, mode="zero")
    post.tick(minutes=2)  # the request in doubt is called back and sent anew
    [cancelled] = post.provider.cancelled
    statuses = [[], [{"batch_id": cancelled, "status": "cancel"}]]

    def answer(request: httpx.Request) -> httpx.Response:
        if "scheduled_sends" in request.url.path:
            return httpx.Response(200, json=statuses.pop(0))
        return httpx.Response(200, json=[])

    _polling(post, answer)
    with post.desk.database.read() as tx:
        assert [row.batch_id for row in tx.letters.held_back(post.house.now)] == [cancelled]
    assert poll(post.desk, now=post.house.now).called_back == 1
    post.house.advance(minutes=11)
    assert poll(post.desk, now=post.house.now).called_back in (0, 1)


@respx.mock
def test_the_questions_are_in_sendgrids_form() -> None:
    asked = respx.get(f"{URL}/v3/suppression/bounces").mock(
        return_value=httpx.Response(200, json=[{"created": 1795383000, "email": "a@b.example"}, {"created": "x"}, 7])
    )
    found = SendGridPolling("SG.key").failed("bounces", since=5, until=9, offset=500, now=0.0)
    assert [(one.email, one.at) for one in found] == [("a@b.example", 1795383000)]
    request = asked.calls.last.request
    assert dict(request.url.params) == {"start_time": "5", "end_time": "9", "limit": "500", "offset": "500"}
    assert request.headers["authorization"] == "Bearer SG.key"
    assert "a@b" not in repr(found)
    held = respx.get(f"{URL}/v3/user/scheduled_sends/b1")
    held.mock(return_value=httpx.Response(200, json=[{"batch_id": "b1", "status": "cancel"}]))
    assert SendGridPolling("SG.key").scheduled("b1", now=0.0) == "cancel"
    held.mock(return_value=httpx.Response(404, json={}))
    assert SendGridPolling("SG.key").scheduled("b1", now=0.0) is None


@respx.mock
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(429, headers={"Retry-After": "7"}), TransientError), (httpx.Response(503), TransientError),
        (httpx.Response(403, json={"errors": [{"message": "jane@x.example"}]}), PermanentError),
        (httpx.Response(200, content=b"<html>"), PermanentError), (httpx.Response(200, json={}), PermanentError),
        (httpx.ReadTimeout("slow"), TransientError),
    ],
)  # fmt: skip
def test_a_failure_says_whether_to_ask_again_and_nothing_of_anybody(answer: Any, error: type[Exception]) -> None:
    respx.get(f"{URL}/v3/suppression/blocks").mock(**{
        "side_effect" if isinstance(answer, Exception) else "return_value": answer
    })
    with pytest.raises(error) as caught:
        SendGridPolling("SG.key").failed("blocks", since=0, until=1, offset=0, now=0.0)
    said = json.dumps([str(caught.value), repr(caught.value)])
    assert "SG.key" not in said
    assert "jane" not in said
