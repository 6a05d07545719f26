"""The wall: soonest first, nothing lost, what is needed next, and who may narrow it how."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from incident_flows.cli.render import deadlines
from incident_flows.services.approve import approve
from incident_flows.services.assess import QUESTIONS
from incident_flows.services.decide import decide
from incident_flows.services.draft import draft
from incident_flows.services.room import room
from incident_flows.services.show import clocks
from incident_flows.services.story import explain
from incident_flows.services.update import change_facts
from incident_flows.services.wall import wall
from incident_flows.services.watch import tick
from incident_flows.storage.wall import Only

AEPD = "eu-gdpr/tell-authority@es-aepd"
ICO = "uk-gdpr/tell-authority@gb-ico"


def _line(house: Any, oid: str, **only: Any) -> Any:
    (found,) = [
        one for one in wall(house.desk, now=house.now, only=Only(**only)).clocks if one.obligation == oid
    ]
    return found


def test_the_wall_shows_the_clocks_of_the_terminal_in_the_same_order(house: Any) -> None:
    for sample in ("aimigos-studio", "nero-studio", "terran-studio"):
        house.open(sample)
    here = wall(house.desk, now=house.now)
    there = clocks(house.desk, None, now=house.now)
    assert [(one.incident, one.obligation) for one in here.clocks] == [
        (one["incident"], one["obligation"]) for one in there
    ]
    assert [one.chance_to_miss for one in here.clocks] == [one["chance_to_miss"] for one in there]
    summed = [one for one in here.clocks if one.obligation == QUESTIONS]
    assert summed
    assert all(one.next == "answer" and one.duties > 1 for one in summed)
    assert here.more == 0
    assert here.counts.incidents == 3


def test_a_page_is_cut_at_the_soonest_and_says_how_many_more_there_are(house: Any) -> None:
    for _ in range(3):
        house.open("aimigos-studio")
    whole = wall(house.desk, now=house.now)
    page = wall(house.desk, now=house.now, limit=5)
    assert page.clocks == whole.clocks[:5]
    assert page.counts == whole.counts
    assert page.more == len(whole.clocks) - 5


def test_what_is_needed_next_follows_the_notice_and_the_decision(house: Any) -> None:
    ref = house.open("aimigos-studio")
    assert _line(house, AEPD).next == "draft"
    (done, *_), _skipped = draft(house.desk, ref, AEPD, actor=house.person(), now=house.now)
    line = _line(house, AEPD)
    assert (line.next, line.notice) == ("complete", done.notice.ref)
    (done, *_), _skipped = draft(house.desk, ref, AEPD, actor=house.person(), now=house.now, phased=True)
    wanted = "approve" if done.notice.state == "awaiting-approval" else "complete"
    assert _line(house, AEPD).next == wanted
    change_facts(house.desk, ref, {"role": None}, actor=house.person(), now=house.now, source="test")
    assert _line(house, AEPD).next == "decide"
    decide(house.desk, ref, AEPD, "owed", because="we are", actor=house.person(), now=house.now)
    assert _line(house, AEPD).decided
    assert _line(house, AEPD).next == wanted


def test_an_approved_notice_is_to_be_sent(house: Any) -> None:
    ref = house.open("aimigos-studio")
    told = ("what_happened", "consequences", "measures_taken", "measures_proposed", "advice", "delay_reasons")
    change = {
        "narrative": dict.fromkeys(told, "It is said here."),
        "organisation": {"dpo": {"name": "A. Officer", "phone": "+34 600 000 000"}},
    }
    change_facts(house.desk, ref, change, actor=house.person(), now=house.now, source="test")
    (done, *_), _skipped = draft(house.desk, ref, ICO, actor=house.person(), now=house.now, phased=True)
    assert done.notice.state == "awaiting-approval", done.notice.missing
    assert _line(house, ICO).next == "approve"
    explain(house.desk, ref, [], because="a part of them", actor=house.person("anna"), now=house.now)
    approve(house.desk, ref, done.notice.ref, actor=house.person("boris"), now=house.now)
    assert _line(house, ICO).next == "send"


def test_overdue_is_what_the_law_ended_and_near_what_ends_within_a_day(house: Any) -> None:
    house.open("aimigos-studio")
    due = _line(house, AEPD).at
    house.now = due - timedelta(hours=25)
    assert _line(house, AEPD).urgency == "later"
    house.now = due - timedelta(hours=24)
    assert _line(house, AEPD).urgency == "near"
    assert wall(house.desk, now=house.now).counts.overdue == 0
    house.now = due
    assert _line(house, AEPD).urgency == "overdue"
    here = wall(house.desk, now=house.now)
    targets = [one for one in here.clocks if one.end == "target"]
    assert targets
    assert {one.urgency for one in targets} == {"passed"}  # a house target is nobody's law
    assert here.counts.overdue == sum(
        one.urgency == "overdue" and one.end == "deadline" for one in here.clocks
    )


def test_it_is_narrowed_by_incident_person_and_words(house: Any) -> None:
    first, second = house.open("aimigos-studio"), house.open("nero-studio")
    change_facts(
        house.desk, second, {"reference": "T-1"}, actor=house.person("chloe"), now=house.now, source="test"
    )

    def refs(**only: Any) -> set[str]:
        return {one.incident for one in wall(house.desk, now=house.now, only=Only(**only)).clocks}

    assert refs() == {first, second}
    assert refs(incident=second) == {second}
    assert refs(person="anna") == {first, second}
    assert refs(person="chloe") == {second}
    assert refs(person="boris") == set()
    assert refs(words=("AIMIGOS",)) == {first}
    assert refs(words=("aimigos", "datos")) == {first}
    assert refs(words=("100%",)) == set()
    assert wall(house.desk, now=house.now, only=Only(person="chloe")).counts.incidents == 1


def test_a_house_target_past_its_time_is_nowhere_called_overdue(house: Any, capsys: Any) -> None:
    house.open("aimigos-studio")
    target = next(one for one in wall(house.desk, now=house.now).clocks if one.end == "target")
    house.now = target.at + timedelta(hours=5)
    rows = [one for one in clocks(house.desk, None, now=house.now) if one["end"] == "target"]
    assert [one["overdue"] for one in rows] == [False] * len(rows)
    deadlines(rows, now=house.now, forecast=True)
    said = " ".join(capsys.readouterr().out.split())  # a narrow column folds
    assert "OVERDUE" not in said
    assert all(word in said for word in ("house", "target", "passed 5 h"))
    tick(house.desk, now=house.now)
    house.now += timedelta(hours=9)
    tick(house.desk, now=house.now)
    told = [title for title, _ in house.pager.pages if target.addressee in title]
    assert any("house target passed, call 1" in title for title in told)
    assert not any("overdue" in title for title in told)


def test_a_missed_deadline_stands_before_a_target_that_passed_earlier(house: Any) -> None:
    house.open("aimigos-studio")
    due = max(one.at for one in wall(house.desk, now=house.now).clocks if one.end == "deadline")
    house.now = due
    first = wall(house.desk, now=house.now).first
    assert first is not None
    assert first.urgency == "overdue"


def test_what_has_merely_passed_hides_no_deadline_of_tonight(house: Any) -> None:
    ref = house.open("aimigos-studio")
    more = {"people": {"total": 1300}}  # and nobody knows where they live
    change_facts(house.desk, ref, more, actor=house.person(), now=house.now, source="call")
    due = _line(house, AEPD).at
    house.now = due - timedelta(hours=4)
    clocks_here = wall(house.desk, now=house.now)
    assert clocks_here.clocks[0].urgency == "passed"
    assert clocks_here.first is not None
    assert (clocks_here.first.at, clocks_here.first.urgency) == (due, "near")
    todo = room(house.desk, ref, now=house.now).todo
    assert todo.clock == clocks_here.first
