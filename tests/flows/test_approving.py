"""A text is approved from a form that shows it, by somebody who proves who they are, and by no other."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest
from prefect.logging import disable_run_logger

from incident_flows.errors import NotApprovedError, PermissionDeniedError
from incident_flows.flows.approving import Approval, answered, offer_approvals
from incident_flows.flows.forms import Known, acknowledge, correct_facts, decided_in_form
from incident_flows.flows.mirror import mirror
from incident_flows.services.decide import decide
from incident_flows.services.desk import acting
from incident_flows.services.draft import draft
from incident_flows.services.secrets_kept import OWNER, house_key
from incident_flows.services.update import change_facts

OFFICER = {"organisation": {"dpo": {"name": "Ana", "email": "dpo@aimigos.example", "phone": "+34 600 000 000"}}}
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def waiting(house: Any, deployed: Any, board: Any) -> tuple[str, str, str]:
    """Give an incident, and a notice of it that anna drafted, with its hash; boris has a second factor."""
    desk, ref, now = house.desk, house.open(), house.now
    key = house_key(desk)
    with desk.database.write() as tx:
        for name in ("anna", "boris"):
            row = tx.accounts.ensure(name, ["handler", "approver"], now)
            sealed = desk.vault.seal(key, OWNER, f"second-{row.id}", SEED.encode())
            tx.access.set_credential(row.id, now, second=sealed)
    anna = acting(desk, "anna", now=now)
    change_facts(desk, ref, OFFICER, actor=anna, now=now, source="call")
    [made], _ = draft(desk, ref, "eu-gdpr/tell-people", actor=anna, now=now, language="en")
    assert made.notice.state == "awaiting-approval"
    return ref, made.notice.ref, made.notice.sha256


def _given(house: Any, **but: str) -> Approval:
    said = {"answer": "approve", "acting_as": "boris", "code": pyotp.TOTP(SEED).at(house.now), "because": ""}
    return Approval(**{**said, **but})


def _state(house: Any, ref: str, notice: str) -> str:
    with house.desk.database.read() as tx:
        return str(tx.notices.get(ref, notice).state)


def test_the_form_shows_the_exact_text_and_leaves_with_it(
    house: Any, board: Any, waiting: tuple[str, str, str]
) -> None:
    ref, notice, sha256 = waiting
    assert offer_approvals(house.desk, mirror(house.desk, now=house.now)) == 1
    [run] = board.runs("approval")
    assert (run["name"], run["state_type"]) == (f"{ref} · approve {notice}", "PAUSED")
    assert run["parameters"] == {"incident": ref, "notice": notice, "sha256": sha256}
    path = f"/flow_runs/{run['id']}/input/{run['state']['state_details']['run_input_keyset']['description']}"
    with house.desk.database.read() as tx:
        text = tx.notices.get(ref, notice).text
    shown = board.http.get(path).json()
    assert text in shown
    assert sha256 in shown
    assert offer_approvals(house.desk, mirror(house.desk, now=house.now)) == 0
    answered(ref, notice, sha256, _given(house))
    assert _state(house, ref, notice) == "approved"
    offer_approvals(house.desk, mirror(house.desk, now=house.now))
    assert board.runs("approval") == []
    assert board.http.get(path).status_code == 404


def test_four_eyes_hold_and_a_name_alone_proves_nothing(house: Any, waiting: tuple[str, str, str]) -> None:
    ref, notice, sha256 = waiting
    good = pyotp.TOTP(SEED).at(house.now)
    for but, refusal in (
        ({"code": "000000"}, PermissionDeniedError),
        ({"acting_as": "nobody"}, PermissionDeniedError),
        ({"acting_as": "anna"}, PermissionDeniedError),
    ):
        with pytest.raises(refusal):
            answered(ref, notice, sha256, _given(house, **but))
    with pytest.raises(NotApprovedError):
        answered(ref, notice, "0" * 64, _given(house))
    assert _state(house, ref, notice) == "awaiting-approval"
    answered(ref, notice, sha256, _given(house, code=good))  # what was refused used no code up
    with pytest.raises(PermissionDeniedError, match="code"):
        answered(ref, notice, sha256, _given(house, code=good))
    assert _state(house, ref, notice) == "approved"


def test_after_too_many_wrong_codes_the_right_one_is_refused_too(
    house: Any, waiting: tuple[str, str, str]
) -> None:
    for _ in range(5):
        with pytest.raises(PermissionDeniedError):
            answered(*waiting, _given(house, code="000000"))
    with pytest.raises(PermissionDeniedError):
        answered(*waiting, _given(house))


def test_what_takes_two_people_is_not_taken_from_a_name_alone(
    house: Any, waiting: tuple[str, str, str]
) -> None:
    ref = waiting[0]
    decide(house.desk, ref, "risk", "unlikely", because="sealed", actor=house.person(), now=house.now)
    with disable_run_logger(), pytest.raises(PermissionDeniedError, match="two people"):
        decided_in_form(ref, "risk", "unlikely", "sealed", "boris")
    with disable_run_logger():
        state = decided_in_form(ref, "risk", "unlikely", "sealed", "boris", pyotp.TOTP(SEED).at(house.now))
    assert state.name == "Decided"


def test_facts_are_corrected_and_reminders_seen_from_forms(house: Any, board: Any) -> None:
    ref = house.open()
    state = correct_facts(ref, Known(people_total=2000), "anna", return_state=True)
    assert (state.name, "people.total" in str(state.message)) == ("Corrected", True)
    with house.desk.database.read() as tx:
        facts = tx.incidents.facts(ref)
    assert (facts.version, facts.facts["people"]["total"]["at_least"], facts.source) == (2, 2000, "Prefect form")
    assert acknowledge(ref, "", "anna", return_state=True).name == "NothingToSee"
    refused = acknowledge(ref, "999999", "anna", return_state=True)
    assert refused.name == "Refused"
