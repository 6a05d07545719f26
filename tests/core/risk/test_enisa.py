"""ENISA's arithmetic, step by step, against numbers typed from the method and its worked examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from incident_flows.core.facts import Facts
from incident_flows.core.risk import RiskPolicy, assess_risk
from incident_flows.core.risk.bridge import judge
from incident_flows.core.risk.enisa import Reading, band_of, severity
from incident_flows.core.risk.rules import BANDS
from incident_flows.knowledge.files import read_yaml
from incident_flows.knowledge.risk_policy import load_risk_policy

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def policy() -> RiskPolicy:
    return load_risk_policy(read_yaml(ROOT / "playbooks" / "policies" / "risk.yaml").data)


def facts(kinds: list[str], **more: Any) -> Facts:
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


def read(policy: RiskPolicy, kinds: list[str], **more: Any) -> Reading:
    return judge(facts(kinds, **more), policy).reading


ANCHORS = [
    ("a supermarket's customer list", ["name", "phone"], {}, 1),
    ("a luxury shop's list", ["name", "postal-address"], {"data-lets-profile": True}, 2),
    ("an adult bookshop's delivery list", ["name", "postal-address"], {"data-hints-at-sensitive": True}, 3),
    ("a list of undercover officers", ["name"], {"safety-at-stake": True}, 4),
    ("calls to a helpdesk", ["traffic"], {"no-real-insight": True}, 1),
    ("one week of call history", ["traffic"], {}, 2),
    ("one year of call history", ["traffic"], {"data-lets-profile": True}, 3),
    ("calls to a psychological support line", ["traffic"], {"data-hints-at-sensitive": True}, 4),
    ("a month of shopping", ["purchase"], {}, 2),
    ("a year of travel card", ["location"], {"data-lets-profile": True}, 3),
    ("pharmacy purchases", ["purchase"], {"data-hints-at-sensitive": True}, 4),
    ("a letter from a bank", ["name", "income"], {"no-real-insight": True}, 1),
    ("one day of transactions without detail", ["name", "income"], {"little-insight": True}, 2),
    ("a month of balances", ["name", "income"], {}, 3),
    ("a year of detailed statements", ["name", "income"], {"fraud-possible": True}, 4),
    ("an expired card number", ["name", "payment-card"], {"no-real-insight": True}, 1),
    ("bare account numbers", ["bank-account"], {}, 2),
    ("full usable card data", ["name", "payment-card-with-code"], {}, 4),
    ("that a general blood test was done", ["health"], {"no-real-insight": True}, 1),
    ("that an emergency-room blood test was done", ["health"], {"little-insight": True}, 2),
    ("that a test for a named disease was done", ["health"], {"assumptions-only": True}, 3),
    ("the result of that test", ["health"], {}, 4),
]


@pytest.mark.parametrize(
    ("kinds", "findings", "dpc"), [row[1:] for row in ANCHORS], ids=[row[0] for row in ANCHORS]
)
def test_the_methods_own_examples_get_the_methods_own_score(
    policy: RiskPolicy, kinds: list[str], findings: dict[str, bool], dpc: int
) -> None:
    assert read(policy, kinds, findings=findings).context == (dpc, dpc)


def test_the_highest_of_several_classes_counts(policy: RiskPolicy) -> None:
    assert read(policy, ["name", "purchase"]).context == (2, 2)
    assert read(policy, ["name", "purchase", "salary"]).context == (3, 3)
    assert read(policy, ["name", "purchase", "salary", "religion"]).context == (4, 4)


def test_steps_never_leave_one_to_four(policy: RiskPolicy) -> None:
    assert read(policy, ["salary"], findings={"no-real-insight": True}).context == (1, 1)
    assert read(policy, ["traffic"], people={"groups": ["patients"]}).context == (4, 4)
    both = {"fraud-possible": True, "data-lets-profile": True}
    assert read(policy, ["salary", "location"], findings=both).context == (4, 4)


def test_login_data_take_the_class_of_what_they_open(policy: RiskPolicy) -> None:
    assert read(policy, ["email", "credentials"]).context == (2, 2)
    assert read(policy, ["credentials", "income"]).context == (3, 3)
    assert read(policy, ["credentials", "health"]).context == (4, 4)


def test_a_blocked_card_is_an_expired_card(policy: RiskPolicy) -> None:
    blocked = read(policy, ["name", "payment-card-with-code"], harm={"measures": ["cards-blocked"]})
    assert blocked.context == (1, 1)
    beside = read(policy, ["name", "payment-card-with-code", "debts"], harm={"measures": ["cards-blocked"]})
    assert beside.context == (3, 3)


EASE = [
    (["purchase"], 0.25),
    (["ip-address"], 0.25),
    (["name"], 0.5),
    (["email"], 0.5),
    (["national-id"], 0.5),
    (["photo"], 0.5),
    (["name", "email"], 0.75),
    (["name", "phone"], 0.75),
    (["name", "postal-address"], 0.75),
    (["name", "email", "phone", "bank-account"], 0.75),
    (["email", "phone"], 0.75),
    (["name", "dob"], 0.75),
    (["name", "dob", "email"], 1),
    (["name", "national-id"], 1),
    (["name", "photo", "postal-address"], 1),
    (["photo", "passport"], 1),
]


@pytest.mark.parametrize(("kinds", "value"), EASE, ids=[" ".join(row[0]) for row in EASE])
def test_ease_of_identification_follows_the_identifiers(
    policy: RiskPolicy, kinds: list[str], value: float
) -> None:
    assert read(policy, kinds).ease == (value, value)


@pytest.mark.parametrize(
    ("data", "ends"),
    [
        ({"protection": "encrypted", "key_exposed": False}, (0.25, 0.25)),
        ({"protection": "encrypted", "key_exposed": True}, (1, 1)),
        ({"protection": "encrypted"}, (0.25, 1)),
        ({"protection": "pseudonymised", "key_exposed": False}, (0.25, 0.25)),
        ({"protection": "pseudonymised", "key_exposed": True}, (1, 1)),
        ({"protection": "hashed"}, (1, 1)),
        ({"protection": None}, (0.25, 1)),
    ],
)
def test_a_safe_key_brings_identification_down(
    policy: RiskPolicy, data: dict[str, Any], ends: tuple[float, float]
) -> None:
    assert read(policy, ["name", "dob", "email"], data=data).ease == ends


def test_nobody_identifies_from_data_that_did_not_leak(policy: RiskPolicy) -> None:
    inside = {"kinds": ["availability"], "exposure": "none", "acquired": False}
    assert read(policy, ["name", "dob", "email"], breach=inside).ease == (0.25, 0.25)


@pytest.mark.parametrize(
    ("breach", "ends"),
    [
        ({"exposure": "unknown-recipient", "acquired": False}, (0, 0)),
        ({"exposure": "known-recipient", "acquired": True}, (0.25, 0.25)),
        ({"exposure": "trusted-recipient", "acquired": True}, (0.25, 0.25)),
        ({"exposure": "unknown-recipient", "acquired": True}, (0.5, 0.5)),
        ({"exposure": "unknown-recipient", "acquired": None}, (0, 0.5)),
        ({"exposure": "public", "acquired": False}, (0.5, 0.5)),
        ({"exposure": "hostile", "acquired": True}, (0.5, 0.5)),
        ({"exposure": None, "acquired": True}, (0.25, 0.5)),
    ],
)
def test_what_a_leak_adds(policy: RiskPolicy, breach: dict[str, Any], ends: tuple[float, float]) -> None:
    assert read(policy, ["name"], breach=breach).leak == ends


@pytest.mark.parametrize(
    ("backup", "measures", "used", "adds"),
    [
        ("complete", [], None, 0),
        ("complete", ["restored"], None, 0),
        ("complete", ["restored"], True, 0.25),
        ("complete", [], True, 0.25),
        ("partial", [], None, 0.25),
        ("none", [], None, 0.5),
        ("none", [], True, 0.5),
    ],
)
def test_what_altered_data_add(
    policy: RiskPolicy, backup: str, measures: list[str], used: bool | None, adds: float
) -> None:
    reading = read(
        policy,
        ["name"],
        breach={"kinds": ["integrity"], "exposure": "none", "acquired": False},
        data={"backup": backup},
        harm={"measures": measures},
        findings={} if used is None else {"altered-data-used": used},
    )
    assert reading.change == (adds, adds)


@pytest.mark.parametrize(
    ("data", "ends"),
    [
        ({"backup": "complete", "unavailable_hours": 0}, (0, 0)),
        ({"backup": "complete", "unavailable_hours": 24}, (0, 0)),
        ({"backup": "complete", "unavailable_hours": 25}, (0.25, 0.25)),
        ({"backup": "partial", "unavailable_hours": 2}, (0.25, 0.25)),
        ({"backup": "none", "unavailable_hours": 2}, (0.5, 0.5)),
        ({"backup": "complete"}, (0, 0.25)),
        ({}, (0, 0.5)),
    ],
)
def test_what_lost_data_add(policy: RiskPolicy, data: dict[str, Any], ends: tuple[float, float]) -> None:
    lost = {"kinds": ["availability"], "exposure": "none", "acquired": False}
    assert read(policy, ["name"], breach=lost, data=data).outage == ends


@pytest.mark.parametrize(
    ("cause", "exposure", "ends"),
    [
        ("mistake", "known-recipient", (0, 0)),
        ("failure", "known-recipient", (0, 0)),
        ("malicious-outsider", "known-recipient", (0.5, 0.5)),
        ("malicious-insider", "known-recipient", (0.5, 0.5)),
        ("mistake", "hostile", (0.5, 0.5)),
        (None, "known-recipient", (0, 0.5)),
        (None, "hostile", (0.5, 0.5)),
    ],
)
def test_what_malice_adds(
    policy: RiskPolicy, cause: str | None, exposure: str, ends: tuple[float, float]
) -> None:
    assert read(policy, ["name"], breach={"cause": cause, "exposure": exposure}).malice == ends


def test_circumstances_add_up_to_two_at_most(policy: RiskPolicy) -> None:
    worst = read(
        policy,
        ["name", "dob", "email", "health"],
        breach={
            "kinds": ["confidentiality", "integrity", "availability"],
            "cause": "malicious-outsider",
            "exposure": "hostile",
        },
        data={"backup": "none"},
    )
    assert worst.circumstances == (2.0, 2.0)
    assert worst.score == (6.0, 6.0)


@pytest.mark.parametrize(
    ("context", "ease", "circumstances", "score", "band"),
    [
        (1, 0.25, 0, 0.25, "low"),
        (1, 0.75, 0.25, 1.0, "low"),
        (2, 0.75, 0.25, 1.75, "low"),
        (2, 1, 0, 2.0, "medium"),
        (3, 0.75, 0.25, 2.5, "medium"),
        (4, 0.5, 0.75, 2.75, "medium"),
        (3, 1, 0, 3.0, "high"),
        (3, 0.75, 1.0, 3.25, "high"),
        (4, 0.75, 0.75, 3.75, "high"),
        (4, 1, 0, 4.0, "very-high"),
        (4, 1, 2, 6.0, "very-high"),
    ],
)
def test_the_sum_and_its_band(
    policy: RiskPolicy, context: float, ease: float, circumstances: float, score: float, band: str
) -> None:
    assert severity(context, ease, circumstances) == score
    assert BANDS[band_of(score, policy)] == band


def test_the_steps_show_the_whole_sum(policy: RiskPolicy) -> None:
    stolen = {"cause": "malicious-outsider", "exposure": "unknown-recipient"}
    risk = assess_risk(facts(["name", "email", "phone", "bank-account"], breach=stolen), policy)
    result = risk.method("enisa-2013")
    assert (result.score, result.band) == (3.25, "high")
    assert "CB = 1." in result.steps[-2]
    assert result.steps[-1].startswith("SE = 3 × 0.75 + 1 = 3.25: high")


def test_more_than_a_hundred_people_are_flagged_and_score_the_same(policy: RiskPolicy) -> None:
    few = assess_risk(facts(["name", "salary"], people={"total": 100}), policy)
    many = assess_risk(facts(["name", "salary"], people={"total": 101}), policy)
    assert "more-than-100-people" not in few.flags
    assert "more-than-100-people" in many.flags
    assert few.method("enisa-2013") == many.method("enisa-2013")


def test_unreadable_data_are_flagged(policy: RiskPolicy) -> None:
    sealed = assess_risk(facts(["health"], data={"protection": "encrypted", "key_exposed": False}), policy)
    assert "data-unintelligible" in sealed.flags


def test_without_the_kinds_of_data_there_is_no_score(policy: RiskPolicy) -> None:
    result = assess_risk(facts([], data={"kinds": None}), policy).method("enisa-2013")
    assert (result.score, result.band) == (None, None)


def test_an_open_score_is_given_at_its_careful_end(policy: RiskPolicy) -> None:
    result = assess_risk(facts(["name", "email", "salary"], breach={"cause": None}), policy).method(
        "enisa-2013"
    )
    assert (result.score, result.band) == (3.0, "high")
    assert "2.5" in result.steps[-1]
