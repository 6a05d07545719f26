"""Letters in several wordings: what the law of a place wants or forbids, guardians; one hash over all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from incident_flows.errors import IllegalTransitionError, NotApprovedError
from incident_flows.knowledge.inserts import Inserts
from incident_flows.services.approve import approve
from incident_flows.services.beside import beside
from incident_flows.services.document import notice_document
from incident_flows.services.draft import draft
from incident_flows.services.exact import exact_of, exact_sha256
from incident_flows.services.people import Person
from incident_flows.services.recipients import import_recipients
from incident_flows.services.show import variant_json
from incident_flows.services.story import explain
from incident_flows.services.update import change_facts
from incident_flows.services.wordings import addresses_of, key_for, unplaced
from tests.services.test_letters import Post

KNOWN = {
    "organisation": {"dpo": {"name": "Ana Ruiz", "email": "dpo@aimigos.example", "phone": "+34 600 000 000"}},
    "data": {"kinds": ["name", "email", "ssn"]},
    "breach": {"acquired": True, "medium": "electronic"},
    "people": {"total": 7000, "by_place": {"ES": 100, "US-CA": 4000, "US-MA": 1234, "US-WA": 766}},
    "enclosed": {
        "law-enforcement": "No law-enforcement agency delayed this notice.",
        "credit-bureaus": "Bureau One, +1 800 000 0001",
        "credit-monitoring": "Watchful Inc., code in a second letter, until 2027-03-31.",
        "freeze-how": "Write to each bureau.",
        "services": "Helpline +1 800 000 0002",
        "parent-company": "There is no parent company.",
    },
}
HEADER = "email,name,language,place,guardian name,guardian email\n"
PEOPLE = [
    ("zoe@people.example", "Zoe", "en", "US-CA", "", ""),
    ("max@people.example", "Max", "en", "US-MA", "", ""),
    ("kim@people.example", "Kim", "en", "US-CA", "Mrs Park", "park@people.example"),
    ("ben@people.example", "Ben", "en", "US", "", ""),
    ("ana@people.example", "Ana", "en", "ES", "", ""),
    ("tim@people.example", "", "en", "GB", "", "mum@people.example"),
]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def post(house: Any, tmp_path: Path) -> Post:
    return Post(house, tmp_path)


def _opened(post: Post, people: Sequence[tuple[str, ...]] = PEOPLE, **facts: Any) -> str:
    house = post.house
    ref: str = house.open("aimigos-studio")
    change_facts(house.desk, ref, {**KNOWN, **facts}, actor=house.person(), now=house.now, source="call")
    _take_in(post, ref, people)
    return ref


def _take_in(post: Post, ref: str, people: Sequence[tuple[str, ...]]) -> None:
    file = post.folder / "people.csv"
    file.write_text(HEADER + "".join(",".join(row) + "\n" for row in people))
    import_recipients(post.desk, ref, file, actor=post.house.person(), now=post.house.now)


def _drafted(post: Post, ref: str) -> Any:
    house = post.house
    [one] = draft(house.desk, ref, "eu-gdpr/tell-people", actor=house.person("anna"), now=house.now)[0]
    return one.notice


def _letters(post: Post) -> dict[str, str]:
    """Return by address the text each person reads."""
    found: dict[str, str] = {}
    for body in post.provider.accepted:
        request = json.loads(body)
        text = next(one["value"] for one in request["content"] if one["type"] == "text/plain")
        for one in request["personalizations"]:
            read = text
            for tag, value in one.get("substitutions", {}).items():
                read = read.replace(tag, value)
            [to] = one["to"]
            assert to["email"] not in found
            found[to["email"]] = f"{request['subject']}\n{read}"
    return found


def test_everybody_reads_the_wording_of_their_state_or_guardian_and_nothing_else(post: Post) -> None:
    ref = _opened(post)
    notice = _drafted(post, ref)
    assert sorted(notice.variants) == ["US-CA", "US-CA+guardian", "US-MA", "US-MA+guardian", "guardian"]
    assert [one for one in notice.missing if one["required"]] == []
    explain(post.desk, ref, [], because="a part of them", actor=post.house.person("anna"), now=post.house.now)
    approve(post.desk, ref, notice.ref, actor=post.house.person("boris"), now=post.house.now)
    assert post.notify(ref, notice.ref).counts == {"sent": 6}
    read = _letters(post)
    assert set(read) == {
        "zoe@people.example", "max@people.example", "park@people.example", "ben@people.example", "ana@people.example",
        "mum@people.example",
    }  # fmt: skip
    zoe, max_, park = (read[f"{name}@people.example"] for name in ("zoe", "max", "park"))
    assert zoe.startswith("Notice of Data Breach\n")
    order = ["What Happened", "What Information Was Involved", "What We Are Doing", "What You Can Do"]
    places = [zoe.index(f"\n{heading}\n") for heading in [*order, "For More Information"]]
    assert places == sorted(places)
    assert "What this may mean for you" not in zoe
    assert "credit monitoring free of charge for at least 12 months:\nWatchful Inc." in zoe
    assert "Bureau One" in zoe
    for telling in ("What happened", "When it happened", "What this may mean", "What we have done", "stolen", "laptop"):
        assert telling in read["ana@people.example"] or telling in ("stolen", "laptop")
        assert telling not in max_  # nothing that tells the nature of the breach
    assert "This message tells you which data, and what you can do." in max_
    assert "at least 18 months" in max_
    assert "police report" in max_
    assert "To the parent or guardian of Kim" in park
    assert park.startswith("Notice of Data Breach\n")
    assert "To the parent or guardian of the person concerned" in read["mum@people.example"]
    for plain in ("ben", "ana"):
        assert "What happened" in read[f"{plain}@people.example"]
        assert "Bureau One" not in read[f"{plain}@people.example"]
    with post.desk.database.read() as tx:
        [packed] = [one for one in tx.journal.entries(ref, limit=1000) if one.act == "letters-packed"]
    assert packed.payload["place_not_known"] == 1
    assert not {one for one in read if one in json.dumps(packed.payload)}


def test_one_hash_covers_every_wording(post: Post) -> None:
    ref = _opened(post)
    notice = _drafted(post, ref)
    before = exact_of(notice)
    assert before == notice.sha256
    notice.variants["US-MA"]["text"] += " "
    assert exact_of(notice) != before
    explain(post.desk, ref, [], because="a part of them", actor=post.house.person("anna"), now=post.house.now)
    approve(post.desk, ref, notice.ref, actor=post.house.person("boris"), now=post.house.now)
    with post.desk.database.write() as tx:
        from sqlalchemy import text

        tx.letters._session.execute(text("UPDATE notice SET variants = replace(variants, 'Watchful', 'Other')"))
    with pytest.raises(NotApprovedError, match="is not the one that was approved"):
        post.notify(ref, notice.ref)
    assert post.account()["requests"] == 0


def test_what_a_law_wants_and_nobody_gave_stops_the_approval_and_is_named(post: Post) -> None:
    ref = _opened(post, enclosed={})
    notice = _drafted(post, ref)
    assert notice.state == "draft"
    required = {one["field"] for one in notice.missing if one["required"]}
    assert required == {f"enclosed.{key}" for key in KNOWN["enclosed"]}  # type: ignore[attr-defined]
    labels = [one["label"] for one in notice.missing]
    assert any("at least 12 months" in label and "California" in label for label in labels)
    assert any("must not be described" in label and "Massachusetts" in label for label in labels)


def test_the_number_of_people_may_not_stand_where_a_law_forbids_it(post: Post) -> None:
    ref = _opened(post, narrative={"advice": "We told all 1,234 people by name."})
    labels = [one["label"] for one in _drafted(post, ref).missing if one["required"]]
    assert labels == ["United States (Massachusetts): the number of people may not stand in the letter"]


def test_a_list_with_people_the_letter_has_no_words_for_needs_a_new_draft(post: Post) -> None:
    ref = _opened(post, [PEOPLE[4]])
    notice = _drafted(post, ref)
    assert notice.variants == {}
    _take_in(post, ref, PEOPLE[:1])
    with pytest.raises(IllegalTransitionError, match="people in US-CA are on the list"):
        approve(post.desk, ref, notice.ref, actor=post.house.person("boris"), now=post.house.now)
    _take_in(post, ref, PEOPLE[5:])
    with pytest.raises(IllegalTransitionError, match="through a guardian"):
        approve(post.desk, ref, notice.ref, actor=post.house.person("boris"), now=post.house.now)
    again = _drafted(post, ref)
    assert again.supersedes == notice.ref
    explain(post.desk, ref, [], because="a part of them", actor=post.house.person("anna"), now=post.house.now)
    approve(post.desk, ref, again.ref, actor=post.house.person("boris"), now=post.house.now)


def test_packing_broken_off_leaves_nobody_out_and_packs_nobody_twice(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incident_flows.services.packing.LARGEST_BATCH", 3)
    monkeypatch.setattr("incident_flows.services.packing.AT_ONCE", 2)
    places = ["US-CA", "ES", "US-MA", "ES", "US-CA", "ES", "ES"]
    people = [(f"p{n}@people.example", f"P{n}", "en", places[n % 7], "", "") for n in range(40)]
    ref = _opened(post, people)
    notice = _drafted(post, ref)
    explain(post.desk, ref, [], because="a part of them", actor=post.house.person("anna"), now=post.house.now)
    approve(post.desk, ref, notice.ref, actor=post.house.person("boris"), now=post.house.now)
    stops = iter([3, 2])
    left = next(stops)

    def dies(name: str) -> None:
        nonlocal left
        if name == "broadcast:page-planned":
            left -= 1
            if left == 0:
                left = next(stops, 1000)
                raise KeyboardInterrupt

    monkeypatch.setattr(post.desk, "reached", dies)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            post.notify(ref, notice.ref)
    assert post.notify(ref, notice.ref).counts == {"sent": 40}
    assert len(_letters(post)) == 40


def test_the_record_holds_every_wording_that_the_hash_covers(post: Post, tmp_path: Path) -> None:
    ref = _opened(post)
    notice = _drafted(post, ref)
    found, pdf = notice_document(post.desk, ref, notice.ref)
    assert exact_sha256(found["subject"], found["text"], found["html"], {}, [], found["wordings"]) == notice.sha256
    (tmp_path / "notice.pdf").write_bytes(pdf)
    pages = "".join(page.extract_text() for page in PdfReader(tmp_path / "notice.pdf").pages)
    assert "Notice of Data Breach" in pages
    assert "There is no parent company." in pages


def test_a_wording_is_shown_by_its_key(post: Post) -> None:
    notice = _drafted(post, _opened(post))
    assert variant_json(notice, "US-CA")["subject"] == "Notice of Data Breach"
    with pytest.raises(Exception, match="has no wording 'US-XX'; beside its own text it has US-CA"):
        variant_json(notice, "US-XX")


def test_who_is_written_to_through_a_guardian_and_where() -> None:
    variants = {"US-CA", "US-CA+guardian", "guardian"}
    child = Person(0, "kim@x.example", place="US-CA", guardian_name="Mrs Park", guardian_email="park@x.example")
    assert (key_for(child, variants), addresses_of(child)) == ("US-CA+guardian", ["park@x.example"])
    grown = Person(1, "kim@x.example", guardian_email="park@x.example", minor=False, second_email="KIM@x.example")
    assert (key_for(grown, variants), addresses_of(grown)) == ("", ["kim@x.example"])
    alone = Person(2, "kim@x.example", place="FR", minor=True, second_email="kim2@x.example")
    assert (key_for(alone, variants), addresses_of(alone)) == ("guardian", ["kim@x.example", "kim2@x.example"])
    assert key_for(child, {"US-CA"}) is None
    assert [unplaced(one, variants) for one in (None, "US", "US-NY", "US-CA", "FR")] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_every_content_of_a_state_law_is_answered_or_has_a_rule(library: Any) -> None:
    rules = Inserts(library.root).contents
    layouts = library.notices.wording.layouts
    open_ones = {
        content
        for id_, regime in library.lawbook.regimes.items()
        if regime.place.startswith("US-")
        for key, duty in regime.duties.items()
        if key == "individuals"
        for version in duty.history
        for content in layouts.unanswered("letter", version.content)
        if content not in rules
    }
    assert open_ones == set()


def test_no_rule_is_about_words_no_law_uses(library: Any) -> None:
    used = {
        content
        for regime in library.lawbook.regimes.values()
        for duty in regime.duties.values()
        for version in duty.history
        for content in version.content
    }
    assert set(Inserts(library.root).contents) <= used


def test_a_minor_without_a_guardian_on_the_list_is_said_and_written_to_on_purpose(
    post: Post, tmp_path: Path
) -> None:
    ref = _opened(post, PEOPLE[4:5])
    child = tmp_path / "child.csv"
    child.write_text("email,name,place,birth date\nkid@people.example,Kim,GB,2018-01-01\n")
    import_recipients(post.desk, ref, child, actor=post.house.person("anna"), now=post.house.now)
    notice = _drafted(post, ref)
    assert sorted(notice.variants) == ["guardian"]
    with post.desk.database.read() as tx:
        said = beside(tx, post.desk, ref, notice)["list"]
    assert said[-1].startswith("1 under age without a guardian on the list")
    explain(post.desk, ref, [], because="a part of them", actor=post.house.person("anna"), now=post.house.now)
    approve(post.desk, ref, notice.ref, actor=post.house.person("boris"), now=post.house.now)
    post.notify(ref, notice.ref)
    assert "To the parent or guardian of Kim" in _letters(post)["kid@people.example"]


def test_a_list_that_contradicts_the_facts_is_named_and_needs_a_word(post: Post) -> None:
    ref = _opened(post)
    anna = post.house.person("anna")
    explain(post.desk, ref, ["list.GB"], because="they are told by the client", actor=anna, now=post.house.now)
    notice = _drafted(post, ref)
    anna, boris = post.house.person("anna"), post.house.person("boris")

    def refused() -> str:
        with pytest.raises(IllegalTransitionError) as caught:
            approve(post.desk, ref, notice.ref, actor=boris, now=post.house.now)
        return str(caught.value)

    assert "list.people: 7000 in the facts, 6 on the list" in refused()
    explain(post.desk, ref, ["list.people"], because="the client tells the others", actor=anna, now=post.house.now)
    assert "list.people" not in refused()
    assert "list.US-CA: 4000 in the facts" in refused()
    explain(post.desk, ref, [], because="the client tells the others", actor=anna, now=post.house.now)
    _take_in(post, ref, [("new@people.example", "New", "en", "US-CA", "", "")])  # another list: said anew
    assert "list.people: 7000 in the facts, 7 on the list" in refused()
