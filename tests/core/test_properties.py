"""What must hold for every set of facts, tried on the real lawbook.

Later awareness never gives an earlier deadline. Learning more never silences a duty that was owed. What is not
owed stays not owed, however the unknown facts turn out. The same facts give the same bytes.
"""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from incident_flows.core.assessment import Assessment
from incident_flows.core.facts import Facts
from incident_flows.knowledge.library import Library

LIBRARY = Library.load(cache=None)
LAW_OF = date(2026, 11, 20)
START = datetime(2026, 11, 20, 9, tzinfo=UTC)
WORDS = LIBRARY.lawbook.words
PLACES = [
    "ES",
    "DE",
    "DE-BW",
    "GB",
    "CH",
    "US-CA",
    "US-NY",
    "US-MD",
    "US-TX",
    "US",
    "JP",
    "RU",
    "BR",
    "CA-QC",
    "TD",
]
QUIET = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
MOMENTS = (
    "occurred_from",
    "detected_at",
    "aware_at",
    "determined_at",
    "assessed_at",
    "suspected_at",
    "controller_told_at",
)


def some(kind: str, *, most: int = 3) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(sorted(WORDS[kind])), max_size=most, unique=True)


def instants() -> st.SearchStrategy[str]:
    hours = st.integers(min_value=0, max_value=24 * 6)
    return hours.map(lambda number: (START + timedelta(hours=number)).isoformat())


# Every fact a completion may fill in: its path, and what it may turn out to be.
FACTS: dict[tuple[str, ...], st.SearchStrategy[Any]] = {
    ("role",): st.sampled_from(["controller", "joint-controller", "processor"]),
    ("organisation", "statuses"): some("statuses", most=2),
    ("organisation", "sectors"): some("sectors", most=2),
    ("organisation", "markets"): st.lists(st.sampled_from(PLACES), max_size=2, unique=True),
    ("organisation", "establishments"): st.lists(
        st.sampled_from(PLACES[:-1]), min_size=1, max_size=2, unique=True
    ).map(lambda places: [{"place": place, "main": number == 0} for number, place in enumerate(places)]),
    ("breach", "kinds"): st.lists(
        st.sampled_from(["confidentiality", "integrity", "availability"]), min_size=1, max_size=2, unique=True
    ),
    ("breach", "cause"): st.sampled_from(["malicious-outsider", "malicious-insider", "mistake", "failure"]),
    ("breach", "exposure"): st.sampled_from(
        ["none", "trusted-recipient", "unknown-recipient", "public", "hostile"]
    ),
    ("breach", "acquired"): st.booleans(),
    ("breach", "medium"): st.sampled_from(["electronic", "paper", "oral"]),
    ("data", "kinds"): some("data_kinds", most=4),
    ("data", "protection"): st.sampled_from(
        ["none", "encrypted", "hashed-salted", "hashed", "pseudonymised"]
    ),
    ("data", "key_exposed"): st.booleans(),
    ("data", "backup"): st.sampled_from(["none", "partial", "complete"]),
    ("data", "unavailable_hours"): st.sampled_from([0, 3, 4, 100]),
    ("data", "records"): st.sampled_from([0, 100, 101, 5000]),
    ("data", "already_public"): st.booleans(),
    ("people", "groups"): some("groups", most=2),
    ("harm", "measures"): some("measures", most=2),
}
FINDINGS = sorted(WORDS["findings"])
# Danger to life and the like count for the risk once a person finds them; until then the rules of the risk do not
# wait for them, or no risk would ever be determined. They are facts here, and never filled in later.
OF_RISK = frozenset(LIBRARY.risk_policy.findings)
# Residents either side of the thresholds of the states.
COUNTS = st.sampled_from([0, 1, 249, 250, 251, 499, 500, 501, 999, 1000, 1001, 10_000])
BY_PLACE = st.dictionaries(st.sampled_from(PLACES), COUNTS, max_size=3)


@st.composite
def facts(draw: st.DrawFn, *, moments: bool = True) -> dict[str, Any]:
    """Facts of which any may be missing."""
    found: dict[str, Any] = {"organisation": {"id": "acme"}}
    for path, values in FACTS.items():
        if draw(st.booleans()):
            put(found, path, draw(values))
    if draw(st.booleans()):
        found.setdefault("people", {})["by_place"] = draw(BY_PLACE)
    if draw(st.booleans()):
        placed = sum(found.get("people", {}).get("by_place", {}).values())
        found.setdefault("people", {})["total"] = placed + draw(st.sampled_from([0, 0, 1, 700]))
    if moments:
        known = draw(st.lists(st.sampled_from(MOMENTS[1:]), max_size=4, unique=True))
        found["moments"] = {name: draw(instants()) for name in known}
    words = draw(st.lists(st.sampled_from(FINDINGS), max_size=6, unique=True))
    found["findings"] = {word: draw(st.booleans()) for word in words}
    return found


def put(found: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        found = found.setdefault(part, {})
    found[path[-1]] = value


def known(found: dict[str, Any], path: tuple[str, ...]) -> bool:
    for part in path[:-1]:
        found = found.get(part, {})
    return path[-1] in found


@st.composite
def completed(draw: st.DrawFn, before: dict[str, Any], *, all_of_them: bool) -> dict[str, Any]:
    """The same facts with some or all of the unknown ones turned into known ones; none changed."""
    after = deepcopy(before)
    for path, values in FACTS.items():
        if not known(after, path) and (all_of_them or draw(st.booleans())):
            put(after, path, draw(values))
    people = after.setdefault("people", {})
    if "by_place" not in people and (all_of_them or draw(st.booleans())):
        by_place = draw(BY_PLACE)
        if "total" not in people or sum(by_place.values()) <= people["total"]:
            people["by_place"] = by_place
    if "total" not in people and (all_of_them or draw(st.booleans())):
        people["total"] = sum(people.get("by_place", {}).values()) + draw(st.sampled_from([0, 0, 700]))
    chance = Random(draw(st.integers(min_value=0, max_value=2**32)))  # too many to draw one by one
    for word in FINDINGS:
        if word not in after["findings"] and word not in OF_RISK and (all_of_them or chance.random() < 0.3):
            after["findings"][word] = chance.random() < 0.5
    return after


def answered(found: dict[str, Any]) -> Assessment:
    return LIBRARY.assess(Facts.model_validate(found), today=date(2026, 11, 22), as_of=LAW_OF)


def by_duty(assessment: Assessment) -> dict[str, set[str]]:
    rows: dict[str, set[str]] = {}
    for one in assessment.obligations:
        rows.setdefault(one.duty, set()).add(one.status)
    return rows


# Time


@QUIET
@given(facts(moments=False), instants(), st.integers(min_value=1, max_value=24 * 40))
def test_later_awareness_never_gives_an_earlier_deadline(found: dict[str, Any], at: str, hours: int) -> None:
    later_at = (datetime.fromisoformat(at) + timedelta(hours=hours)).isoformat()
    early = answered({**found, "moments": {"aware_at": at}})
    late = {one.id: one for one in answered({**found, "moments": {"aware_at": later_at}}).obligations}
    for one in early.obligations:
        other = late[one.id]
        assert other.status == one.status
        for name in ("due_at", "provisional_due_at", "target_at"):
            before, after = getattr(one.running, name), getattr(other.running, name)
            if before is not None and after is not None:
                assert after >= before, (one.id, name, before, after)


@QUIET
@given(facts(), st.data())
def test_later_detection_and_determination_never_give_an_earlier_deadline(
    found: dict[str, Any], data: st.DataObject
) -> None:
    moments = found["moments"]
    assume(moments)
    name = data.draw(st.sampled_from(sorted(moments)))
    later = (
        datetime.fromisoformat(moments[name]) + timedelta(hours=data.draw(st.integers(1, 200)))
    ).isoformat()
    late = {one.id: one for one in answered({**found, "moments": {**moments, name: later}}).obligations}
    for one in answered(found).obligations:
        other = late[one.id]
        if one.running.due_at is not None and other.running.due_at is not None:
            assert other.running.due_at >= one.running.due_at, (one.id, name)


# Knowledge


@QUIET
@given(st.data())
def test_learning_more_never_silences_a_duty_that_was_owed(data: st.DataObject) -> None:
    before = data.draw(facts())
    after = data.draw(completed(before, all_of_them=False))
    owed = {one.duty for one in answered(before).obligations if one.status == "owed"}
    rows = {one.duty: one for one in answered(after).obligations}
    for duty in owed:
        assert duty in rows, f"{duty} was owed and is not mentioned any more"
        assert rows[duty].status == "owed" or rows[duty].because or rows[duty].missing


@QUIET
@given(st.data())
def test_what_is_not_owed_stays_so_however_the_unknown_turns_out(data: st.DataObject) -> None:
    before = data.draw(facts())
    first = answered(before)
    never = {
        duty for duty, statuses in by_duty(first).items() if statuses == {"not-owed"} and settled(first, duty)
    }
    outside = {regime.id for regime in first.outside}
    after = answered(data.draw(completed(before, all_of_them=True)))
    for one in after.obligations:
        if one.duty in never:
            assert one.status == "not-owed", (one.id, one.because)
        assert one.regime.id not in outside, f"{one.regime.id} was said not to reach the breach"


def settled(assessment: Assessment, duty: str) -> bool:
    """Whether the duty hangs on facts only: not on an event that has not happened, nor on a stage not yet made."""
    one = next(row for row in assessment.obligations if row.duty == duty)
    if one.version.arises_on or one.version.follows_if_incomplete:
        return False
    parent = f"{one.regime.id}/{one.version.follows}"
    return not one.version.follows or (parent in by_duty(assessment) and settled(assessment, parent))


@QUIET
@given(facts())
def test_whatever_is_undetermined_says_what_is_missing(found: dict[str, Any]) -> None:
    for one in answered(found).obligations:
        assert (one.status == "undetermined") == bool(one.missing), (one.id, one.status, one.missing)
        assert one.status != "not-owed" or one.because


@QUIET
@given(facts())
def test_every_place_is_answered_for_or_named_as_a_gap(found: dict[str, Any]) -> None:
    assessment = answered(found)
    places = {code for code, count in found.get("people", {}).get("by_place", {}).items() if count}
    assert ("TD" in places) <= ("TD" in {gap.place for gap in assessment.gaps})
    assert not {gap.place for gap in assessment.gaps} & {"ES", "DE", "GB", "US-CA", "JP"}


# Form


@QUIET
@given(facts())
def test_the_same_facts_give_the_same_bytes(found: dict[str, Any]) -> None:
    first, second = (json.dumps(answered(deepcopy(found)).to_json()) for _ in range(2))
    assert first == second


@QUIET
@given(facts())
def test_the_order_is_soonest_first_and_no_obligation_stands_twice(found: dict[str, Any]) -> None:
    rows = answered(found).obligations
    assert len({one.id for one in rows}) == len(rows)
    live = [one for one in rows if one.status != "not-owed"]
    assert rows[: len(live)] == tuple(live), "what is not owed stands last"
    ends = [one.effective_due_at.timestamp() if one.effective_due_at else float("inf") for one in live]
    assert ends == sorted(ends)


@QUIET
@given(facts())
def test_the_index_of_places_leaves_out_only_regimes_that_say_no(found: dict[str, Any]) -> None:
    from incident_flows.core.conditions import evaluate
    from incident_flows.core.situation import Situation
    from incident_flows.core.truth import Truth

    book = LIBRARY.lawbook
    situation = Situation(Facts.model_validate(found), book.groups, LAW_OF)
    asked = book.reach_index.worth_asking(situation)
    for id_, regime in book.regimes.items():
        if id_ not in asked:
            assert evaluate(regime.reach, situation).truth is Truth.NO, id_
