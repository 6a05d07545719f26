"""What must hold for any facts: more danger never lowers the level, and neither does not knowing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from incident_flows.core.facts import CountRange, Facts
from incident_flows.core.risk import RiskPolicy, assess_risk
from incident_flows.core.risk.bridge import judge
from incident_flows.core.risk.rules import REACH
from incident_flows.core.risk.whatif import with_fact
from incident_flows.knowledge.files import read_yaml
from incident_flows.knowledge.risk_policy import load_risk_policy

POLICY: RiskPolicy = load_risk_policy(
    read_yaml(Path(__file__).parents[3] / "playbooks" / "policies" / "risk.yaml").data
)
DATA = sorted(POLICY.data_kinds)
GROUPS = sorted(POLICY.words.groups)
PARTS = ["confidentiality", "integrity", "availability"]
checked = settings(max_examples=120, deadline=None)  # building facts takes the time, not judging them
LEVELS = {"unlikely": 0, "risk": 1, "high": 2}


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


def some(words: list[str], most: int = 6) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), unique=True, max_size=most)


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    """Any facts, contradictions included; whether an outage goes on is drawn apart."""
    total = draw(maybe(st.integers(0, 300)))
    raw = {
        "organisation": {"id": "any"},
        "breach": {
            "kinds": draw(maybe(some(PARTS))),
            "cause": draw(
                maybe(st.sampled_from(["malicious-outsider", "malicious-insider", "mistake", "failure"]))
            ),
            "exposure": draw(maybe(st.sampled_from(REACH))),
            "acquired": draw(maybe(st.booleans())),
            "medium": draw(maybe(st.sampled_from(["electronic", "paper", "oral"]))),
        },
        "data": {
            "kinds": draw(maybe(some(DATA))),
            "protection": draw(
                maybe(st.sampled_from(["none", "encrypted", "hashed-salted", "hashed", "pseudonymised"]))
            ),
            "key_exposed": draw(maybe(st.booleans())),
            "backup": draw(maybe(st.sampled_from(["none", "partial", "complete"]))),
            "unavailable_hours": draw(maybe(st.sampled_from([0, 0.5, 1, 3, 4, 24, 25, 72]))),
            "already_public": draw(maybe(st.booleans())),
        },
        "people": {"total": total, "groups": draw(maybe(some(GROUPS, most=2)))},
        "harm": {"measures": draw(maybe(some(sorted(POLICY.measures), most=3)))},
        "findings": draw(
            st.dictionaries(st.sampled_from(sorted(POLICY.findings)), st.booleans(), max_size=2)
        ),
    }
    return Facts.model_validate(raw)


def ends(facts: Facts) -> tuple[int, int]:
    verdict = judge(facts, POLICY)
    return verdict.low, verdict.high


def assert_not_lower(before: Facts, after: Facts) -> None:
    was, now = ends(before), ends(after)
    assert now[0] >= was[0], "the lowest level left open fell"
    assert now[1] >= was[1], "the highest level left open fell"


@checked
@given(any_facts(), st.integers(0, 300), st.integers(1, 10_000_000))
def test_more_people_never_lower_the_level(facts: Facts, few: int, more: int) -> None:
    assert_not_lower(with_fact(facts, "people.total", few), with_fact(facts, "people.total", few + more))


@checked
@given(any_facts(), st.sampled_from(DATA))
def test_more_kinds_of_data_never_lower_the_level(facts: Facts, kind: str) -> None:
    kinds = facts.data.kinds or ()
    facts = with_fact(facts, "data.kinds", kinds)
    assert_not_lower(facts, with_fact(facts, "data.kinds", (*kinds, kind)))


@checked
@given(any_facts(), st.integers(0, 5), st.integers(0, 5))
def test_a_more_hostile_recipient_never_lowers_the_level(facts: Facts, one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert_not_lower(
        with_fact(facts, "breach.exposure", REACH[low]), with_fact(facts, "breach.exposure", REACH[high])
    )


@checked
@given(any_facts(), st.sampled_from(["encrypted", "pseudonymised", "hashed-salted", "hashed"]))
def test_no_protection_is_never_better_than_some(facts: Facts, protection: str) -> None:
    assert_not_lower(
        with_fact(facts, "data.protection", protection), with_fact(facts, "data.protection", "none")
    )


@checked
@given(any_facts(), st.sampled_from(["pseudonymised", "hashed-salted", "hashed", "none"]))
def test_nothing_protects_better_than_encryption_whose_key_is_safe(facts: Facts, protection: str) -> None:
    facts = with_fact(facts, "data.key_exposed", False)
    assert_not_lower(
        with_fact(facts, "data.protection", "encrypted"), with_fact(facts, "data.protection", protection)
    )


@checked
@given(any_facts())
def test_salt_never_makes_hashing_worse_and_a_lost_key_never_makes_it_better(facts: Facts) -> None:
    assert_not_lower(
        with_fact(facts, "data.protection", "hashed-salted"), with_fact(facts, "data.protection", "hashed")
    )
    assert_not_lower(with_fact(facts, "data.key_exposed", False), with_fact(facts, "data.key_exposed", True))


@checked
@given(any_facts(), st.sampled_from(GROUPS), st.sampled_from(sorted(POLICY.measures)))
def test_more_groups_never_lower_and_more_measures_never_raise(
    facts: Facts, group: str, measure: str
) -> None:
    groups, measures = facts.people.groups or (), facts.harm.measures or ()
    assert_not_lower(
        with_fact(facts, "people.groups", groups), with_fact(facts, "people.groups", (*groups, group))
    )
    assert_not_lower(
        with_fact(facts, "harm.measures", (*measures, measure)), with_fact(facts, "harm.measures", measures)
    )


@checked
@given(any_facts(), st.floats(0, 200), st.floats(0, 200))
def test_a_longer_outage_and_a_worse_backup_never_lower_the_level(
    facts: Facts, one: float, other: float
) -> None:
    short, long = sorted((one, other))
    assert_not_lower(
        with_fact(facts, "data.unavailable_hours", short), with_fact(facts, "data.unavailable_hours", long)
    )
    assert_not_lower(with_fact(facts, "data.backup", "complete"), with_fact(facts, "data.backup", "partial"))
    assert_not_lower(with_fact(facts, "data.backup", "partial"), with_fact(facts, "data.backup", "none"))


@checked
@given(any_facts())
def test_an_outage_that_goes_on_is_never_lower_than_one_that_is_over(facts: Facts) -> None:
    assert_not_lower(with_fact(facts, "breach.ongoing", False), with_fact(facts, "breach.ongoing", True))


@checked
@given(any_facts())
def test_data_that_were_taken_and_meant_to_be_are_never_lower(facts: Facts) -> None:
    assert_not_lower(with_fact(facts, "breach.acquired", False), with_fact(facts, "breach.acquired", True))
    assert_not_lower(
        with_fact(facts, "breach.cause", "mistake"), with_fact(facts, "breach.cause", "malicious-outsider")
    )


FORGETTABLE = [
    *("breach.kinds", "breach.cause", "breach.exposure", "breach.acquired", "breach.medium"),
    *("data.kinds", "data.protection", "data.key_exposed", "data.backup", "data.unavailable_hours"),
    *("data.already_public", "people.total", "people.groups", "harm.measures"),
]


@settings(max_examples=400, deadline=None)
@given(any_facts(), st.lists(st.sampled_from(FORGETTABLE), min_size=1, max_size=4, unique=True))
def test_not_knowing_never_lowers_the_level(facts: Facts, forgotten: list[str]) -> None:
    """Any facts forgotten: what may be owed at most does not shrink, so no lower level is determined.

    Whether an outage goes on is left out: a number of hours means the whole outage unless it is said that
    it goes on, so to forget that changes what the number says.
    """
    before = ends(facts)
    for path in forgotten:
        facts = with_fact(facts, path, None)
    after = ends(facts)
    assert after[1] >= before[1]
    if after[0] == after[1]:
        assert after[0] >= before[1]


@checked
@given(any_facts(), st.integers(0, 300), st.integers(0, 300))
def test_a_range_of_people_is_never_lower_than_any_number_in_it(facts: Facts, one: int, other: int) -> None:
    low, high = sorted((one, other))
    spread = facts.model_copy(
        update={"people": facts.people.model_copy(update={"total": CountRange(at_least=low, at_most=high)})}
    )
    assert ends(spread)[1] >= ends(with_fact(facts, "people.total", high))[1]


@checked
@given(any_facts())
def test_unlikely_always_rests_on_a_ground(facts: Facts) -> None:
    risk = assess_risk(facts, POLICY, explain=False)
    if risk.level == "unlikely":
        grounds = {rule.id for rule in POLICY.grounds}
        assert grounds & set(risk.rules) or not judge(facts, POLICY).parts


@checked
@given(any_facts())
def test_an_assessment_is_whole_and_always_the_same(facts: Facts) -> None:
    risk = assess_risk(facts, POLICY)
    assert risk.to_json() == assess_risk(facts, POLICY).to_json()
    assert LEVELS[risk.at_least] <= LEVELS[risk.at_most]
    assert (risk.level == "undetermined") == (risk.at_least != risk.at_most)
    assert bool(risk.questions) == (risk.level == "undetermined")
    assert all(change.level not in (risk.level, "undetermined") for change in risk.would_change)
    assert [question.weight for question in risk.questions] == sorted(
        (question.weight for question in risk.questions), reverse=True
    )
    assert "  " not in risk.paragraph()
