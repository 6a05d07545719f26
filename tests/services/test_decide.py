"""Decisions: by name, with a reason, and by two people where they lower protection."""

from __future__ import annotations

from typing import Any

import pytest

from incident_flows.errors import InputError, PermissionDeniedError
from incident_flows.services.decide import decide
from incident_flows.services.desk import add_account
from incident_flows.services.show import show

AEPD = "eu-gdpr/tell-authority@es-aepd"


def _decide(
    house: Any, ref: str, subject: str, answer: str, *, by: str = "anna", because: str = "because"
) -> Any:
    return decide(house.desk, ref, subject, answer, because=because, actor=house.person(by), now=house.now)


def _obligation(house: Any, ref: str, oid: str) -> Any:
    with house.desk.database.read() as tx:
        return tx.obligations.get(ref, oid)


def test_overruling_an_owed_duty_takes_a_second_person(house: Any) -> None:
    ref = house.open("aimigos-studio")
    first = _decide(house, ref, AEPD, "not-owed", because="told by the parent company")
    assert not first.in_force
    assert _obligation(house, ref, AEPD).decided is None
    with pytest.raises(PermissionDeniedError, match="same person"):
        _decide(house, ref, AEPD, "not-owed")
    second = _decide(house, ref, AEPD, "not-owed", by="boris")
    assert second.in_force
    assert second.second_by == "boris"
    assert _obligation(house, ref, AEPD).decided == "not-owed"
    assert not _obligation(house, ref, AEPD).running


def test_a_second_account_of_the_same_person_is_no_second_person(house: Any) -> None:
    add_account(
        house.desk, "anna-admin", roles=["handler"], person="anna", actor=house.person("boris"), now=house.now
    )
    ref = house.open("aimigos-studio")
    _decide(house, ref, AEPD, "not-owed")
    with pytest.raises(PermissionDeniedError, match="same person"):
        _decide(house, ref, AEPD, "not-owed", by="anna-admin")


def test_deciding_a_duty_owed_takes_one_person(house: Any) -> None:
    ref = house.open("terran-studio")
    oid = next(
        one["id"]
        for one in show(house.desk, ref)["assessment"]["obligations"]
        if one["status"] == "undetermined"
    )
    assert _decide(house, ref, oid, "owed").in_force
    assert _obligation(house, ref, oid).decided == "owed"


def test_lowering_the_risk_takes_two_people_and_then_lifts_the_letters(house: Any) -> None:
    ref = house.open("aimigos-studio")
    assert show(house.desk, ref)["assessment"]["risk"]["level"] == "high"
    assert not _decide(house, ref, "risk", "risk", because="the disk was wiped before it was read").in_force
    assert show(house.desk, ref)["assessment"]["risk"]["level"] == "high"
    assert _decide(house, ref, "risk", "risk", by="boris").in_force
    assert show(house.desk, ref)["assessment"]["risk"]["level"] == "risk"
    assert _obligation(house, ref, "eu-gdpr/tell-people@people").status == "not-owed"


def test_a_decision_needs_a_reason_and_an_answer_that_is_one(house: Any) -> None:
    ref = house.open("aimigos-studio")
    with pytest.raises(InputError, match="needs its reason"):
        _decide(house, ref, AEPD, "owed", because=" ")
    with pytest.raises(InputError, match="owed or not-owed"):
        _decide(house, ref, AEPD, "maybe")


def test_every_decision_stands_in_the_journal_with_name_reason_and_what_was_proposed(house: Any) -> None:
    ref = house.open("aimigos-studio")
    _decide(house, ref, AEPD, "not-owed", because="told by the parent company")
    with house.desk.database.read() as tx:
        entry = next(row for row in tx.journal.entries(ref) if row.act == "decided")
        assert tx.journal.verify() > 0
    assert entry.actor == "anna"
    assert entry.payload["because"] == "told by the parent company"
    assert entry.payload["proposed"]["says"] == "owed"
