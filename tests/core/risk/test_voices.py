"""The other methods: each against values typed from its own text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from incident_flows.core.facts import Facts
from incident_flows.core.risk import Risk, RiskPolicy, assess_risk
from incident_flows.core.risk.aepd import formula, volume_of
from incident_flows.core.risk.bridge import judge
from incident_flows.core.risk.scales import place
from incident_flows.knowledge.files import read_yaml
from incident_flows.knowledge.risk_policy import load_risk_policy

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def policy() -> RiskPolicy:
    return load_risk_policy(read_yaml(ROOT / "playbooks" / "policies" / "risk.yaml").data)


def facts(kinds: list[str] | None, **more: Any) -> Facts:
    breach = {
        "kinds": ["confidentiality"],
        "cause": "mistake",
        "exposure": "known-recipient",
        "acquired": True,
    }
    sections: dict[str, Any] = {
        "organisation": {"id": "any"},
        "breach": breach | more.pop("breach", {}),
        "data": {"kinds": kinds, "protection": "none"} | more.pop("data", {}),
        "people": {"total": 10, "groups": ["customers"]} | more.pop("people", {}),
    }
    return Facts.model_validate(sections | more)


def assessed(policy: RiskPolicy, kinds: list[str] | None, **more: Any) -> Risk:
    return assess_risk(facts(kinds, **more), policy, explain=False)


# --- AEPD 2018: P × (kind × impact); above 20 the authority, above 40 the people ---------------------


@pytest.mark.parametrize(
    ("count", "value"),
    [
        (0, 1),
        (99, 1),
        (100, 2),
        (999, 2),
        (1000, 3),
        (100_000, 3),
        (100_001, 4),
        (1_000_000, 4),
        (1_000_001, 5),
    ],
)
def test_volume_has_five_steps(policy: RiskPolicy, count: int, value: int) -> None:
    assert volume_of(count, policy) == value


@pytest.mark.parametrize(
    ("volume", "kind", "impact", "number"),
    [(1, 1, 2, 2), (2, 2, 4, 16), (3, 1, 10, 30), (4, 2, 6, 48), (5, 2, 10, 100)],
)
def test_the_formula_multiplies(volume: int, kind: int, impact: int, number: int) -> None:
    assert formula(volume, kind, impact) == number


@pytest.mark.parametrize(
    ("kinds", "exposure", "total", "number", "band"),
    [
        (["name"], "none", 10, 2, "up to 20"),
        (["name"], "trusted-recipient", 10, 4, "up to 20"),
        (["name"], "known-recipient", 500, 12, "up to 20"),
        (["name"], "unknown-recipient", 500, 20, "up to 20"),
        (["name"], "public", 5000, 24, "above 20"),
        (["health"], "known-recipient", 500, 24, "above 20"),
        (["health"], "public", 5000, 48, "above 40"),
        (["name"], None, 200_000, 40, "above 20"),
        (["name"], None, 2_000_000, 50, "above 40"),
    ],
)
def test_the_formula_reads_the_facts(
    policy: RiskPolicy, kinds: list[str], exposure: str | None, total: int, number: int, band: str
) -> None:
    result = assessed(policy, kinds, breach={"exposure": exposure}, people={"total": total}).method(
        "aepd-2018"
    )
    assert (result.score, result.band) == (number, band)


def test_records_count_before_people(policy: RiskPolicy) -> None:
    result = assessed(policy, ["name"], data={"records": 1500}, people={"total": 10}).method("aepd-2018")
    assert result.score == 18  # 3 × 1 × 6


def test_an_unknown_number_is_taken_at_worst(policy: RiskPolicy) -> None:
    result = assessed(policy, ["name"], people={"total": None}).method("aepd-2018")
    assert result.score == 30  # 5 × 1 × 6


# --- severity × likelihood -----------------------------------------------------------------------------

PLACES = [
    (["name"], "known-recipient", ["customers"], 1, 2, "low"),
    (["name"], "unknown-recipient", ["customers"], 1, 3, "risk"),
    (["name"], "known-recipient", ["children"], 2, 2, "risk"),
    (["name", "dob"], "public", ["customers"], 2, 4, "high"),
    (["bank-account"], "known-recipient", ["customers"], 3, 2, "risk"),
    (["bank-account"], "unknown-recipient", ["customers"], 3, 3, "high"),
    (["health"], "trusted-recipient", ["customers"], 3, 1, "risk"),
    (["health"], "known-recipient", ["patients"], 4, 2, "high"),
    (["health"], "hostile", ["patients"], 4, 4, "high"),
]


@pytest.mark.parametrize(("kinds", "exposure", "groups", "severity", "likelihood", "combined"), PLACES)
def test_the_place_on_the_two_scales(
    policy: RiskPolicy,
    kinds: list[str],
    exposure: str,
    groups: list[str],
    severity: int,
    likelihood: int,
    combined: str,
) -> None:
    at = place(judge(facts(kinds, breach={"exposure": exposure}, people={"groups": groups}), policy), policy)
    assert (at.severity, at.likelihood, at.combined) == (severity, likelihood, combined)


@pytest.mark.parametrize(
    ("more", "likelihood"),
    [
        ({"data": {"protection": "encrypted", "key_exposed": False}}, 1),
        ({"data": {"protection": "encrypted"}}, 3),
        ({"data": {"protection": "pseudonymised", "key_exposed": False}}, 2),
        ({"harm": {"measures": ["recipient-returned"]}}, 2),
    ],
)
def test_what_stands_in_the_way_lowers_the_likelihood(
    policy: RiskPolicy, more: dict[str, Any], likelihood: int
) -> None:
    given = facts(["health"], breach={"exposure": "unknown-recipient"}, **more)
    assert place(judge(given, policy), policy).likelihood == likelihood


def test_an_outage_takes_its_place_from_the_rules(policy: RiskPolicy) -> None:
    lost = {"kinds": ["availability"], "exposure": "none", "acquired": False}
    hospital = {"data": {"backup": "complete", "unavailable_hours": 12}, "people": {"groups": ["patients"]}}
    at = place(judge(facts(["health"], breach=lost, **hospital), policy), policy)
    assert (at.severity, at.likelihood) == (4, 3)


def test_each_authority_speaks_in_its_own_words(policy: RiskPolicy) -> None:
    risk = assessed(policy, ["name", "bank-account"], breach={"exposure": "unknown-recipient"})
    bands = {result.id: result.band for result in risk.methods}
    assert bands["cnil"] == "severity significant, likelihood significant"
    assert bands["aepd-2021"] == "severity high, likelihood high"
    assert bands["dsk-18"] == "high risk"
    assert bands["dpc-ie"] == "high"
    assert bands["edpb-factors"] == "high"


def test_the_irish_scale_ends_in_severe(policy: RiskPolicy) -> None:
    worst = {"breach": {"exposure": "hostile"}, "people": {"groups": ["patients"]}}
    assert assessed(policy, ["health"], **worst).method("dpc-ie").band == "severe"


def test_without_the_kinds_of_data_the_voices_keep_silent(policy: RiskPolicy) -> None:
    risk = assessed(policy, None)
    silent = {"enisa-2013", "aepd-2018", "cnil", "aepd-2021", "dsk-18", "dpc-ie", "edpb-factors"}
    assert {result.id for result in risk.methods if result.band is None} == silent


# --- ICO -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "answer", "likely"),
    [
        ({"kinds": ["name", "email"]}, "record only", "unlikely"),
        ({"kinds": ["bank-account"]}, "report to the authority", "likely"),
        (
            {"kinds": ["health"], "breach": {"exposure": "public"}},
            "report and tell the people",
            "very likely",
        ),
        (
            {"kinds": ["health"], "data": {"protection": "encrypted"}},
            "unsure: ring the helpline",
            "at worst likely",
        ),
    ],
)
def test_the_icos_three_questions(policy: RiskPolicy, more: dict[str, Any], answer: str, likely: str) -> None:
    kinds = more.pop("kinds")
    result = assessed(policy, kinds, **more).method("ico")
    assert result.band == answer
    assert [step.split("?")[0] for step in result.steps] == [
        "Is it a personal data breach",
        "How likely are significant consequences",
        "Is the risk high",
    ]
    assert result.steps[1].endswith(f"{likely}.")


def test_no_breach_of_personal_data_ends_the_icos_questions(policy: RiskPolicy) -> None:
    result = assessed(policy, ["name"], breach={"kinds": [], "exposure": "none", "acquired": False}).method(
        "ico"
    )
    assert (result.band, len(result.steps)) == ("record only", 1)


# --- HIPAA ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "band"),
    [
        ({}, "low probability not shown"),
        ({"data": {"protection": "encrypted", "key_exposed": False}}, "secured data"),
        ({"breach": {"acquired": False}}, "low probability not shown"),
        (
            {"breach": {"acquired": False}, "harm": {"measures": ["recipient-returned"]}},
            "low probability shown",
        ),
        ({"breach": {"exposure": "trusted-recipient"}}, "low probability not shown"),
        (
            {
                "breach": {"exposure": "trusted-recipient"},
                "harm": {"measures": ["recipient-confirmed-deletion"]},
            },
            "low probability shown",
        ),
        ({"breach": {"kinds": ["availability"], "exposure": "none", "acquired": False}}, "no disclosure"),
    ],
)
def test_low_probability_of_compromise_must_be_shown(
    policy: RiskPolicy, more: dict[str, Any], band: str
) -> None:
    result = assessed(policy, ["name", "health"], **more).method("hipaa-4")
    assert result.band == band
    assert len(result.steps) == 4


def test_every_method_names_itself_once_and_shows_its_steps(policy: RiskPolicy) -> None:
    methods = assessed(policy, ["name"]).methods
    assert [result.id for result in methods] == [
        "enisa-2013",
        "edpb-factors",
        "aepd-2018",
        "cnil",
        "aepd-2021",
        "dsk-18",
        "dpc-ie",
        "ico",
        "hipaa-4",
    ]
    assert all(result.steps for result in methods)
