"""Notices leave once, to one reader each, only as approved; what is not known is said, not repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from incident_flows.errors import IllegalTransitionError, NotApprovedError, PermissionDeniedError
from incident_flows.services.approve import approve, reject
from incident_flows.services.desk import checked_facts
from incident_flows.services.draft import Wanted, draft
from incident_flows.services.notify import notify, resolve_doubt
from incident_flows.services.open import open_incident
from incident_flows.services.recipients import import_recipients
from incident_flows.services.show import show
from incident_flows.services.story import explain
from incident_flows.services.update import change_facts
from incident_flows.services.watch import tick
from notifications import OutcomeUnknownError, PermanentError, TransientError

OFFICER = {
    "organisation": {"dpo": {"name": "Ana Ruiz", "email": "dpo@aimigos.example", "phone": "+34 600 000 000"}}
}
PROCESSOR = {
    "organisation": {
        "id": "hoster",
        "legal_name": "Hoster GmbH",
        "establishments": [{"place": "DE-BE", "main": True}],
        "sectors": ["digital"],
        "statuses": [],
        "dpo": {"name": "Kim Schmidt", "email": "dpo@hoster.example", "phone": "+49 30 0"},
        "controllers": [
            {"id": "shop", "name": "Shop AG", "contact": {"name": "Shop", "email": "privacy@shop.example"}}
        ],
    },
    "role": "processor",
    "moments": {"aware_at": "2026-11-22T08:00:00+01:00"},
    "breach": {
        "kinds": ["confidentiality"],
        "cause": "malicious-outsider",
        "exposure": "hostile",
        "acquired": True,
        "medium": "electronic",
    },
    "data": {"kinds": ["name", "email"], "protection": "none"},
    "people": {"total": 10, "by_place": {"DE": 10}, "groups": ["users-of-a-client"]},
    "narrative": {
        "what_happened": "A server was broken into.",
        "consequences": "Fraud.",
        "measures_taken": "Closed.",
        "measures_proposed": "Patched.",
    },
}


def _controller_case(house: Any, **contact: Any) -> tuple[str, str]:
    data = {**PROCESSOR, "organisation": {**PROCESSOR["organisation"]}}  # type: ignore[dict-item]
    if contact:
        data["organisation"]["controllers"] = [{"id": "shop", "name": "Shop AG", "contact": contact}]  # type: ignore[index]
    facts = checked_facts(house.desk, data, name="test")
    ref = open_incident(house.desk, facts, actor=house.person(), now=house.now, source="test").ref
    drafted, _ = draft(house.desk, ref, "eu-gdpr/tell-controller", actor=house.person("anna"), now=house.now)
    notice = drafted[0].notice
    explain(house.desk, ref, [], because="a part of them", actor=house.person("anna"), now=house.now)
    approve(house.desk, ref, notice.ref, actor=house.person("boris"), now=house.now)
    return ref, notice.ref


def _notify(house: Any, ref: str, notice: str) -> Any:
    return notify(house.desk, ref, notice, actor=house.person(), now=house.now)[0]


def test_a_processor_tells_its_controller_by_mail_once(house: Any) -> None:
    ref, notice = _controller_case(house)
    assert _notify(house, ref, notice).state == "sent"
    assert _notify(house, ref, notice).state == "sent"
    assert [message.to.email for message in house.channel.messages] == ["privacy@shop.example"]
    met = {one["id"]: one["met_by"] for one in show(house.desk, ref)["obligations"]}
    assert met["eu-gdpr/tell-controller@controller-shop"] == notice


def test_a_placeholder_contact_is_never_mailed(house: Any) -> None:
    ref, notice = _controller_case(house, name="privacy mailbox", email="[privacy@…]", placeholder=True)
    done = _notify(house, ref, notice)
    assert done.state == "approved"
    assert "--filed-as" in done.next
    assert house.channel.messages == []


def test_what_was_not_accepted_is_tried_again_by_a_later_tick(house: Any) -> None:
    ref, notice = _controller_case(house)
    house.channel.fail_next(TransientError("busy", retry_after_seconds=30))
    assert _notify(house, ref, notice).state == "sending"
    tick(house.desk, now=house.now)
    assert house.channel.messages == [], "not before the provider asked for"
    tick(house.desk, now=house.advance(minutes=1))
    assert len(house.channel.messages) == 1
    assert show(house.desk, ref)["deliveries"] == {"sent": 1}


def test_a_refusal_is_said_and_never_repeated_by_ticks(house: Any) -> None:
    ref, notice = _controller_case(house)
    house.channel.fail_next(PermanentError("no such key"))
    assert _notify(house, ref, notice).state == "failed"
    tick(house.desk, now=house.advance(hours=1))
    assert house.channel.messages == []


@pytest.mark.parametrize(("outcome", "mails"), [("arrived", 1), ("not-arrived", 2)])
def test_an_unknown_outcome_is_in_doubt_until_a_person_says(house: Any, outcome: str, mails: int) -> None:
    ref, notice = _controller_case(house)
    house.channel.fail_next(OutcomeUnknownError("silence"), accepted=True)
    assert _notify(house, ref, notice).state == "in-doubt"
    tick(house.desk, now=house.advance(hours=1))
    assert len(house.channel.messages) == 1, "never sent again by itself"
    actor = house.person()
    with pytest.raises(NotApprovedError, match="in-doubt"):
        _notify(house, ref, notice)
    resolve_doubt(house.desk, ref, notice, outcome, because="the provider's log", actor=actor, now=house.now)
    tick(house.desk, now=house.now)
    assert len(house.channel.messages) == mails
    assert show(house.desk, ref)["deliveries"] == {"sent": 1}


def test_only_another_person_approves_and_only_this_text(house: Any) -> None:
    ref = house.open("aimigos-studio")
    change_facts(house.desk, ref, OFFICER, actor=house.person(), now=house.now, source="call")
    first, _ = draft(house.desk, ref, "eu-gdpr/tell-authority", actor=house.person("anna"), now=house.now)
    old = first[0].notice
    with pytest.raises(PermissionDeniedError, match="somebody else"):
        approve(house.desk, ref, old.ref, actor=house.person("anna"), now=house.now)
    with pytest.raises(NotApprovedError, match="not the one given"):
        approve(house.desk, ref, old.ref, actor=house.person("boris"), now=house.now, sha256="00ff")
    explain(house.desk, ref, [], because="a part of them", actor=house.person("anna"), now=house.now)
    approve(house.desk, ref, old.ref, actor=house.person("boris"), now=house.now, sha256=old.sha256[:10])
    change_facts(
        house.desk, ref, {"data": {"records": 1021}}, actor=house.person(), now=house.now, source="count"
    )
    second, _ = draft(house.desk, ref, "eu-gdpr/tell-authority", actor=house.person("anna"), now=house.now)
    new = second[0].notice
    assert (new.state, new.supersedes) == ("awaiting-approval", old.ref)
    with pytest.raises(IllegalTransitionError, match=f"{new.ref} .initial, awaiting-approval. stands in its place"):
        _notify(house, ref, old.ref)
    with pytest.raises(NotApprovedError, match="must be approved first"):
        _notify(house, ref, new.ref)
    reject(
        house.desk, ref, new.ref, because="the number is wrong", actor=house.person("boris"), now=house.now
    )
    with pytest.raises(IllegalTransitionError):
        approve(house.desk, ref, new.ref, actor=house.person("boris"), now=house.now)


def test_a_required_field_that_is_empty_stops_approval_and_is_named(house: Any) -> None:
    ref = house.open("aimigos-studio")
    drafted, _ = draft(house.desk, ref, "eu-gdpr/tell-authority", actor=house.person("anna"), now=house.now)
    with pytest.raises(IllegalTransitionError, match="contact point"):
        approve(house.desk, ref, drafted[0].notice.ref, actor=house.person("boris"), now=house.now)


def test_everybody_gets_one_letter_and_nobody_sees_another(house: Any, tmp_path: Path) -> None:
    ref = house.open("aimigos-studio")
    change_facts(house.desk, ref, OFFICER, actor=house.person(), now=house.now, source="call")
    people = tmp_path / "people.csv"
    people.write_text(
        "email,name,language,place\nmaria@people.example,María,es,ES\njohn@people.example,John,en,GB\n"
        "JOHN@people.example,John,en,GB\nkarl@people.example,Karl,,DE\nnot an address,X,en,GB\n",
        encoding="utf-8",
    )
    done = import_recipients(house.desk, ref, people, actor=house.person(), now=house.now)
    assert (done.accepted, done.duplicates, len(done.refused)) == (3, 1, 1)
    assert done.refused[0][0] == 6
    drafted, _ = draft(
        house.desk, ref, "eu-gdpr/tell-people", actor=house.person("anna"), now=house.now,
        more=Wanted(as_written=True),
    )  # fmt: skip
    assert sorted(one.notice.language for one in drafted) == ["de", "en", "es"]
    for one in drafted:
        explain(house.desk, ref, [], because="a part of them", actor=house.person("anna"), now=house.now)
        approve(house.desk, ref, one.notice.ref, actor=house.person("boris"), now=house.now)
        _notify(house, ref, one.notice.ref)
    sent = {message.to.email: message for message in house.channel.messages}
    assert sorted(sent) == ["john@people.example", "karl@people.example", "maria@people.example"]
    assert len(house.channel.messages) == 3
    for email, message in sent.items():
        others = [other for other in sent if other != email]
        assert not any(
            other in message.text + (message.html or "") + str(message.headers) for other in others
        )
    assert "Hola" in sent["maria@people.example"].text
    met = {one["id"]: one["met_at"] for one in show(house.desk, ref)["obligations"]}
    assert met["eu-gdpr/tell-people@people"]
    assert met["uk-gdpr/tell-people@people"], "one letter meets both laws"
    again, _ = draft(house.desk, ref, None, actor=house.person("anna"), now=house.now)
    assert not [one for one in again if one.notice.kind == "people"]


def test_no_recipient_address_or_name_stands_readable_in_the_database(house: Any, tmp_path: Path) -> None:
    ref = house.open("nero-ag")
    people = tmp_path / "people.csv"
    people.write_text("email,name\nzaphod.unverwechselbar@people.example,Zaphod Unverwechselbar\n")
    import_recipients(house.desk, ref, people, actor=house.person(), now=house.now)
    with house.desk.database.read() as tx:
        incident = tx.incidents.get(ref)
        [block] = tx.people.blocks(incident.id)
        assert b"zaphod" not in block.sealed.lower()
        assert "zaphod" not in str([row.payload for row in tx.journal.entries(ref)]).lower()
    assert "zaphod" not in str(show(house.desk, ref)).lower()
