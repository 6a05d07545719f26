"""Opening an incident and changing its facts: everything together or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from incident_flows.errors import InputError, NotFoundError, PermissionDeniedError
from incident_flows.services.desk import acting, add_account, checked_facts
from incident_flows.services.open import open_incident
from incident_flows.services.show import clocks, show
from incident_flows.services.update import change_facts


def test_opening_starts_both_clocks_of_a_breach_in_spain_with_people_in_britain(house: Any) -> None:
    ref = house.open("aimigos-studio")
    assert ref == "INC-2026-0001"
    due = {row["obligation"]: row["due_at"] for row in clocks(house.desk, ref, now=house.now)}
    assert due["eu-gdpr/tell-authority@es-aepd"] == "2026-11-23T17:00:00Z"
    assert due["uk-gdpr/tell-authority@gb-ico"] == "2026-11-23T17:00:00Z"


def test_the_same_request_opens_one_incident_however_often_it_arrives(house: Any) -> None:
    facts = checked_facts(house.desk, {"organisation": "nero-ag"}, name="request")
    first = open_incident(
        house.desk, facts, actor=house.person(), now=house.now, source="api", request_key="k1"
    )
    again = open_incident(
        house.desk, facts, actor=house.person(), now=house.now, source="api", request_key="k1"
    )
    assert (first.ref, first.created) == (again.ref, True)
    assert again.created is False


def test_corrected_facts_move_the_clock_and_the_old_ones_stay(house: Any) -> None:
    ref = house.open("aimigos-studio")
    change = {"moments": {"aware_at": "2026-11-20T17:30:00+01:00"}}
    updated = change_facts(
        house.desk, ref, change, actor=house.person(), now=house.now, source="call with the police"
    )
    assert updated.changed == ("moments.aware_at",)
    due = {row["obligation"]: row["due_at"] for row in clocks(house.desk, ref, now=house.now)}
    assert due["eu-gdpr/tell-authority@es-aepd"] == "2026-11-23T16:30:00Z"
    with house.desk.database.read() as tx:
        before, after = tx.incidents.facts_history(ref)
        live = {
            step.plan_version
            for step in tx.steps.list(tx.incidents.get(ref).id)
            if step.oid == "eu-gdpr/tell-authority@es-aepd" and step.state == "pending"
        }
    assert before.facts["moments"]["aware_at"] == "2026-11-20T18:00:00+01:00"
    assert after.facts["moments"]["aware_at"] == "2026-11-20T17:30:00+01:00"
    assert len(live) == 1, "the steps of the old deadline are cancelled in the same transaction"


def test_saying_the_same_again_changes_nothing(house: Any) -> None:
    ref = house.open("nero-ag")
    updated = change_facts(
        house.desk, ref, {"role": "controller"}, actor=house.person(), now=house.now, source="x"
    )
    assert updated.version == 1
    assert updated.changed == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"people": {"by_place": {"ES": 5000}}}, "more than total 1020"),
        ({"people": {"by_place": {"ES": None, "XX": 1}}}, "no country or state"),
        ({"moments": {"aware_at": "2026-11-20T18:00:00"}}, "no offset"),
        ({"moments": {"aware_at": "2026-11-19T18:00:00+01:00"}}, "lies before occurred_from"),
        ({"data": {"kinds": ["nmae"]}}, "did you mean name"),
        ({"colour": "red"}, "no key of this format"),
        ({"people": {"total": -1}}, "cannot be"),
        ({"people": {"total": 1.5}}, "not a whole number"),
    ],
)
def test_facts_that_do_not_hold_together_are_refused_and_nothing_is_lost(
    house: Any, change: Any, says: str
) -> None:
    ref = house.open("aimigos-studio")
    before = show(house.desk, ref)
    with pytest.raises(InputError, match=says):
        change_facts(house.desk, ref, change, actor=house.person(), now=house.now, source="test")
    assert show(house.desk, ref) == before


def test_null_makes_a_fact_unknown_again_and_its_clock_waits(house: Any) -> None:
    ref = house.open("video-gen")
    change = {"moments": {"detected_at": None}}
    change_facts(house.desk, ref, change, actor=house.person(), now=house.now, source="retraction")
    row = next(
        one
        for one in clocks(house.desk, ref, now=house.now)
        if one["obligation"] == "ru-152fz/tell-authority@ru-rkn"
    )
    assert row["due_at"] is None
    assert row["waits_for"] == "detected_at"
    assert row["provisional_due_at"] == "2026-11-22T20:30:00Z"


def test_an_unknown_incident_is_named_with_its_nearest(house: Any) -> None:
    house.open("nero-ag")
    with pytest.raises(NotFoundError, match="INC-2026-0001"):
        show(house.desk, "INC-2026-001")


def test_a_reporter_may_open_and_no_more(house: Any) -> None:
    add_account(house.desk, "rita", roles=["reporter"], person=None, actor=house.person(), now=house.now)
    rita = acting(house.desk, "rita", now=house.now)
    facts = checked_facts(house.desk, {"organisation": "nero-ag"}, name="form")
    ref = open_incident(house.desk, facts, actor=rita, now=house.now, source="form").ref
    with pytest.raises(PermissionDeniedError, match="may not update"):
        change_facts(house.desk, ref, {"role": "controller"}, actor=rita, now=house.now, source="form")


def test_an_account_nobody_created_cannot_act(house: Any) -> None:
    with pytest.raises(NotFoundError, match="breach account add"):
        acting(house.desk, "mallory", now=house.now)
