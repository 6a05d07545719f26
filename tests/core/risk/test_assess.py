"""The assessment as a whole: reasons, findings, what would change it, and how it reads."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

from incident_flows.core.facts import Facts
from incident_flows.core.risk import Risk, RiskPolicy, assess_risk
from incident_flows.core.situation import RiskBounds
from incident_flows.errors import KnowledgeError
from incident_flows.knowledge.files import read_yaml
from incident_flows.knowledge.risk_policy import load_risk_policy

ROOT = Path(__file__).parents[3]
RAW = read_yaml(ROOT / "playbooks" / "policies" / "risk.yaml").data
STOLEN_LAPTOP = {
    "organisation": {"id": "any"},
    "breach": {
        "kinds": ["confidentiality"],
        "cause": "malicious-outsider",
        "exposure": "unknown-recipient",
        "acquired": True,
        "medium": "electronic",
    },
    "data": {
        "kinds": ["name", "email", "phone", "bank-account"],
        "protection": "none",
        "key_exposed": False,
        "backup": "complete",
        "unavailable_hours": 0,
    },
    "people": {"total": 1020, "by_place": {"ES": 120, "GB": 900}, "groups": ["customers"]},
    "harm": {"measures": ["remote-wipe-requested"]},
}


@pytest.fixture(scope="module")
def policy() -> RiskPolicy:
    return load_risk_policy(RAW)


def assessed(policy: RiskPolicy, *, confirmed: bool = False, explain: bool = True, **sections: Any) -> Risk:
    raw = {key: {**value, **sections.pop(key, {})} for key, value in STOLEN_LAPTOP.items()}
    return assess_risk(Facts.model_validate(raw | sections), policy, confirmed=confirmed, explain=explain)


def test_the_contracts_example_keeps_its_shape(policy: RiskPolicy) -> None:
    shown = assessed(policy).to_json()
    assert {key: shown[key] for key in ("level", "owed_to", "at_least", "at_most", "proposal")} == {
        "level": "high",
        "owed_to": "people",
        "at_least": "high",
        "at_most": "high",
        "proposal": "high",
    }
    assert {key: shown["methods"][0][key] for key in ("id", "score", "band")} == {
        "id": "enisa-2013",
        "score": 3.25,
        "band": "high",
    }
    assert all(isinstance(step, str) for method in shown["methods"] for step in method["steps"])
    assert shown["because"]


def test_the_bounds_are_what_conditions_of_the_law_read(policy: RiskPolicy) -> None:
    assert assessed(policy).bounds == RiskBounds("high", "high")
    assert assessed(policy, data={"protection": "encrypted", "key_exposed": None}).bounds == RiskBounds(
        "unlikely", "high"
    )


def test_an_assessment_reads_as_a_paragraph_that_can_be_filed(policy: RiskPolicy) -> None:
    text = assessed(policy).paragraph()
    assert text.startswith(
        "Risk to people: there is a high risk to people; the authority and the people have to be told. "
        "Name, email, phone and bank-account of 1020 people (customers) reached an unknown recipient; they "
        "were seen or taken; they were not protected; the cause was an outsider who meant harm. "
    )
    assert "enisa-2013 3.25 (high)" in text
    assert "Does not count: remote-wipe-requested, since nobody knows whether the wipe ran." in text
    assert "it would be unlikely if the data had been encrypted and the key safe" in text
    assert text.endswith("Assessed under the risk policy of 2026-11-22.")
    assert "\n" not in text


def test_an_open_assessment_says_between_what_it_lies_and_what_to_ask(policy: RiskPolicy) -> None:
    risk = assessed(policy, data={"protection": "encrypted", "key_exposed": None})
    text = risk.paragraph()
    assert "It lies between unlikely and high." in text
    assert "Not known: data.key_exposed." in risk.because
    assert (risk.questions[0].fact, risk.questions[0].weight) == ("data.key_exposed", 1.0)
    assert (
        "To be found out, the most decisive first: whether the protection still holds (data.key_exposed)"
        in text
    )


def test_the_two_or_three_facts_that_would_move_the_level(policy: RiskPolicy) -> None:
    changes = {change.fact: (change.value, change.level) for change in assessed(policy).would_change}
    assert changes == {
        "data.protection": ("encrypted", "unlikely"),
        "breach.cause": ("mistake", "risk"),
        "data.already_public": (True, "unlikely"),
    }


def test_every_change_named_does_move_the_level(policy: RiskPolicy) -> None:
    wrong_mail = assessed(
        policy,
        breach={"cause": "mistake", "exposure": "known-recipient"},
        data={"kinds": ["name", "email"]},
        people={"total": 3, "by_place": None},
    )
    assert wrong_mail.level == "unlikely"
    facts = [change.fact for change in wrong_mail.would_change]
    assert facts == ["breach.exposure", "data.kinds", "breach.kinds"]
    public = assessed(
        policy,
        breach={"cause": "mistake", "exposure": wrong_mail.would_change[0].value},
        data={"kinds": ["name", "email"]},
        people={"total": 3, "by_place": None},
    )
    assert public.level == wrong_mail.would_change[0].level == "risk"


def test_nothing_is_explained_unless_it_is_wanted(policy: RiskPolicy) -> None:
    risk = assessed(policy, explain=False, data={"protection": None})
    assert (risk.level, risk.would_change, risk.questions) == ("undetermined", (), ())


def test_a_finding_settles_what_is_open_and_ends_the_questions(policy: RiskPolicy) -> None:
    risk = assessed(
        policy,
        data={"protection": None},
        harm={"expected": "risk", "because": "the disk was damaged.", "by": "Ana"},
    )
    assert (risk.level, risk.proposal, risk.questions) == ("risk", "undetermined", ())
    assert "Ana found risk, because the disk was damaged; the facts leave that open, so it is the level." in (
        risk.because
    )
    assert {change.fact: change.level for change in risk.would_change}["data.protection"] == "high"


def test_lowering_needs_reasons_and_a_second_person(policy: RiskPolicy) -> None:
    finding = {"expected": "risk", "because": "the thief was caught at the door", "by": "Ana"}
    alone = assessed(policy, harm=finding)
    assert (alone.level, alone.at_least, alone.proposal) == ("high", "high", "high")
    assert any("lowering needs a second person, so the level stays high" in line for line in alone.because)
    two = assessed(policy, harm=finding, confirmed=True)
    assert (two.level, two.bounds, two.owed_to, two.proposal) == (
        "risk",
        RiskBounds("risk", "risk"),
        "authority",
        "high",
    )
    assert any("a second person confirmed it" in line for line in two.because)
    assert "The level proposed from the facts alone was high." in two.paragraph()
    for blank in (None, "", "  "):
        silent = assessed(policy, harm={**finding, "because": blank}, confirmed=True)
        assert silent.level == "high"
        assert "finding-without-reasons" in silent.flags


def test_a_finding_below_an_open_level_needs_two_when_it_is_below_the_lowest_end(policy: RiskPolicy) -> None:
    open_facts = {
        "breach": {"exposure": None, "cause": "mistake"},
        "data": {"kinds": ["name", "health"], "protection": "none"},
    }
    finding = {"expected": "unlikely", "because": "it went to a colleague"}
    alone = assessed(policy, harm=finding, **open_facts)
    assert (alone.level, alone.at_least, alone.at_most) == ("undetermined", "risk", "high")
    assert assessed(policy, harm=finding, confirmed=True, **open_facts).level == "unlikely"


@pytest.mark.parametrize(
    ("sections", "conflict"),
    [
        ({"breach": {"exposure": "none", "acquired": True}}, "breach.exposure says none"),
        ({"breach": {"kinds": ["availability"], "acquired": True}}, "breach.kinds names no leak"),
        ({"data": {"unavailable_hours": 5}}, "data.unavailable_hours is not 0"),
        ({"breach": {"medium": "paper"}, "data": {"protection": "encrypted"}}, "breach.medium says paper"),
    ],
)
def test_facts_that_contradict_each_other_are_named(
    policy: RiskPolicy, sections: dict[str, Any], conflict: str
) -> None:
    risk = assessed(policy, **sections)
    assert "facts-contradict" in risk.flags
    assert any(
        line.startswith("The facts contradict each other: ") and conflict in line for line in risk.because
    )


def test_going_below_the_formula_is_said_and_flagged(policy: RiskPolicy) -> None:
    risk = assessed(
        policy,
        breach={"exposure": "trusted-recipient", "cause": "mistake"},
        data={"kinds": ["name", "email", "health"]},
        harm={"measures": ["recipient-confirmed-deletion"]},
    )
    assert (risk.level, risk.method("enisa-2013").band) == ("unlikely", "high")
    assert "below-enisa" in risk.flags
    assert any("documented reason to go below it" in line for line in risk.because)


def test_pseudonyms_with_names_beside_them_are_flagged(policy: RiskPolicy) -> None:
    assert "pseudonymised-yet-names" in assessed(policy, data={"protection": "pseudonymised"}).flags


def test_an_assessment_can_be_copied_compared_and_kept(policy: RiskPolicy) -> None:
    risk = assessed(policy)
    assert risk == copy.deepcopy(risk) == assessed(policy, explain=False)
    assert risk.to_json() == assessed(policy).to_json()
    with pytest.raises(AttributeError):
        risk.level = "unlikely"  # type: ignore[misc]
    stripped = assessed(policy, explain=False)
    assert pickle.loads(pickle.dumps(stripped)) == stripped


# --- the policy file ---------------------------------------------------------------------------------------


def test_every_word_of_a_facts_file_is_placed(policy: RiskPolicy) -> None:
    words = read_yaml(ROOT / "playbooks" / "policies" / "words.yaml").data
    assert set(words["data_kinds"]) == set(policy.data_kinds)
    assert set(words["groups"]) == set(policy.words.groups)
    assert set(words["measures"]) == set(policy.measures)


def test_no_rule_rests_on_the_number_of_people_alone(policy: RiskPolicy) -> None:
    assert not any(set(rule.when) == {"people_at_most"} for rule in policy.grounds)


def changed(**parts: Any) -> dict[str, Any]:
    return copy.deepcopy(RAW) | parts


def rule(**parts: Any) -> dict[str, Any]:
    return {
        "id": "trial",
        "of": "confidentiality",
        "level": "high",
        "because": "Trial.",
        "source": "trial",
        "basis": "house",
        "when": {"reach": "public"},
    } | parts


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (changed(surprise=1), "surprise"),
        (changed(raises=[rule(when={"reach_at_most": "public"})]), "may not stand in a raising rule"),
        (changed(grounds=[rule(level="unlikely")]), "may not stand in a lowering rule"),
        (changed(raises=[rule(when={"reach": "everywhere"})]), "'everywhere' is not one of"),
        (changed(raises=[rule(when={"data": ["aura"]})]), "neither a kind of data nor a set"),
        (changed(raises=[rule(when={"groups": ["cats"]})]), "is no group of people"),
        (changed(raises=[rule(when={"moon": "full"})]), "'moon' is no test"),
        (changed(raises=[rule(when={"finding": "hunch"})]), "is no finding of the policy"),
        (changed(raises=[rule(when={"without_measures": ["hope"]})]), "is no measure of the policy"),
        (changed(raises=[rule(when={"hours": -1})]), "is no number from 0 on"),
        (changed(raises=[rule(when={"intent": False})]), "is not true"),
        (changed(raises=[rule(when={})]), "would always hold"),
        (changed(raises=[rule(when={"any": []})]), "needs a list of tests"),
        (changed(raises=[rule(), rule()]), "stands twice"),
        (changed(raises=[rule(basis="rumour")]), "basis"),
        (changed(sets={**RAW["sets"], "odd": ["aura"]}), "'aura' is no kind of data"),
        (changed(sets={"special": ["health"]}), "hashable, special and reachable are needed"),
    ],
)
def test_a_policy_that_does_not_hold_together_is_refused(data: dict[str, Any], fault: str) -> None:
    with pytest.raises(KnowledgeError, match=r"risk\.yaml: ") as refused:
        load_risk_policy(data)
    assert fault in str(refused.value)
    assert "no risk can be assessed until this is fixed" in str(refused.value)


def test_enisa_must_keep_its_classes_bands_and_order() -> None:
    for part in (
        {"base": {"simple": 1}},
        {"bands": list(reversed(RAW["enisa"]["bands"]))},
        {"ease": list(reversed(RAW["enisa"]["ease"]))},
    ):
        with pytest.raises(KnowledgeError, match="enisa"):
            load_risk_policy(changed(enisa={**RAW["enisa"], **part}))


def test_the_former_formula_needs_an_impact_for_every_exposure() -> None:
    aepd = {**RAW["aepd"], "impact": {"none": 2}}
    with pytest.raises(KnowledgeError, match="impact needs a value for each"):
        load_risk_policy(changed(aepd=aepd))
