"""The public notice that stands in for letters: only where a law's line is passed; a page, approved and published."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from incident_flows.core.substitute import Substitute, grounds
from incident_flows.errors import IllegalTransitionError, InputError
from incident_flows.services.approve import approve
from incident_flows.services.document import notice_html
from incident_flows.services.draft import Wanted, draft
from incident_flows.services.notify import notify
from incident_flows.services.show import show
from incident_flows.services.story import explain
from incident_flows.services.tasks import done
from incident_flows.services.update import change_facts
from tests.services.test_letters import OFFICER

FINDING = "individual-notice-disproportionate"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def _opened(house: Any, **facts: Any) -> str:
    ref: str = house.open("aimigos-studio")
    change_facts(house.desk, ref, {**OFFICER, **facts}, actor=house.person(), now=house.now, source="call")
    return ref


def _unreachable(house: Any, ref: str, *places: str | None) -> None:
    with house.desk.database.write() as tx:
        for number, place in enumerate(places):
            tx.people.except_(tx.incidents.get(ref).id, number, "unreachable", house.now, {"place": place})


def _page(house: Any, ref: str, **more: Any) -> list[Any]:
    drafted, _ = draft(
        house.desk, ref, None, actor=house.person("anna"), now=house.now, more=Wanted(public=True, **more)
    )
    return [one.notice for one in drafted]


@pytest.mark.parametrize(
    ("unreached", "people", "cost", "passed"),
    [
        (0, 500_000, 250_000, []), (1, None, None, ["contact"]), (0, 500_001, 250_001, ["people", "cost"]),
        (0, None, None, []),
    ],
)  # fmt: skip
def test_a_line_is_passed_only_beyond_it_and_never_by_what_is_not_known(
    unreached: int, people: int | None, cost: int | None, passed: list[str]
) -> None:
    rule = Substitute(cost_over_usd=250_000, people_over=500_000, contact_missing=True)
    found = grounds(
        rule, place="US-CA", unreached=unreached, people=people, cost_usd=cost, duty="d", cite="c", confidence="high"
    )
    assert [one.what for one in found] == passed


def test_every_state_has_the_lines_its_notes_speak_of(library: Any) -> None:
    told = re.compile(r"Substitute notice is allowed where the cost would exceed USD ([\d ]+), more than ([\d ]+) pe")
    compared = 0
    for id_, regime in library.lawbook.regimes.items():
        if not re.fullmatch(r"us-[a-z]{2}", id_) or "individuals" not in regime.duties:
            continue
        for version in regime.duties["individuals"].history:
            assert version.substitute is not None, id_
            if match := told.search(version.notes or ""):
                cost, people = (int(one.replace(" ", "")) for one in match.groups())
                assert (version.substitute.cost_over_usd, version.substitute.people_over) == (cost, people), id_
                compared += 1
    assert compared > 30


def test_where_no_line_is_passed_no_page_is_drafted(house: Any) -> None:
    ref = _opened(house)
    with pytest.raises(IllegalTransitionError, match=f"findings.{FINDING}=true"):
        _page(house, ref)
    assert show(house.desk, ref)["public_notice"]["called_for"] is False
    _unreachable(house, ref, "ES", None)
    found = show(house.desk, ref)["public_notice"]
    assert (found["unreachable"], found["finding"], found["grounds"]) == (2, ["eu-gdpr", "uk-gdpr"], [])
    with pytest.raises(InputError, match="stands alone"):
        draft(house.desk, ref, "eu-gdpr/tell-people", actor=house.person(), now=house.now, more=Wanted(public=True))


def test_a_page_by_art_34_is_approved_published_and_meets_the_duty_to_tell_the_public(house: Any) -> None:
    ref = _opened(house, findings={FINDING: True})
    notices = _page(house, ref)
    assert sorted(one.language for one in notices) == ["en", "es"]
    assert {one.kind for one in notices} == {"public"}
    assert _page(house, ref)[0].ref == notices[0].ref
    for one in notices:
        with pytest.raises(IllegalTransitionError, match="nobody should publish it yet"):
            notice_html(house.desk, ref, one.ref)
        explain(house.desk, ref, [], because="a part of them", actor=house.person("anna"), now=house.now)
        approve(house.desk, ref, one.ref, actor=house.person("boris"), now=house.now)
        page, sha256 = notice_html(house.desk, ref, one.ref)
        assert hashlib.sha256(page).hexdigest() == sha256
        [sent] = notify(house.desk, ref, one.ref, actor=house.person(), now=house.now)
        assert sent.next is not None
        assert "publish the page" in sent.next
        assert [row["met_at"] for row in _public(house, ref)] == [None, None]
        notify(
            house.desk, ref, one.ref, actor=house.person(), now=house.now, filed_as=f"https://a.example/{one.language}"
        )
    assert all(row["met_at"] for row in _public(house, ref))
    whole = show(house.desk, ref)
    assert whole["public_notice"]["called_for"] is False
    filed = [one["payload"] for one in whole["journal"] if one["act"] == "filed"]
    assert sha256 in {one["page_sha256"] for one in filed}


def _public(house: Any, ref: str) -> list[dict[str, Any]]:
    return [one for one in show(house.desk, ref)["obligations"] if one["duty"].endswith("gdpr/tell-public")]


def test_people_of_a_state_nothing_reaches_call_for_a_page_that_stands_as_long_as_the_law_says(
    house: Any, tmp_path: Path
) -> None:
    ref = _opened(
        house, data={"kinds": ["name", "ssn"]}, breach={"acquired": True, "medium": "electronic"},
        people={"total": 5000, "by_place": {"US-CA": 3000}},
    )  # fmt: skip
    _unreachable(house, ref, "US-CA", "US-CA", "ES")
    found = show(house.desk, ref)
    [ground] = found["public_notice"]["grounds"]
    assert (ground["place"], ground["what"], ground["have"], ground["posted_days"]) == ("US-CA", "contact", 2, 30)
    [task] = [one for one in found["tasks"] if one["id"] == "public-notice"]
    assert "2 people in US-CA cannot be reached" in task["because"]
    with pytest.raises(IllegalTransitionError, match="--filed-as URL"):
        done(house.desk, ref, "public-notice", actor=house.person(), now=house.now)
    [page] = _page(house, ref, language="en")
    explain(house.desk, ref, [], because="a part of them", actor=house.person("anna"), now=house.now)
    approve(house.desk, ref, page.ref, actor=house.person("boris"), now=house.now)
    notify(house.desk, ref, page.ref, actor=house.person(), now=house.now, filed_as="https://a.example/notice")
    after = show(house.desk, ref)
    assert after["public_notice"]["notices"][0]["until"] == "2026-12-22"
    assert not any(one["met_at"] for one in after["obligations"] if one["duty"] == "us-ca/individuals")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_can_be_read_by_everybody_and_loads_nothing(house: Any) -> None:
    ref = _opened(house, findings={FINDING: True}, narrative={"advice": "Ask <b>your</b> bank & watch."})
    for notice in _page(house, ref):
        reader = _Reader()
        reader.feed(notice.html)
        names = [tag for tag, _ in reader.tags]
        assert dict(reader.tags)["html"]["lang"] == notice.language
        assert (names.count("h1"), names.count("main"), names.count("title")) == (1, 1, 1)
        assert not {"script", "img", "link", "iframe", "form", "a", "b"} & set(names)
        assert "url(" not in notice.html
        assert "Ask &lt;b&gt;your&lt;/b&gt; bank &amp; watch." in notice.html
        assert "2026" in notice.text.splitlines()[1] + notice.text.splitlines()[2]
