"""Forms over HTTP: what they refuse, what they never do, and what comes back when somebody was quicker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from httpx import Response
from starlette.testclient import TestClient

from incident_flows.services.draft import draft
from incident_flows.services.show import show
from incident_flows.services.update import change_facts
from tests.console.house import signed_in

AEPD = "eu-gdpr/tell-authority@es-aepd"
Hand = Callable[..., Response]


@pytest.fixture
def ref(house: Any) -> str:
    """Return an incident."""
    opened: str = house.open("aimigos-studio")
    return opened


@pytest.fixture
def browser(app: Any, house: Any) -> Iterator[Callable[[str], TestClient]]:
    """Return a maker of browsers somebody is signed in at."""
    with ExitStack() as opened:

        def make(name: str) -> TestClient:
            client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
            client.cookies.set("breach", signed_in(house, name))
            return opened.enter_context(client)

        yield make


def _send(client: TestClient, path: str, **fields: Any) -> Response:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get("/open").text)
    assert found is not None
    files = fields.pop("files", None)
    return client.post(path, data={"csrf": found[1], **fields}, files=files)


def _refusal(answer: Response) -> str:
    found = re.search(r'role="alert"><p>(.*?)</p>', answer.text, re.S)
    assert found is not None, answer.text[:500]
    return found[1]


def test_facts_somebody_else_changed_meanwhile_are_not_overwritten(
    house: Any, ref: str, browser: Any
) -> None:
    version = show(house.desk, ref)["facts_version"]
    change_facts(
        house.desk, ref, {"people": {"groups": ["patients"]}}, actor=house.person("boris"), now=house.now, source="t"
    )  # fmt: skip
    answer = _send(
        browser("anna"), f"/incidents/{ref}/facts",
        **{"version": str(version), "zone": "UTC", "people.groups?": "1", "people.groups": "children"},
    )  # fmt: skip
    assert answer.status_code == 409
    assert "boris changed the facts" in _refusal(answer)
    assert show(house.desk, ref)["facts"]["people"]["groups"] == ["patients"]


def test_every_fault_of_a_form_is_told_at_once_and_what_was_written_stays_in_it(
    house: Any, ref: str, browser: Any
) -> None:
    fields = {
        "people.total?": "1",
        "people.total": "many",
        "people.by_place?": "1",
        "people.by_place": "ES:3",
    }
    answer = _send(browser("anna"), f"/incidents/{ref}/facts", version="1", zone="UTC", **fields)
    assert answer.status_code == 422
    assert _refusal(answer).count("\n") == 1
    assert 'value="ES:3"' in answer.text
    assert show(house.desk, ref)["facts_version"] == 1


def test_a_place_that_does_not_exist_is_refused_by_the_lawbook(house: Any, ref: str, browser: Any) -> None:
    answer = _send(
        browser("anna"), f"/incidents/{ref}/facts",
        **{"version": "1", "zone": "UTC", "people.by_place?": "1", "people.by_place": "QQ=3"},
    )  # fmt: skip
    assert answer.status_code == 422
    assert "QQ" in _refusal(answer)


def test_an_approval_is_for_the_text_that_was_read(house: Any, ref: str, browser: Any) -> None:
    change = {
        "narrative": dict.fromkeys(
            ("what_happened", "consequences", "measures_taken", "measures_proposed"), "Se dice."
        )
        | {"language": "es"},
        "organisation": {"dpo": {"name": "A. Officer", "phone": "+34 600 000 000"}},
    }
    change_facts(house.desk, ref, change, actor=house.person(), now=house.now, source="t")
    (done, *_), _ = draft(house.desk, ref, AEPD, actor=house.person(), now=house.now, phased=True)
    path = f"/incidents/{ref}/notices/{done.notice.ref}/approve"
    boris = browser("boris")
    assert _send(boris, path).status_code == 422  # no text was read at all
    assert _send(boris, path, sha256="0" * 64).status_code == 409
    assert _send(browser("anna"), path, sha256=done.notice.sha256).status_code == 403  # the drafter
    assert show(house.desk, ref)["notices"][0]["state"] == "awaiting-approval"
    assert _send(boris, path, sha256=done.notice.sha256).status_code == 303
    assert show(house.desk, ref)["notices"][0]["approved_by"] == "boris"


def test_a_file_of_people_is_taken_in_and_no_page_shows_them(house: Any, ref: str, browser: Any) -> None:
    anna = browser("anna")
    content = "email,name\nmaria@home.example,Maria Secret\nno-address,Somebody\n"
    answer = _send(
        anna, f"/incidents/{ref}/people", files={"file": ("Maria Secret.csv", content, "text/csv")}
    )
    assert answer.status_code == 200
    assert "1 person taken in" in answer.text
    assert '<td class="num">3</td>' in answer.text  # the refused line, by its number
    for part in ("", "/people", "/timeline"):
        page = anna.get(f"/incidents/{ref}{part}")
        assert page.status_code == 200
        assert "maria" not in page.text.lower()
    assert show(house.desk, ref)["recipients"] == 1


def test_letters_to_people_are_sent_once_and_counted(house: Any, ref: str, browser: Any) -> None:
    told = ("what_happened", "consequences", "measures_taken", "measures_proposed", "advice")
    change = {
        "narrative": dict.fromkeys(told, "It is said."),
        "organisation": {"dpo": {"name": "A. Officer", "phone": "+34 600 000 000"}},
        "people": {"total": 3, "by_place": {"GB": 3, "ES": None}},
    }
    change_facts(house.desk, ref, change, actor=house.person(), now=house.now, source="t")
    anna, boris = browser("anna"), browser("boris")
    content = "email,place\n" + "".join(f"p{number}@home.example,GB\n" for number in range(3))
    assert (
        "3 people taken in"
        in _send(anna, f"/incidents/{ref}/people", files={"file": ("p.csv", content)}).text
    )
    (done, *_), _ = draft(house.desk, ref, "eu-gdpr/tell-people@people", actor=house.person(), now=house.now)
    path = f"/incidents/{ref}/notices/{done.notice.ref}"
    assert _send(boris, f"{path}/approve", sha256=done.notice.sha256).status_code == 303
    for _ in range(2):
        answer = _send(boris, f"{path}/send")
        assert answer.status_code == 200, _refusal(answer)
    assert len(house.channel.messages) == 3
    page = anna.get(f"/incidents/{ref}/people").text
    assert ">Sent: " in page or "3 Sent" in page
    assert "home.example" not in page


def test_the_same_answers_sent_twice_open_one_incident(house: Any, browser: Any) -> None:
    anna = browser("anna")
    first = _send(anna, "/open", question="start", organisation="aimigos-studio", zone="UTC", go="answer")
    carried = re.search(r'name="carried" value="([^"]*)"', first.text)
    assert carried is not None
    state = carried[1].replace("&#34;", '"')
    answers = [_send(anna, "/open", question="role", carried=state, go="open") for _ in range(2)]
    assert [one.headers["location"] for one in answers] == ["/incidents/INC-2026-0001?done=opened"] * 2
    assert show(house.desk, "INC-2026-0001")["facts"]["organisation"]["id"] == "aimigos-studio"


@pytest.mark.parametrize("carried", ["{", "[]", '{"asked": 3}', '{"answers": {"organisation": "nobody"}}'])
def test_answers_that_were_tampered_with_open_nothing(house: Any, browser: Any, carried: str) -> None:
    answer = _send(browser("anna"), "/open", question="role", carried=carried, go="open")
    assert 400 <= answer.status_code < 500
    with house.desk.database.read() as tx:
        assert not tx.incidents.list()


def test_the_quick_lane_closes_the_harmless_and_says_why_the_rest_stays_open(
    house: Any, browser: Any
) -> None:
    anna = browser("anna")
    said = {
        "organisation": "aimigos-studio", "zone": "Europe/Madrid", "role": "controller",
        "moments.aware_at": "2026-11-21T12:00", "data.kinds": "email", "quick.reader": "colleague",
        "quick.reaction": "confirmed-deletion", "people.by_place": "ES=1", "people.groups": "customers",
    }  # fmt: skip
    harmless = _send(anna, "/open/quick", **said)
    assert harmless.headers["location"] == "/incidents/INC-2026-0001/close?done=quick"
    assert show(house.desk, "INC-2026-0001")["state"] == "closed"
    harmful = _send(
        anna,
        "/open/quick",
        **{**said, "data.kinds": "health", "quick.reader": "somebody-unknown", "quick.reaction": "none"},
    )
    assert "stays open" in harmful.text
    assert show(house.desk, "INC-2026-0002")["state"] == "open"


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"]
)
def test_choosing_colours_leads_nowhere_else(browser: Any, back: str) -> None:
    answer = browser("anna").get("/view", params={"theme": "dark", "zone": "x", "back": back})
    assert answer.headers["location"] == "/"
    assert "breach_theme=dark" in answer.headers["set-cookie"]
    assert "breach_zone" not in answer.headers["set-cookie"]


def test_titles_and_reasons_are_never_markup(house: Any, ref: str, browser: Any) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    change_facts(
        house.desk, ref, {"narrative": {"what_happened": nasty}, "title": nasty}, actor=house.person(),
        now=house.now, source=nasty,
    )  # fmt: skip
    anna = browser("anna")
    draft(house.desk, ref, None, actor=house.person(), now=house.now)
    for part in ("", "/facts", "/timeline", "/notices", "/notices/N-0001"):
        assert nasty not in anna.get(f"/incidents/{ref}{part}").text


def test_what_is_not_there_is_said_so(browser: Any, ref: str) -> None:
    anna = browser("anna")
    here = f"/incidents/{ref}"
    for path in (
        "/incidents/INC-2026-0999",
        f"{here}/duties/no/such@duty",
        f"{here}/notices/N-9999",
        "/law/x/y",
        "/x",
    ):
        assert anna.get(path).status_code == 404
    assert anna.get("/law?on=soon").status_code == 422
    assert anna.get("/?shown=0").status_code == 422
