"""A thousand copies in one request: each to one reader, what differs escaped, nothing tracked, in SendGrid's shape."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from sendgrid.helpers.mail import (
    BypassListManagement,
    From,
    Mail,
    MailSettings,
    Personalization,
    SendAt,
    Substitution,
    To,
    TrackingSettings,
)

from notifications import Address, OutcomeUnknownError, PermanentError, TransientError
from notifications.letters import NAME_MARK, Letter, Reader
from notifications.sendgrid_batches import SendGridBatches, SendGridFormat
from tests.chaos.letters.stub import Provider

LETTER = Letter(
    sender=Address("privacy@aimigos.example", "Aimigos"),
    subject="About your data",
    text=f"Hello {NAME_MARK},\nread this.",
    html=f"<p>Hello {NAME_MARK},</p>",
    key="INC-2026-0001/N-0001/abc",
)
TAG = "5f1d9a0c5f1d9a0c"


def _channel(answer: Any) -> SendGridBatches:
    client = httpx.Client(transport=httpx.MockTransport(answer))
    return SendGridBatches("SG.key", base_url="https://provider.example", client=client)


def _sent(readers: list[Reader], **more: Any) -> dict[str, Any]:
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(202, headers={"X-Message-Id": "m1"})

    channel = _channel(answer)
    given = {"nonce": "n0nce", "batch_id": None, "send_at": None, "now": 0.0, **more}
    channel.send(channel.head(LETTER, TAG), channel.pack(readers, LETTER, TAG), **given)
    payload: dict[str, Any] = json.loads(bodies[0])
    return payload


def test_every_copy_has_one_reader_and_no_categories_or_names_beside_the_letter() -> None:
    payload = _sent([Reader(f"p{n}@people.example", f"Name {n}") for n in range(1000)])
    assert len(payload["personalizations"]) == 1000
    assert {len(one["to"]) for one in payload["personalizations"]} == {1}
    assert not {"cc", "bcc"} & {key for one in payload["personalizations"] for key in one}
    assert [one["custom_args"] for one in payload["personalizations"][:2]] == [{"i": "0"}, {"i": "1"}]
    assert payload["custom_args"] == {"n": "n0nce"}
    assert "categories" not in payload
    tracking = payload["tracking_settings"]
    for kind in ("click_tracking", "open_tracking", "subscription_tracking", "ganalytics"):
        assert tracking[kind]["enable"] is False


def test_the_shape_is_that_of_sendgrid_s_own_helpers() -> None:
    ours = _sent([Reader("p@people.example", "Ana")], batch_id="b1", send_at=1_790_000_000)
    mail = Mail(from_email=From("privacy@aimigos.example", "Aimigos"), subject="About your data")
    one = Personalization()
    one.add_to(To("p@people.example"))
    [first, second] = ours["personalizations"][0]["substitutions"]
    one.add_substitution(Substitution(first, " Ana"))
    one.add_substitution(Substitution(second, " Ana"))
    mail.add_personalization(one)
    mail.send_at = SendAt(1_790_000_000)
    theirs = mail.get()
    assert ours["from"] == theirs["from"]
    assert ours["send_at"] == theirs["send_at"]
    [mine], [helper] = ours["personalizations"], theirs["personalizations"]
    assert mine["to"] == helper["to"]
    assert mine["substitutions"] == helper["substitutions"]
    settings = MailSettings()
    settings.bypass_list_management = BypassListManagement(True)
    assert set(ours["mail_settings"]) == {"bypass_spam_management", "bypass_unsubscribe_management"}
    assert ours["mail_settings"]["bypass_spam_management"] == settings.get()["bypass_list_management"]
    assert TrackingSettings().get() == {}


def test_a_name_is_escaped_in_html_only_and_never_expanded_again() -> None:
    provider = Provider()
    names = ["<a href='//evil.example'>Ana", f"-{TAG}h-", "line\nbreak", "zero\u200bwidth", "O'Neill & Söhne"]
    readers = [Reader(f"p{n}@people.example", name) for n, name in enumerate(names)]
    payload = _sent(readers)
    values = [list(one["substitutions"].values()) for one in payload["personalizations"]]
    assert values[0] == [" <a href='//evil.example'>Ana", " &lt;a href=&#x27;//evil.example&#x27;&gt;Ana"]
    assert values[1:4] == [["", ""]] * 3, "what could be expanded, or hides a character, is left out"
    assert values[4] == [" O'Neill & Söhne", " O&#x27;Neill &amp; Söhne"]
    provider.accepted.append(json.dumps(payload).encode())
    assert provider.account({})["foreign"] == 0


@pytest.mark.parametrize("readers", [[], [Reader("a@people.example"), Reader("A@people.example")]])
def test_a_request_that_would_be_refused_whole_is_not_made(readers: list[Reader]) -> None:
    with pytest.raises(ValueError, match="request"):
        SendGridFormat().pack(readers, LETTER, TAG)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(429, headers={"Retry-After": "7"}), TransientError),
        (httpx.Response(400, json={"errors": [{"field": "personalizations.3.to.0.email"}]}), PermanentError),
        (httpx.Response(503), OutcomeUnknownError),
        (httpx.Response(200), OutcomeUnknownError),
        (httpx.ConnectError("no"), TransientError),
        (httpx.ReadTimeout("no"), OutcomeUnknownError),
        (httpx.RemoteProtocolError("no"), OutcomeUnknownError),
    ],
)
def test_a_failure_says_whether_the_letters_can_have_left(answer: Any, error: type[Exception]) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, httpx.Response)
        return answer

    channel = _channel(reply)
    packed = channel.pack([Reader("p@people.example", "Ana")], LETTER, TAG)
    with pytest.raises(error) as caught:
        channel.send(channel.head(LETTER, TAG), packed, nonce="n", batch_id=None, send_at=None, now=0.0)
    assert "people.example" not in str(caught.value)
    assert getattr(caught.value, "retry_after_seconds", None) in (None, 7.0)


def test_readers_chosen_from_a_batch_are_numbered_anew() -> None:
    form = SendGridFormat()
    packed = form.pack([Reader(f"p{n}@people.example", f"N{n}") for n in range(5)], LETTER, TAG)
    again = form.repack(packed, [1, 4])
    assert form.readers(again, LETTER, TAG) == [Reader("p1@people.example", "N1"), Reader("p4@people.example", "N4")]
    assert [one["custom_args"]["i"] for one in json.loads(again)] == ["0", "1"]
