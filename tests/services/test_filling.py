"""An authority's form goes with its notice: it stops approval, is approved with it, and is what a portal gets."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from incident_flows.errors import IllegalTransitionError, NotApprovedError
from incident_flows.services.approve import approve
from incident_flows.services.dossier import dossier
from incident_flows.services.draft import draft
from incident_flows.services.filling import to_copy
from incident_flows.services.notify import notify
from incident_flows.services.show import show
from incident_flows.services.update import change_facts

OPERATOR = {
    "organisation": {
        "legal_name": "ООО «Пример»",
        "registration": "ИНН 7700000000",
        "dpo": {"name": "Anna Petrova", "email": "dpo@example.ru"},
    },
    "narrative": {
        "what_happened": "A table was copied.",
        "consequences": "Fraud.",
        "measures_taken": "Access closed.",
        "measures_proposed": "A second factor.",
    },
}
OFFICER = {"organisation": {"dpo": {"name": "Ana Ruiz", "email": "dpo@aimigos.example"}}}
FIRST, RESULTS = "ru-152fz/tell-authority", "ru-152fz/report-investigation"
AEPD = "eu-gdpr/tell-authority"


def _change(house: Any, ref: str, change: dict[str, Any]) -> None:
    change_facts(house.desk, ref, change, actor=house.person(), now=house.now, source="test")


def _draft(house: Any, ref: str, duty: str) -> Any:
    return draft(house.desk, ref, duty, actor=house.person("anna"), now=house.now)[0][0].notice


def _approve(house: Any, ref: str, notice: Any) -> None:
    approve(house.desk, ref, notice.ref, actor=house.person("boris"), now=house.now)


def _filled(notice: Any) -> dict[str, Any]:
    return {field["id"]: field for field in notice.form["fields"]}


def test_a_required_field_that_is_empty_stops_approval_and_is_named(house: Any) -> None:
    ref = house.open("video-gen")
    _change(house, ref, OPERATOR)
    first, results = _draft(house, ref, FIRST), _draft(house, ref, RESULTS)
    assert (first.form["form"], first.state) == ("ru-rkn", "awaiting-approval")
    assert (results.form["form"], results.state) == ("ru-rkn-results", "draft")
    assert [item["label"] for item in results.missing if item["required"]] == [
        "Number and key of the first notice", "Results of the internal investigation",
    ]  # fmt: skip
    with pytest.raises(IllegalTransitionError, match="Number and key of the first notice, Results of the"):
        _approve(house, ref, results)

    _approve(house, ref, first)
    notify(house.desk, ref, first.ref, actor=house.person(), now=house.now, filed_as="№ 77, ключ AB")
    _change(house, ref, {"dossier": {"investigation": "Пароль подобран."}})
    again = _draft(house, ref, RESULTS)
    assert _filled(again)["authority_reference"]["value"] == ["№ 77, ключ AB"]
    assert again.state == "awaiting-approval"
    _approve(house, ref, again)
    notify(house.desk, ref, again.ref, actor=house.person(), now=house.now, filed_as="№ 78")
    assert show(house.desk, ref)["facts"]["references"] == {"ru-rkn": "№ 77, ключ AB"}, "the case keeps its number"


def test_a_portal_gets_the_form_in_its_order_with_what_is_not_confirmed_marked(house: Any) -> None:
    ref = house.open("aimigos-studio")
    _change(house, ref, OFFICER)
    notice = _draft(house, ref, AEPD)
    _approve(house, ref, notice)
    [sent] = notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now)
    lines = sent.form.splitlines()
    labels = [line for line in lines if line[:1].isdigit() and "." in line[:4]]
    assert labels[0] == "1.1  Tipo de notificación / Kind of notification * ‡"
    assert lines[lines.index(labels[0]) + 1] == "    Inicial"
    assert any(line.startswith("2.1  Responsable del tratamiento") for line in labels)
    assert "    Perpetual Cielo Azul SL" in lines
    assert "‡ from general knowledge; compare with the live form" in lines
    what = next(at for at, line in enumerate(lines) if "Resumen" in line)
    assert lines[what + 1].startswith("    El 20 de noviembre de 2026"), "the translation a person gave"
    assert lines[what + 2].startswith("    = On 20 November 2026"), "with the English beside it"
    assert "    (188 of 4000 characters)" in lines


def test_the_form_is_approved_with_the_text_and_cannot_change_after(house: Any) -> None:
    ref = house.open("aimigos-studio")
    _change(house, ref, OFFICER)
    before = _draft(house, ref, AEPD)
    _change(house, ref, {"dossier": {"size": 12}})  # in the form only; the letter has no place for it
    notice = _draft(house, ref, AEPD)
    assert notice.text == before.text
    assert notice.sha256 != before.sha256
    _approve(house, ref, notice)
    form = json.loads(json.dumps(notice.form))
    next(field for field in form["fields"] if field["id"] == "size")["value"] = ["13"]
    with house.desk.database.write() as tx:
        tx.notices._session.execute(
            text("UPDATE notice SET form = :form WHERE ref = :ref"), {"form": json.dumps(form), "ref": notice.ref}
        )
    with pytest.raises(NotApprovedError, match="not the one that was approved"):
        notify(house.desk, ref, notice.ref, actor=house.person(), now=house.now)


def test_completeness_is_a_figure_and_a_list_per_addressee_and_goes_into_the_record(
    house: Any, tmp_path: Path
) -> None:
    ref = house.open("aimigos-studio")
    before = {row["form"]: row for row in show(house.desk, ref)["completeness"]}
    assert set(before) == {"es-aepd", "gb-ico", "article-34"}, "the people's letter is counted too, once"
    assert (before["article-34"]["answered"], before["article-34"]["asked"]) == (6, 7)
    assert before["es-aepd"]["missing"] == ["Data protection officer or contact"]
    _change(house, ref, {**OFFICER, "dossier": {"staff_trained": {"owner": "anna", "follows_on": "2026-12-01"}}})
    after = {row["form"]: row for row in show(house.desk, ref)["completeness"]}
    assert after["es-aepd"]["missing"] == []
    assert after["es-aepd"]["share"] > before["es-aepd"]["share"]
    path = dossier(house.desk, ref, actor=house.person(), now=house.now, folder=tmp_path)
    with zipfile.ZipFile(path) as archive:
        questions = json.loads(archive.read("dossier.json"))["entries"]
    assert questions["staff_trained"] == {
        "field": "staff_trained", "state": "unknown", "owner": "anna", "follows_on": "2026-12-01",
        "source": "nobody yet",
    }  # fmt: skip
    assert questions["people_total"]["value"] == {"at_least": 1020, "at_most": 1020}


def test_an_order_starts_the_clocks_of_the_law_it_was_given_under(house: Any) -> None:
    ref = house.open("aimigos-studio")
    order = "2026-11-21T09:00:00+01:00"
    _change(house, ref, {"moments": {"order_received_at": {"es-aepd": order}}})
    status = {one["duty"]: one["status"] for one in show(house.desk, ref)["obligations"]}
    assert status["eu-gdpr/tell-people-on-order"] == "undetermined", "until a person finds that it orders this"
    assert status["uk-gdpr/tell-people-on-order"] == "not-owed", "the ICO ordered nothing"
    _change(house, ref, {"moments": {"order_received_at": order}})
    status = {one["duty"]: one["status"] for one in show(house.desk, ref)["obligations"]}
    assert status["uk-gdpr/tell-people-on-order"] == "undetermined", "an order of nobody named may be anybody's"


def test_a_no_harm_finding_is_stated_with_its_reasons_and_reports_no_breach(house: Any) -> None:
    ref = house.open("aimigos-studio")
    anna = house.person("anna")
    change = {
        "breach": {"acquired": True, "medium": "electronic"},
        "findings": {"inadvertent-authorised-disclosure": True},
        "data": {"kinds": ["name", "ssn"], "protection": "none"},
        "people": {"total": 1720, "by_place": {"US-NY": 700}},
        "harm": {"expected": "unlikely"},
    }
    change_facts(house.desk, ref, change, actor=anna, now=house.now, source="call")
    [one] = draft(house.desk, ref, "us-ny/no-harm-determination", actor=anna, now=house.now)[0]
    assert "the reasons of that finding" in [lack["label"] for lack in one.notice.missing if lack["required"]]
    why = "Two clerks of the same office saw one file and gave it back."
    change_facts(
        house.desk, ref, {"harm": {"because": why}}, actor=anna, now=house.now, source="call"
    )
    [one] = draft(house.desk, ref, "us-ny/no-harm-determination", actor=anna, now=house.now)[0]
    notice = one.notice
    assert notice.subject.startswith("Finding that no harm is likely")
    assert "FINDING THAT NO HARM TO THE PEOPLE IS LIKELY" in notice.text
    assert why in notice.text
    assert "a risk is unlikely" in notice.text
    assert "NOTIFICATION OF A PERSONAL DATA BREACH" not in notice.text
    assert not notice.form  # the portal's form reports a breach
    assert to_copy(notice) == notice.text
