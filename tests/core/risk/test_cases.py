"""Every situation under tests/cases/risk/: a sentence, facts, and the level a DPO would defend."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from incident_flows.core.facts import Facts
from incident_flows.core.risk import RiskPolicy, assess_risk
from incident_flows.knowledge.files import read_yaml
from incident_flows.knowledge.risk_policy import load_risk_policy

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "tests" / "cases" / "risk").glob("*.yaml"))
CASES = [(path.stem, case) for path in FILES for case in read_yaml(path).data["cases"]]
KEYS = {
    *("title", "facts", "level", "because", "at_least", "at_most", "owed_to"),
    *("enisa", "asks", "proposal", "flag", "confirmed"),
}
OWED = {"unlikely": "nobody", "risk": "authority", "high": "people", "undetermined": "undetermined"}
POLICY = load_risk_policy(read_yaml(ROOT / "playbooks" / "policies" / "risk.yaml").data)


@pytest.fixture(scope="module")
def policy() -> RiskPolicy:
    return POLICY


def facts_of(case: dict[str, Any]) -> Facts:
    return Facts.model_validate({"organisation": {"id": "any"}, **case["facts"]})


@pytest.mark.parametrize(("file", "case"), CASES, ids=[f"{file}: {case['title']}" for file, case in CASES])
def test_the_situation_comes_out_as_a_lawyer_would_have_it(
    file: str, case: dict[str, Any], policy: RiskPolicy
) -> None:
    assert set(case) <= KEYS
    facts = facts_of(case)
    risk = assess_risk(facts, policy, confirmed=case.get("confirmed", False))

    assert risk.level == case["level"], "\n".join(risk.because)
    if case["level"] == "undetermined":
        assert (risk.at_least, risk.at_most) == (case["at_least"], case["at_most"])
        assert risk.questions
    else:
        assert risk.at_least == risk.at_most == case["level"]
        assert not risk.questions
    assert risk.owed_to == case.get("owed_to", OWED[case["level"]])
    if "enisa" in case:
        assert risk.method("enisa-2013").score == pytest.approx(case["enisa"])
    if "asks" in case:
        assert risk.questions[0].fact == case["asks"]
    if "proposal" in case:
        assert risk.proposal == case["proposal"]
    if "flag" in case:
        assert case["flag"] in risk.flags


def test_there_are_enough_situations_and_each_is_told_once() -> None:
    titles = Counter(case["title"] for _, case in CASES)
    assert len(titles) == len(CASES) >= 60
    assert all(case["because"].endswith(".") for _, case in CASES)


def test_every_kind_of_data_every_part_and_every_measure_occurs(policy: RiskPolicy) -> None:
    all_facts = [facts_of(case) for _, case in CASES]
    kinds = {kind for facts in all_facts for kind in facts.data.kinds or ()}
    rare = {"gender", "voice", "preferences", "food-preference", "family", "device-id"}
    assert set(policy.data_kinds) - kinds == rare  # the tiers they share with others are covered
    assert {part for facts in all_facts for part in facts.breach.kinds or ()} == {
        "confidentiality",
        "integrity",
        "availability",
    }
    assert {word for facts in all_facts for word in facts.harm.measures or ()} == set(policy.measures)


def test_every_rule_of_the_bridge_decides_some_situation(policy: RiskPolicy) -> None:
    decided = {rule for _, case in CASES for rule in assess_risk(facts_of(case), policy, explain=False).rules}
    written = {rule.id for rule in (*policy.raises, *policy.overrides, *policy.grounds)}
    assert written - decided == set()


def test_every_level_is_met_on_both_sides() -> None:
    levels = Counter(case["level"] for _, case in CASES)
    assert min(levels[level] for level in OWED) >= 10
