"""The one-minute lane: the everyday case is closed properly, everything else is said to be more."""

from __future__ import annotations

from typing import Any

from incident_flows.services.desk import checked_facts
from incident_flows.services.quick import open_quickly
from incident_flows.services.show import show

CASE = {
    "organisation": {
        "id": "acme",
        "legal_name": "Acme SL",
        "establishments": [{"place": "ES", "main": True}],
        "sectors": [],
        "statuses": [],
    },
    "role": "controller",
    "moments": {"detected_at": "2026-11-22T08:30:00+01:00", "aware_at": "2026-11-22T08:30:00+01:00"},
    "breach": {
        "kinds": ["confidentiality"],
        "cause": "mistake",
        "acquired": True,
        "medium": "electronic",
        "exposure": "trusted-recipient",
    },
    "data": {"kinds": ["name", "email"], "protection": "none", "backup": "complete", "unavailable_hours": 0},
    "people": {"total": 3, "by_place": {"ES": 3}, "groups": ["customers"]},
    "harm": {"measures": ["recipient-confirmed-deletion"]},
}


def _quick(house: Any, **changes: Any) -> Any:
    facts = checked_facts(house.desk, {**CASE, **changes}, name="answers")
    return open_quickly(house.desk, facts, actor=house.person(), now=house.now, source="quick")


def test_a_colleague_who_confirmed_deletion_closes_the_case_with_the_grounds_on_record(house: Any) -> None:
    done = _quick(house)
    assert (done.closed, done.risk) == (True, "unlikely"), done.because
    whole = show(house.desk, done.ref)
    assert whole["state"] == "closed"
    [decision] = whole["decisions"]
    assert decision["by"] == "anna"
    assert "unlikely" in decision["because"]


def test_an_unknown_reader_keeps_it_open_and_says_why(house: Any) -> None:
    done = _quick(house, breach={**CASE["breach"], "exposure": "unknown-recipient"}, harm={"measures": []})  # type: ignore[dict-item]
    assert not done.closed
    assert "risk" in done.because[0]
    assert show(house.desk, done.ref)["state"] == "open"


def test_what_is_not_known_is_no_ground_for_closing(house: Any) -> None:
    data = {"protection": "none", "backup": "complete", "unavailable_hours": 0}
    done = _quick(house, harm={}, data=data)  # which data went out, and what the reader did, is not known
    assert not done.closed
    assert show(house.desk, done.ref)["state"] == "open"
