"""Phases, one story, approvals that are proved, bundles, questions, packages: what leaves and what may not."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text as sql

from incident_flows.errors import (
    IllegalTransitionError,
    InputError,
    NotApprovedError,
    PermissionDeniedError,
)
from incident_flows.knowledge.filing_rules import ApprovalPolicy
from incident_flows.services.approve import approve, waits_for
from incident_flows.services.desk import acting, add_account, checked_facts
from incident_flows.services.document import form_blocks
from incident_flows.services.draft import Wanted, draft
from incident_flows.services.filling import to_copy
from incident_flows.services.notify import notify
from incident_flows.services.open import open_incident
from incident_flows.services.question import asked
from incident_flows.services.show import clocks, drafted_json, show
from incident_flows.services.story import explain
from incident_flows.services.update import change_facts
from tests.services.test_notify import OFFICER, PROCESSOR

AEPD, MORE, ICO = (
    "eu-gdpr/tell-authority@es-aepd",
    "eu-gdpr/tell-authority-more@es-aepd",
    "uk-gdpr/tell-authority@gb-ico",
)


def _open(house: Any, **change: Any) -> str:
    ref = house.open("aimigos-studio")
    _change(house, ref, {**OFFICER, **change})
    return str(ref)


def _change(house: Any, ref: str, change: dict[str, Any]) -> None:
    change_facts(house.desk, ref, change, actor=house.person(), now=house.now, source="test")


def _draft(house: Any, ref: str, oid: str, **wanted: Any) -> Any:
    [one], skipped = draft(house.desk, ref, oid, actor=house.person(), now=house.now, more=Wanted(**wanted))
    assert not skipped
    return one.notice


def _approve(house: Any, ref: str, notice: Any, by: str = "boris") -> Any:
    return approve(house.desk, ref, notice.ref, actor=house.person(by), now=house.now)


def _file(house: Any, ref: str, notice: Any, reference: str) -> None:
    _approve(house, ref, notice)
    notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now, filed_as=reference)


def test_a_draft_the_facts_have_left_behind_is_not_approved(house: Any) -> None:
    ref = _open(house)
    notice = _draft(house, ref, ICO)
    _change(house, ref, {"people": {"total": 1200, "by_place": {"ES": 120, "GB": 1080}}})
    with pytest.raises(IllegalTransitionError, match=r"people\.total: 1020, by now 1200"):
        _approve(house, ref, notice)
    _approve(house, ref, _draft(house, ref, ICO))


def test_a_filing_recorded_afterwards_counts_from_when_it_was_made(house: Any) -> None:
    ref = _open(house)
    notice = _draft(house, ref, ICO)
    _approve(house, ref, notice)
    approved_at = house.now
    filed_at = house.advance(hours=1)
    now = house.advance(hours=100)

    def record(at: datetime) -> None:
        notify(house.desk, ref, notice.ref, actor=house.person(), now=now, filed_as="ICO-1", filed_at=at)

    with pytest.raises(InputError, match="lies in the future"):
        record(now + timedelta(seconds=1))
    with pytest.raises(NotApprovedError, match="not yet approved"):
        record(approved_at - timedelta(seconds=1))
    record(filed_at)
    met = _obligation(house, ref, ICO)
    assert datetime.fromisoformat(met["met_at"]) == filed_at, "in time, though recorded after its end"
    assert show(house.desk, ref)["facts"]["moments"]["submitted_at"][ICO] == filed_at.isoformat()


def _obligation(house: Any, ref: str, oid: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in show(house.desk, ref)["obligations"] if one["id"] == oid)
    return found


def test_a_filing_in_phases_says_only_what_is_new_and_ends_when_nothing_is_open(house: Any) -> None:
    ref = _open(house, data={"records": None}, narrative={"consequences": None})
    first = _draft(house, ref, AEPD, phased=True)
    assert (first.phase, first.changes) == ("initial", {})
    _file(house, ref, first, "AEPD/1")
    house.advance(hours=2)
    [chain] = [one for one in show(house.desk, ref)["filings"] if one["addressee"].startswith("Agencia")]
    assert [one["obligation"] for one in chain["owed"]] == [MORE]
    assert "the likely consequences" in chain["still_open"]
    assert any(row["obligation"] == MORE for row in clocks(house.desk, ref, now=house.now))

    spanish = {"es": {"consequences": "Fraude."}}
    _change(house, ref, {"narrative": {"consequences": "Fraud."}, "translations": spanish})
    second = _draft(house, ref, AEPD, phase="supplementary")
    assert (second.oid, second.phase, second.changes["since"]) == (MORE, "supplementary", first.ref)
    assert [one["field"] for one in second.changes["added"]] == ["narrative.consequences"]
    assert second.changes["changed"] == []
    assert second.text.startswith("NOTIFICACIÓN COMPLEMENTARIA\n")
    assert "(su referencia AEPD/1)" in second.text
    assert "Tipo de notificación: notificación inicial" not in second.text
    _file(house, ref, second, "AEPD/2")
    assert _obligation(house, ref, MORE)["met_at"] is None, "the records are still open"
    _, skipped = draft(house.desk, ref, MORE, actor=house.person(), now=house.now)
    assert "--phase final" in skipped[0].because

    held = _draft(house, ref, AEPD, phase="final")
    assert "no se esperan más datos:\n- el número aproximado de registros\n" in held.text
    with pytest.raises(IllegalTransitionError, match=r"--because TEXT\): the approximate number of records"):
        _approve(house, ref, held)
    last = _draft(house, ref, AEPD, phase="final", because="El portátil no se ha recuperado.")
    assert last.text.endswith("\nMotivo: El portátil no se ha recuperado.\n")
    assert "Ningún dato ha cambiado." in last.text
    assert "indebida" not in last.text, "a final notice promises nothing more"
    _file(house, ref, last, "AEPD/3")
    assert _obligation(house, ref, MORE)["met_by"] == f"{last.ref}, filed as AEPD/3"


def test_a_withdrawal_needs_a_first_notice_and_a_reason_and_ends_what_was_to_follow(house: Any) -> None:
    ref = _open(house, data={"records": None})
    with pytest.raises(InputError, match="nothing was filed"):
        _draft(house, ref, AEPD, phase="withdrawal", because="no breach")
    _file(house, ref, _draft(house, ref, AEPD, phased=True), "AEPD/1")
    with pytest.raises(InputError, match="needs its reason"):
        _draft(house, ref, AEPD, phase="withdrawal")
    taken = _draft(house, ref, AEPD, phase="withdrawal", because="El portátil estaba cifrado.")
    assert "Retiramos nuestra notificación N-0001" in taken.text
    assert "Motivo: El portátil estaba cifrado." in taken.text
    _file(house, ref, taken, "AEPD/2")
    assert "took the notice back" in _obligation(house, ref, MORE)["met_by"]
    with pytest.raises(InputError, match="nothing follows"):
        _draft(house, ref, AEPD, phase="supplementary")


def test_a_late_first_notice_is_refused_until_it_says_why(house: Any) -> None:
    ref = _open(house)
    notice = _draft(house, ref, AEPD)
    house.advance(days=3)  # drafted in time, approved too late
    with pytest.raises(IllegalTransitionError, match=r"narrative\.delay_reasons"):
        _approve(house, ref, notice)
    said = {"delay_reasons": "Se buscó primero el portátil."}
    english = {"delay_reasons": "We looked for the laptop first."}
    _change(house, ref, {"narrative": english, "translations": {"es": said}})
    again = _draft(house, ref, AEPD)
    assert "Se buscó primero el portátil." in again.text
    [reasons] = [one for one in again.form["fields"] if one["id"] == "lateness_reason"]
    assert (reasons["value"], reasons.get("untranslated")) == (["Se buscó primero el portátil."], None)
    assert _approve(house, ref, again).state == "approved"


def test_two_authorities_are_not_told_two_stories_unless_somebody_says_why(house: Any) -> None:
    ref = _open(house)
    _file(house, ref, _draft(house, ref, AEPD), "AEPD/1")
    more = {"total": 1100, "by_place": {"ES": 120, "GB": 980}}
    _change(house, ref, {"people": more, "breach": {"cause": "mistake"}})
    notice = _draft(house, ref, ICO)
    with pytest.raises(IllegalTransitionError, match=r"breach\.cause: malicious-outsider in N-0001, now mistake"):
        _approve(house, ref, notice)
    open_ = {one["key"] for one in show(house.desk, ref)["story"]["open"]}
    assert open_ == {"breach.cause", "people.total", "people.by_place"}
    with pytest.raises(InputError, match=r"data\.kinds"):
        explain(house.desk, ref, ["data.kinds"], because="x", actor=house.person(), now=house.now)
    numbers = ["people.total", "people.by_place"]
    explain(house.desk, ref, numbers, because="80 more were found", actor=house.person(), now=house.now)
    with pytest.raises(IllegalTransitionError, match=r"breach\.cause"):
        _approve(house, ref, notice)
    explain(house.desk, ref, [], because="the thief was a colleague", actor=house.person(), now=house.now)
    assert _approve(house, ref, notice).state == "approved"
    told = show(house.desk, ref)["story"]["explained"]
    assert [(one["key"], one["before"], one["now"]) for one in told] == [
        ("people.total", "1020", "1100"),
        ("people.by_place", "ES: 120, GB: 900", "ES: 120, GB: 980"),
        ("breach.cause", "malicious-outsider", "mistake"),
    ]
    # A further change is a further difference: the explanation was for those two values.
    _change(house, ref, {"people": {"total": 1200, "by_place": {"ES": 120, "GB": 1080}}})
    with pytest.raises(IllegalTransitionError, match="now 1200"):
        _approve(house, ref, _draft(house, ref, ICO))


def test_places_that_hold_fewer_people_than_there_are_stop_a_filing_until_somebody_says_why(house: Any) -> None:
    ref = _open(house)
    change = {"people": {"total": 2000}}
    updated = change_facts(house.desk, ref, change, actor=house.person(), now=house.now, source="test")
    assert "people.total is 2000, but people.by_place adds up to 1020" in updated.remarks[0]
    notice = _draft(house, ref, AEPD)
    drafted = drafted_json(house.desk, ref, *draft(house.desk, ref, AEPD, actor=house.person(), now=house.now))
    assert [one["key"] for one in drafted["notices"][0]["differs"]] == ["people.by_place"]
    with pytest.raises(IllegalTransitionError, match=r"adds up to 1020.*\n.*explain"):
        _approve(house, ref, notice)
    explain(
        house.desk, ref, ["people.by_place"], because="980 gave no address", actor=house.person(), now=house.now
    )
    assert _approve(house, ref, notice).state == "approved"
    _change(house, ref, {"people": {"total": 2100}})  # another sum, another question
    with pytest.raises(IllegalTransitionError, match="adds up to 1020"):
        _approve(house, ref, _draft(house, ref, ICO))


def test_a_draft_that_is_replaced_is_said_and_names_its_successor(house: Any) -> None:
    ref = _open(house, data={"records": None})
    _file(house, ref, _draft(house, ref, AEPD, phased=True), "AEPD/1")
    supplement = _draft(house, ref, AEPD, phase="supplementary")
    [final], _ = draft(
        house.desk, ref, AEPD, actor=house.person(), now=house.now, more=Wanted(phase="final", because="Perdido.")
    )
    assert final.replaces == f"{supplement.ref} (supplementary, awaiting-approval)"
    with pytest.raises(IllegalTransitionError, match=rf"withdrawn; {final.notice.ref} \(final, awaiting-approval\)"):
        _approve(house, ref, supplement)


def test_a_mistyped_reference_is_corrected_beside_the_old_one(house: Any) -> None:
    ref = _open(house)
    notice = _draft(house, ref, AEPD)
    _file(house, ref, notice, "AEPD/1O")

    def again(because: str = "") -> None:
        notify(
            house.desk, ref, notice.ref, actor=house.person(), now=house.now, filed_as="AEPD/10", because=because
        )

    with pytest.raises(IllegalTransitionError, match="--because TEXT"):
        again()
    again("O was typed for 0")
    whole = show(house.desk, ref)
    assert [one["filed_as"] for one in whole["notices"] if one["id"] == notice.ref] == ["AEPD/10"]
    assert whole["facts"]["references"] == {"es-aepd": "AEPD/10"}
    [entry] = [one for one in whole["journal"] if one["act"] == "reference-corrected"]
    assert (entry["payload"]["before"], entry["payload"]["filed_as"]) == ("AEPD/1O", "AEPD/10")
    assert "N-0001, filed as AEPD/1O" in _obligation(house, ref, AEPD)["met_by"], "what was recorded then stands"


def test_a_notice_that_leaves_questions_of_the_form_open_says_so(house: Any) -> None:
    ref = _open(house)
    notice = _draft(house, ref, AEPD)
    assert notice.missing == []
    assert "No queda pendiente" not in notice.text
    open_ = notice.text.rpartition("Preguntas del formulario aún sin respuesta:\n")[2]
    assert "- Medio de detección\n" in open_
    assert ": " not in open_, "nothing there is taken for a row with its value"
    assert "- Tamaño" not in open_, "who files is no fact of the breach to follow"
    _change(house, ref, {"dossier": {"detected_how": "Un aviso."}})
    assert "- Medio de detección\n" not in _draft(house, ref, AEPD).text


def test_on_paper_each_field_says_that_it_is_still_to_be_translated(house: Any) -> None:
    ref = _open(house, translations={"es": None})
    marked = {"en": "[POR TRADUCIR; original en: inglés]", None: "[IDIOMA DE ESTE TEXTO NO INDICADO]"}
    for language, mark in marked.items():
        _change(house, ref, {"narrative": {"language": language}})
        notice = _draft(house, ref, AEPD)
        rows = dict(row for one in form_blocks(house.desk, notice) for row in one.get("rows", ()))
        assert rows["Resumen del incidente †"].startswith(f"{mark} On 20 November")
        assert rows["Intencionalidad †"] == "Intencionada"
        with pytest.raises(IllegalTransitionError, match=r"translated into es|this notice is in es"):
            _approve(house, ref, notice)


def test_a_rewritten_sentence_loses_the_translation_of_the_old_one(house: Any) -> None:
    ref = _open(house)
    _change(house, ref, {"narrative": {"what_happened": "Two laptops were stolen."}})
    notice = _draft(house, ref, AEPD)
    assert "se robó un ordenador" not in notice.text
    assert [one["field"] for one in notice.missing if one["required"]] == ["translations.es.what_happened"]


def test_the_reason_for_a_correction_stands_in_the_supplement(house: Any) -> None:
    ref = _open(house)
    _file(house, ref, _draft(house, ref, AEPD), "AEPD/1")
    _change(house, ref, {"people": {"total": 1100}})
    _draft(house, ref, AEPD, phase="supplementary")
    explain(house.desk, ref, [], because="Se hallaron 80 más.", actor=house.person(), now=house.now)
    notice = _draft(house, ref, AEPD, phase="supplementary")
    assert "antes: 1.020; ahora: 1.100" in notice.text
    assert "Motivo: Se hallaron 80 más." in notice.text
    assert _approve(house, ref, notice).state == "approved"


def _tamper(house: Any, ref: str, statement: str) -> None:
    with house.desk.database.write() as tx:
        tx.notices._session.execute(sql(f"UPDATE notice {statement} WHERE incident_ref = :ref"), {"ref": ref})


@pytest.mark.parametrize(
    "statement",
    [
        "SET text = text || '.'",
        "SET subject = subject || '.'",
        "SET html = '<p>x</p>'",
        """SET form = '{"form": "x", "fields": []}'""",
        """SET attachments = '[{"name": "a.pdf", "sha256": "00"}]'""",
        """SET route = '{"kind": "email", "email": "thief@elsewhere.example", "covers": []}'""",
        "SET oid = 'eu-gdpr/tell-controller@controller-other'",
        "SET language = 'xx'",
        "SET phase = 'final'",
        "SET kind = 'other'",
        "SET scope = 'other'",
    ],
)
def test_nothing_leaves_that_was_not_approved_as_these_very_bytes(house: Any, statement: str) -> None:
    facts = checked_facts(house.desk, PROCESSOR, name="test")
    ref = open_incident(house.desk, facts, actor=house.person(), now=house.now, source="test").ref
    notice = _draft(house, ref, "eu-gdpr/tell-controller")
    _approve(house, ref, notice)
    _tamper(house, ref, statement)
    with pytest.raises(NotApprovedError):
        notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now)
    with pytest.raises(NotApprovedError):
        notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now, filed_as="by hand")
    assert house.channel.messages == []


def test_a_text_with_a_matching_hash_that_nobody_approved_is_refused(house: Any) -> None:
    from incident_flows.services.exact import exact_sha256

    facts = checked_facts(house.desk, PROCESSOR, name="test")
    ref = open_incident(house.desk, facts, actor=house.person(), now=house.now, source="test").ref
    notice = _draft(house, ref, "eu-gdpr/tell-controller")
    _tamper(house, ref, "SET state = 'approved', approved_by = 'boris'")
    with pytest.raises(NotApprovedError, match="the journal holds no approval"):
        notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now)
    other = exact_sha256("Other", "Other", None)
    _tamper(house, ref, "SET state = 'awaiting-approval', approved_by = NULL")
    _approve(house, ref, notice)
    _tamper(house, ref, f"SET subject = 'Other', text = 'Other', html = NULL, form = '{{}}', sha256 = '{other}'")
    with pytest.raises(NotApprovedError, match="the journal holds no approval"):
        notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now)
    assert house.channel.messages == []


def test_a_text_changed_after_it_was_planned_is_not_sent(house: Any) -> None:
    facts = checked_facts(house.desk, PROCESSOR, name="test")
    ref = open_incident(house.desk, facts, actor=house.person(), now=house.now, source="test").ref
    notice = _draft(house, ref, "eu-gdpr/tell-controller")
    _approve(house, ref, notice)

    def cut(point: str) -> None:
        if point == "notify:claimed":
            _tamper(house, ref, "SET text = 'Other'")

    house.desk.on_step = cut
    done = notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now)[0]
    assert (done.state, house.channel.messages) == ("failed", [])


def test_the_exact_bytes_that_left_are_kept_sealed_and_match_the_receipt(house: Any) -> None:
    facts = checked_facts(house.desk, PROCESSOR, name="test")
    ref = open_incident(house.desk, facts, actor=house.person(), now=house.now, source="test").ref
    notice = _draft(house, ref, "eu-gdpr/tell-controller")
    _approve(house, ref, notice)
    notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now)
    with house.desk.database.read() as tx:
        [row] = tx.deliveries.page(notice.id)
        incident, copy = tx.incidents.get(ref), tx.filings.copy(row.id)
    raw = house.desk.vault.open_(incident.wrapped_key, ref, f"sent:{row.key}", copy.sealed)
    assert hashlib.sha256(raw).hexdigest() == row.receipt["bytes_sha256"] == house.channel.receipts[0].sha256
    assert b"privacy@shop.example" in raw


def test_counsel_approves_beside_the_second_person_and_neither_is_enough(house: Any) -> None:
    house.desk.library.__dict__["approval"] = ApprovalPolicy(counsel={"eu-gdpr": "counsel reads every filing"})
    try:
        ref = _open(house)
        notice = _draft(house, ref, AEPD)
        row = _approve(house, ref, notice)
        assert (row.state, waits_for(house.desk, row)) == (
            "awaiting-approval",
            {"counsel": "counsel reads every filing"},
        )
        with pytest.raises(PermissionDeniedError, match="approved N-0001 already"):
            _approve(house, ref, notice)
        with pytest.raises(IllegalTransitionError):
            notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now, filed_as="X")
        add_account(
            house.desk, "vera", roles=["approver"], person=None, actor=house.person(), now=house.now
        )
        with pytest.raises(PermissionDeniedError, match="role counsel"):
            approve(house.desk, ref, notice.ref, actor=acting(house.desk, "vera", now=house.now), now=house.now)
        row = _approve(house, ref, notice, by="chloe")
        assert row.state == "approved"
        assert [(one["by"], one["as"]) for one in row.approvals] == [("boris", "approver"), ("chloe", "counsel")]
        notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now, filed_as="X")
    finally:
        del house.desk.library.__dict__["approval"]


def test_similar_breaches_share_a_filing_only_where_the_law_allows_it(house: Any) -> None:
    first, second = _open(house), _open(house)
    with pytest.raises(InputError, match="no source at hand allows"):
        _draft(house, first, ICO, bundled=(second,))
    other = _open(house, breach={"cause": "mistake"})
    with pytest.raises(InputError, match=r"breach\.cause differs"):
        _draft(house, first, AEPD, bundled=(other,))
    notice = _draft(house, first, AEPD, bundled=(second,))
    assert f"comprende varias violaciones similares: {first}, {second}" in notice.text
    assert first in to_copy(notice), "a portal's form knows one breach; the text tells of both"
    assert second in to_copy(notice)
    _change(house, second, {"people": {"total": 2000}})
    with pytest.raises(IllegalTransitionError, match=f"of {second}, people.total is 2000"):
        _approve(house, first, notice)
    explain(house.desk, second, [], because="no addresses", actor=house.person(), now=house.now)
    _file(house, first, notice, "AEPD/9")
    assert _obligation(house, second, AEPD)["met_by"] == f"{first} {notice.ref}, filed as AEPD/9"
    acts = [one["act"] for one in show(house.desk, second)["journal"]]
    assert {"bundled", "told-in-bundle"} <= set(acts)


def test_an_authoritys_question_is_a_clock_answered_like_any_notice(house: Any) -> None:
    ref = _open(house)
    due = house.now + timedelta(days=10)
    row = asked(
        house.desk, ref, AEPD, question="¿Estaba cifrado el disco?", received=house.now, due=due,
        actor=house.person(), now=house.now,
    )  # fmt: skip
    again = asked(
        house.desk, ref, AEPD, question="¿Estaba cifrado el disco?", received=house.now, due=due,
        actor=house.person(), now=house.now,
    )  # fmt: skip
    assert row.oid == again.oid == "question/q-0001@es-aepd"
    clock = next(one for one in clocks(house.desk, ref, now=house.now) if one["obligation"] == row.oid)
    assert (clock["kind"], clock["seconds_left"]) == ("question", 10 * 86400)
    assert [one for one in show(house.desk, ref)["steps"] if one["obligation"] == row.oid]
    _change(house, ref, {"people": {"total": 1021}})  # an assessment leaves the question alone
    assert _obligation(house, ref, row.oid)["standing"] == "live"
    with pytest.raises(IllegalTransitionError, match="the answer to the question"):
        _approve(house, ref, _draft(house, ref, row.oid))
    notice = _draft(house, ref, row.oid, answer="No, no lo estaba.")
    assert "¿Estaba cifrado el disco?" in notice.text
    assert "No, no lo estaba." in notice.text
    _file(house, ref, notice, "AEPD/Q1")
    assert _obligation(house, ref, row.oid)["met_at"] is not None


def test_n_controllers_get_n_packages_with_their_own_part_and_contract_clock(house: Any) -> None:
    mail = {"name": "P", "email": "p@one.example"}
    data = {
        **PROCESSOR,
        "organisation": {
            **PROCESSOR["organisation"],  # type: ignore[dict-item]
            "controllers": [
                {"id": "one", "name": "One AG", "contact": mail},
                {"id": "two", "name": "Two AG", "contact": mail},
            ],
            "promises": [
                {"id": "c1", "kind": "contract", "to": "one", "text": "within 24 hours", "within": "24 hours",
                 "source": "contract of 2024, clause 9"},
            ],
        },
        "people": {"total": 4321, "by_place": {"DE": 4321}},
        "scopes": {"one": {"people": {"total": 17}, "data": {"kinds": ["email"]}}},
    }  # fmt: skip
    facts = checked_facts(house.desk, data, name="test")
    ref = open_incident(house.desk, facts, actor=house.person(), now=house.now, source="test").ref
    drafted, _ = draft(house.desk, ref, "eu-gdpr/tell-controller", actor=house.person(), now=house.now)
    by = {one.notice.scope: one.notice for one in drafted}
    assert set(by) == {"one", "two"}, "one package each, though law and contract both ask"
    assert len(by["one"].route["covers"]) == 2
    assert "- Approximate number of people: 17" in by["one"].text or ": 17" in by["one"].text
    assert "4321" not in by["one"].text + by["two"].text
    assert "4,321" not in by["one"].text + by["two"].text
    assert "Two AG" not in by["one"].text
    routes = {one["obligation"]: " ".join(one["because"]) for one in show(house.desk, ref)["routes"]}
    mine = next(text for oid, text in routes.items() if oid == "eu-gdpr/tell-controller@controller-one")
    assert "scopes.one" in mine
    assert "clause 9" in mine


def test_the_route_is_explained_with_its_source(house: Any) -> None:
    ref = _open(house)
    routes = {one["obligation"]: " ".join(one["because"]) for one in show(house.desk, ref)["routes"]}
    assert "Arts 55 and 56" in routes[AEPD]
    _change(
        house,
        ref,
        {
            "organisation": {
                "establishments": [{"place": "US-CA", "main": True}], "statuses": [], "markets": ["ES", "FR"],
            },
            "people": {"total": 300, "by_place": {"ES": 200, "FR": 100, "GB": None}},
        },
    )
    text = next(
        " ".join(one["because"]) for one in show(house.desk, ref)["routes"] if one["obligation"] == AEPD
    )
    assert "para 73" in text
    assert "2 filing(s)" in text
    assert "No representative is recorded" in text


def test_a_notice_with_an_attachment_is_approved_with_it_and_never_mailed(house: Any) -> None:
    facts = checked_facts(house.desk, PROCESSOR, name="test")
    ref = open_incident(house.desk, facts, actor=house.person(), now=house.now, source="test").ref
    bare = _draft(house, ref, "eu-gdpr/tell-controller")
    notice = _draft(house, ref, "eu-gdpr/tell-controller", attached=(("report.pdf", b"%PDF secret"),))
    assert notice.sha256 != bare.sha256
    assert notice.attachments == [{"name": "report.pdf", "sha256": hashlib.sha256(b"%PDF secret").hexdigest()}]
    _approve(house, ref, notice)
    done = notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now)[0]
    assert (done.state, house.channel.messages) == ("approved", [])
    assert "--filed-as" in (done.next or "")
    with house.desk.database.read() as tx:
        incident, [kept] = tx.incidents.get(ref), tx.filings.attachments(notice.id)
    assert b"secret" not in kept.sealed
    name = f"attachment:{notice.ref}:{kept.sha256}"
    assert house.desk.vault.open_(incident.wrapped_key, ref, name, kept.sealed) == b"%PDF secret"


def test_an_authority_is_mailed_only_by_a_route_that_was_checked_or_that_a_person_confirms(house: Any) -> None:
    organisation = {
        **PROCESSOR["organisation"],  # type: ignore[dict-item]
        "establishments": [{"place": "AT", "main": True}],
        "controllers": None,
    }
    data = {**PROCESSOR, "role": "controller", "organisation": organisation}
    facts = checked_facts(house.desk, data, name="test")
    ref = open_incident(house.desk, facts, actor=house.person(), now=house.now, source="test").ref
    notice = _draft(house, ref, "eu-gdpr/tell-authority", as_written=True)
    assert (notice.route["kind"], notice.route.get("checked_on")) == ("email", None)
    _approve(house, ref, notice)
    done = notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now)[0]
    assert (done.state, house.channel.messages) == ("approved", [])
    notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now, to=notice.route["email"])
    assert [one.to.email for one in house.channel.messages] == [notice.route["email"]]
    sent = next(one for one in show(house.desk, ref)["journal"] if one["act"] == "sending")
    assert sent["payload"]["route_confirmed_by"] == "anna"
