"""Letters to many: a thousand to a request, each person once, nobody beside another; stopped when told to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from incident_flows.errors import InputError, NotApprovedError
from incident_flows.services import letters as policy
from incident_flows.services.approve import approve
from incident_flows.services.broadcast import switch_letters
from incident_flows.services.close import against_closing
from incident_flows.services.draft import draft
from incident_flows.services.notify import notify, resolve_doubt
from incident_flows.services.recipients import import_recipients
from incident_flows.services.sent import Sent
from incident_flows.services.show import show
from incident_flows.services.story import explain
from incident_flows.services.update import change_facts
from incident_flows.services.watch import tick
from notifications.sendgrid_batches import SendGridBatches
from tests.chaos.letters.stub import Provider

OFFICER = {
    "organisation": {"dpo": {"name": "Ana Ruiz", "email": "dpo@aimigos.example", "phone": "+34 600 000 000"}}
}


class Post:
    """A house whose letters go to a double of the provider in the same process."""

    def __init__(self, house: Any, tmp_path: Path) -> None:
        self.house, self.desk, self.folder, self.provider = house, house.desk, tmp_path, Provider()
        self.sized(1000)
        self.provider.now = house.now.timestamp()

        def answer(request: httpx.Request) -> httpx.Response:
            said = self.provider.answer(request.method, request.url.path, request.content)
            if said is None:
                raise httpx.ReadError("cut")
            return httpx.Response(said[0], headers=said[1], content=said[2])

        client = httpx.Client(transport=httpx.MockTransport(answer))
        self.desk.batches = SendGridBatches("SG.key", base_url="https://provider.example", client=client)

    def sized(self, batch: int) -> None:
        """Let a request hold so many people."""
        self.desk.sending_limit = {} if batch == 1000 else {"hour": batch}

    def approved(self, count: int, *, first: int = 0) -> tuple[str, str]:
        house = self.house
        ref = house.open("aimigos-studio")
        change_facts(house.desk, ref, OFFICER, actor=house.person(), now=house.now, source="call")
        self.take_in(ref, count, first=first)
        drafted, _ = draft(house.desk, ref, "eu-gdpr/tell-people", actor=house.person("anna"), now=house.now)
        [one] = [one.notice for one in drafted]
        explain(house.desk, ref, [], because="a part of them", actor=house.person("anna"), now=house.now)
        approve(house.desk, ref, one.ref, actor=house.person("boris"), now=house.now)
        return ref, one.ref

    def take_in(self, ref: str, count: int, *, first: int = 0) -> None:
        people = self.folder / "people.csv"
        rows = "".join(f"person{n}@people.example,Name {n},en\n" for n in range(first, first + count))
        people.write_text(f"email,name,language\n{rows}")
        import_recipients(self.desk, ref, people, actor=self.house.person(), now=self.house.now)

    def notify(self, ref: str, notice: str, **more: Any) -> Sent:
        self.provider.now = self.house.now.timestamp()
        return notify(self.desk, ref, notice, actor=self.house.person(), now=self.house.now, **more)[0]

    def tick(self, **later: float) -> None:
        self.house.advance(**later)
        self.provider.now = self.house.now.timestamp()
        tick(self.desk, now=self.house.now)

    def account(self) -> dict[str, Any]:
        return self.provider.account({"list": True})

    def deliveries(self, ref: str) -> dict[str, int]:
        found: dict[str, int] = show(self.desk, ref)["deliveries"]
        return found


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database for the rules; the ledger itself is tested on both, in tests/storage."""
    return sqlite_url


@pytest.fixture
def post(house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Post:
    monkeypatch.setattr(policy, "LARGEST_BATCH", 1000)
    return Post(house, tmp_path)


@pytest.fixture
def small(post: Post, monkeypatch: pytest.MonkeyPatch) -> Post:
    """Ten people to a request."""
    monkeypatch.setattr("incident_flows.services.packing.LARGEST_BATCH", 10)
    return post


def test_a_late_list_gets_a_letter_of_its_own_and_nobody_a_second_one(small: Post) -> None:
    """Somebody's language may be answered by another notice later; those taken in late are in none until drafted."""
    ref, notice = small.approved(12)
    small.notify(ref, notice)
    small.take_in(ref, 3, first=12)
    actor = small.house.person()
    with small.desk.database.read() as tx:
        assert "3 people on the list are in no letter" in [one.because for one in against_closing(tx, ref)]
    drafted, _ = draft(small.desk, ref, "eu-gdpr/tell-people", actor=actor, now=small.house.now)
    [late] = [one.notice for one in drafted]
    assert late.ref != notice
    explain(small.desk, ref, [], because="a part of them", actor=small.house.person("anna"), now=small.house.now)
    approve(small.desk, ref, late.ref, actor=small.house.person("boris"), now=small.house.now)
    assert small.notify(ref, late.ref).counts == {"sent": 3}
    account = small.account()
    assert (account["people"], account["doubled"]) == (15, 0)
    with small.desk.database.read() as tx:
        assert "people" not in [one.subject for one in against_closing(tx, ref)]
    drafted, skipped = draft(small.desk, ref, "eu-gdpr/tell-people", actor=actor, now=small.house.now)
    assert not drafted
    assert skipped


def test_everybody_gets_one_letter_and_nobody_sees_another(small: Post) -> None:
    ref, notice = small.approved(57)
    sent = small.notify(ref, notice)
    assert (sent.state, sent.counts) == ("sent", {"sent": 57})
    account = small.account()
    assert (account["people"], account["doubled"], account["requests"]) == (57, 0, 6)
    assert (account["foreign"], account["shown_together"]) == (0, 0)
    assert small.notify(ref, notice).state == "sent"
    assert small.account()["requests"] == 6
    assert show(small.desk, ref)["obligations"][0]["id"]


def test_a_list_that_changed_after_the_approval_needs_another_one(small: Post) -> None:
    ref, notice = small.approved(5)
    small.take_in(ref, 5, first=5)
    with pytest.raises(NotApprovedError, match="5 people then, 10 now"):
        small.notify(ref, notice)
    assert small.account()["requests"] == 0
    explain(small.desk, ref, [], because="a part of them", actor=small.house.person("anna"), now=small.house.now)
    approve(small.desk, ref, notice, actor=small.house.person("boris"), now=small.house.now)
    assert small.notify(ref, notice).counts == {"sent": 10}


def test_the_team_reads_it_first_and_is_not_counted(small: Post) -> None:
    small.desk.seeds = ("team@aimigos.example",)
    ref, notice = small.approved(12)
    assert small.notify(ref, notice).counts == {"sent": 12}
    first = json.loads(small.provider.accepted[0])["personalizations"]
    assert [one["to"] for one in first] == [[{"email": "team@aimigos.example"}]]


def test_waves_take_one_per_cent_then_ten_then_the_rest(small: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy.Policy, "wave_of", _waves_for_hundreds(policy.Policy.wave_of))
    ref, notice = small.approved(200)
    small.notify(ref, notice)
    [letters] = show(small.desk, ref)["letters"]
    assert [(one["wave"], one["states"]) for one in letters["waves"]] == [
        (1, {"accepted": 2}),
        (2, {"accepted": 20}),
        (3, {"accepted": 178}),
    ]


def _waves_for_hundreds(original: Callable[..., int]) -> Callable[..., int]:
    from dataclasses import replace

    return lambda self, position, listed: original(replace(self, waves_from=100), position, listed)


@pytest.mark.parametrize("wanted", ["paused", "stopped"])
def test_a_stop_really_stops_before_the_next_request(small: Post, wanted: Any) -> None:
    ref, notice = small.approved(50)

    def stop(point: str) -> None:
        if point == "notify:claimed" and len(small.provider.accepted) == 1:
            small.desk.on_step = None
            actor = small.house.person()
            switch_letters(small.desk, ref, notice, wanted, because="wrong text", actor=actor, now=small.house.now)

    small.desk.on_step = stop
    small.notify(ref, notice)
    assert small.account()["people"] == 20, "the one under way is the last"
    small.tick(minutes=5)
    assert small.account()["people"] == 20
    assert small.deliveries(ref) == {"sent": 20, {"paused": "planned", "stopped": "withdrawn"}[wanted]: 30}
    with small.desk.database.read() as tx:
        assert notice in [one.subject for one in against_closing(tx, ref)] or wanted == "stopped"
    switch_letters(small.desk, ref, notice, "go", because="", actor=small.house.person(), now=small.house.now)
    small.tick(minutes=5)
    account = small.account()
    assert (account["people"], account["doubled"]) == (50, 0)


def test_people_the_provider_names_are_set_apart_and_the_rest_is_sent(small: Post) -> None:
    ref, notice = small.approved(25)
    small.provider.bad = {"person3@people.example", "person17@people.example"}
    sent = small.notify(ref, notice)
    assert sent.counts == {"sent": 23, "quarantined": 2}
    account = small.account()
    assert (account["people"], account["doubled"]) == (23, 0)
    assert not small.provider.bad & set(account["got"])


def test_a_refusal_that_names_nobody_is_halved_until_it_is_one_person(small: Post) -> None:
    ref, notice = small.approved(10)
    refused = _refuses(small.provider, "person6@people.example")
    assert small.notify(ref, notice).counts == {"sent": 9, "quarantined": 1}
    assert refused == [10, 5, 3, 2, 1] or len(refused) <= 5
    assert small.account()["doubled"] == 0


def _refuses(provider: Provider, email: str) -> list[int]:
    seen: list[int] = []
    accept = provider._send

    def send(body: bytes) -> Any:
        if email.encode() in body:
            seen.append(len(json.loads(body)["personalizations"]))
            return 400, {}, b'{"errors": [{"message": "bad", "field": null}]}'
        return accept(body)

    provider._send = send  # type: ignore[method-assign]
    return seen


def test_a_letter_the_provider_refuses_pauses_everything(small: Post) -> None:
    ref, notice = small.approved(30)
    small.provider.script = [{"status": 400, "answer": {"errors": [{"message": "x", "field": "from.email"}]}}]
    sent = small.notify(ref, notice)
    assert sent.state == "sending"
    assert "--resume" in (sent.next or "")
    small.tick(minutes=10)
    assert small.account()["requests"] == 0, "not tried again by itself"
    switch_letters(small.desk, ref, notice, "go", because="verified", actor=small.house.person(), now=small.house.now)
    small.tick(minutes=1)
    assert small.deliveries(ref) == {"sent": 30}


def test_too_many_requests_wait_as_long_as_asked(small: Post) -> None:
    ref, notice = small.approved(30)
    small.provider.script = [None, {"status": 429, "headers": {"Retry-After": "120"}}]
    sent = small.notify(ref, notice)
    assert sent.counts == {"sent": 10, "planned": 20}
    small.tick(seconds=119)
    assert small.account()["people"] == 10
    small.tick(seconds=2)
    assert (small.account()["people"], small.account()["doubled"]) == (30, 0)


def test_the_provider_s_limit_is_kept_and_shown(post: Post) -> None:
    post.desk.sending_limit = {"hour": 20}
    ref, notice = post.approved(50)
    sent = post.notify(ref, notice)
    assert sent.counts == {"sent": 20, "planned": 30}
    assert "limit" in (sent.next or "")
    assert show(post.desk, ref)["letters"][0]["limit"] == {"hour": 20}
    post.tick(minutes=59)
    assert post.account()["people"] == 20
    post.tick(minutes=2)
    assert post.account()["people"] == 40


def test_a_cut_answer_doubles_at_most_that_batch(small: Post) -> None:
    ref, notice = small.approved(30)
    small.provider.script = [None, "cut"]
    sent = small.notify(ref, notice, mode="at-most-one-duplicate-batch")
    assert sent.counts == {"sent": 10, "claimed": 10, "planned": 10}
    small.tick(minutes=2)
    account = small.account()
    assert (account["people"], account["doubled"]) == (30, 10)
    assert small.deliveries(ref) == {"sent": 30}


def test_by_default_a_cut_answer_waits_for_a_person_and_the_rest_goes_on(small: Post) -> None:
    ref, notice = small.approved(30)
    small.provider.script = [None, "cut"]
    small.notify(ref, notice)
    small.tick(minutes=2)
    account = small.account()
    assert (account["people"], account["doubled"]) == (30, 0)
    assert small.deliveries(ref) == {"sent": 20, "in-doubt": 10}
    resolve_doubt(
        small.desk, ref, notice, "not-arrived", because="its log", actor=small.house.person(), now=small.house.now
    )
    small.tick(minutes=2)
    assert small.deliveries(ref) == {"sent": 30}


def test_in_mode_zero_a_cut_answer_is_called_back_and_doubles_nobody(small: Post) -> None:
    ref, notice = small.approved(100)
    small.provider.script = [None, "cut", None, "500"]
    sent = small.notify(ref, notice, mode="zero")
    assert sent.state == "sending"
    assert sent.counts["scheduled"] >= 10
    small.tick(minutes=2)
    assert len(small.provider.cancelled) == 2
    account = small.account()
    assert (account["people"], account["doubled"]) == (100, 0)
    assert small.deliveries(ref) == {"scheduled": 100}, "not told yet: the provider holds them"
    small.tick(minutes=25)
    assert small.deliveries(ref) == {"sent": 100}
    assert show(small.desk, ref)["notices"][-1]["state"] == "sent"


def test_in_mode_zero_doubt_that_is_noticed_too_late_waits_for_a_person(small: Post) -> None:
    ref, notice = small.approved(20)
    small.provider.script = ["cut"]
    small.notify(ref, notice, mode="zero")
    small.tick(minutes=15)
    assert small.provider.cancelled == {}
    small.tick(minutes=15)
    doubtful = small.deliveries(ref)["in-doubt"]
    assert doubtful == 10
    resolve_doubt(
        small.desk, ref, notice, "arrived", because="its log", actor=small.house.person(), now=small.house.now
    )
    small.tick(minutes=30)
    assert small.deliveries(ref) == {"sent": 20}
    assert small.account()["doubled"] == 0


def test_stopping_in_mode_zero_calls_back_what_is_not_due_yet(small: Post) -> None:
    ref, notice = small.approved(30)
    small.notify(ref, notice, mode="zero")
    switch_letters(small.desk, ref, notice, "stopped", because="x", actor=small.house.person(), now=small.house.now)
    assert small.deliveries(ref) == {"withdrawn": 30}
    assert small.account()["people"] == 0


def test_mode_zero_is_refused_where_nothing_can_be_called_back(house: Any, tmp_path: Path) -> None:
    post = Post(house, tmp_path)
    house.desk.batches = None
    ref, notice = post.approved(1)
    with pytest.raises(InputError, match="call letters back"):
        post.notify(ref, notice, mode="zero")


def test_two_senders_never_work_on_one_list(small: Post) -> None:
    ref, notice = small.approved(30)
    others: list[Any] = []

    def second(point: str) -> None:
        if point == "notify:claimed" and not others:
            small.desk.owner, mine = "other", small.desk.owner
            others.append(small.notify(ref, notice))
            small.desk.owner = mine

    small.desk.on_step = second
    small.notify(ref, notice)
    assert others[0].ended == "elsewhere"
    assert (small.account()["people"], small.account()["doubled"]) == (30, 0)


def test_letters_laid_in_the_outbox_are_sent_once_a_provider_is_set_up(small: Post) -> None:
    from notifications.outbox import OutboxChannel

    provider, small.desk.batches = small.desk.batches, None
    small.desk.channel = OutboxChannel(small.folder / "outbox")
    ref, notice = small.approved(12)
    assert small.notify(ref, notice).counts == {"delivered-to-outbox": 12}
    assert len(list((small.folder / "outbox").glob("*.eml"))) == 12
    small.desk.batches = provider
    assert small.notify(ref, notice).counts == {"sent": 12}
    assert small.account()["people"] == 12


def test_nothing_of_a_person_stands_readable_in_the_ledger(small: Post) -> None:
    ref, notice = small.approved(12)
    small.notify(ref, notice)
    with small.desk.database.read() as tx:
        rows = tx.letters.page(tx.notices.get(ref, notice).id)
        assert len(rows) == 2
        said = str([row.model_dump() for row in rows]) + str([one.payload for one in tx.journal.entries(ref)])
    assert "people.example" not in said
    assert "Name 3" not in said
