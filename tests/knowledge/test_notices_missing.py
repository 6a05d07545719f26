"""What a notice lacks: each field listed, marked in the text, and demanded or let follow."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import pytest

from incident_flows.core.facts import Facts
from incident_flows.core.law import Lawbook
from incident_flows.knowledge.facts_files import dumped, merged
from incident_flows.knowledge.lawbook import load_lawbook, playbooks_root
from incident_flows.knowledge.notices import Missing, Notices, Rendered

LANGUAGES = ["de", "en", "es", "ru"]
ON = date(2026, 11, 22)
NOTHING = Facts.model_validate({"organisation": {"id": "x"}})
COMPLETE = Facts.model_validate(
    {
        "organisation": {
            "id": "x",
            "legal_name": "Muster & Söhne GmbH",
            "registration": "ИНН 7701234567",
            "dpo": {"name": "Jörg Weiß", "email": "datenschutz@muster.example"},
            "establishments": [{"place": "DE-BW", "main": True, "address": "Hauptstraße 1, Karlsruhe"}],
        },
        "role": "controller",
        "moments": {
            "occurred_from": "2026-11-17T22:00:00+01:00",
            "detected_at": "2026-11-20T08:20:00+01:00",
            "aware_at": "2026-11-20T09:00:00+01:00",
        },
        "breach": {"kinds": ["confidentiality"], "cause": "mistake"},
        "data": {"kinds": ["name"], "protection": "none", "records": 5200},
        "people": {"total": 5200, "by_place": {"DE": 5200}, "groups": ["customers"]},
        "narrative": {
            "what_happened": "It happened.",
            "consequences": "Harm.",
            "measures_taken": "All.",
            "measures_proposed": "More.",
            "advice": "Take care.",
        },
    }
)
ADDRESSEES = {
    "eu-gdpr/tell-authority": ("authority", "de-bw"),
    "de-bdsg-2009/tell-authority": ("authority", "de-bw"),
    "eu-gdpr/tell-people": ("people", None),
    "eu-gdpr/tell-controller": ("controller", "client-a"),
    "ru-152fz/tell-authority": ("authority", "ru-rkn"),
    "ru-152fz/report-investigation": ("authority", "ru-rkn"),
}


@cache
def lawbook() -> Lawbook:
    return load_lawbook()


@cache
def notices() -> Notices:
    return Notices(playbooks_root())


def overlaid(facts: Facts, change: dict[str, Any]) -> Facts:
    return Facts.model_validate(merged(dumped(facts), change))


def _obligation(duty: str, **changed: Any) -> dict[str, Any]:
    kind, id_ = ADDRESSEES[duty]
    return {
        "duty": duty,
        "kind": "law",
        "addressee": {"kind": kind, "id": id_, "name": "Somebody"},
        "cite": "A citation",
        "title": "A title",
        "due_at": "2026-11-23T08:00:00Z",
        "due_on": None,
        "content": [],
        **changed,
    }


def said_in(facts: Facts, language: str) -> Facts:
    """Return the facts with their texts said to be in a language, if nobody has said in which they are."""
    told = {"language": facts.narrative.language or language}
    return facts.model_copy(update={"narrative": facts.narrative.model_copy(update=told)})


def render(
    facts: Facts, obligation: dict[str, Any], language: str, *, on: date = ON, phased: bool = False
) -> Rendered:
    addressee = obligation["addressee"]
    return notices().render(
        addressee["kind"],
        language,
        facts=said_in(facts, language),
        obligation=obligation,
        authority=lawbook().authorities.get(addressee["id"] or ""),
        incident_ref="INC-2026-0001",
        on=on,
        phased=phased,
    )


def required(notice: Rendered) -> list[str]:
    return [one.field for one in notice.missing if one.required]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "duty",
    [
        "eu-gdpr/tell-authority",
        "ru-152fz/tell-authority",
        "ru-152fz/report-investigation",
        "de-bdsg-2009/tell-authority",
    ],
)
def test_nothing_at_all_being_known_still_makes_a_draft(language: str, duty: str) -> None:
    notice = render(NOTHING, _obligation(duty), language)
    assert {"organisation.legal_name", "organisation.dpo", "narrative.what_happened"} <= set(required(notice))
    marks = {"de": "[FEHLT: ", "en": "[MISSING: ", "es": "[FALTA: ", "ru": "[НЕ ЗАПОЛНЕНО: "}
    assert notice.text.count(marks[language]) >= 3


def test_each_missing_field_is_listed_and_marked() -> None:
    notice = render(NOTHING, _obligation("eu-gdpr/tell-authority"), "en")
    assert required(notice) == [
        "organisation.legal_name",
        "role",
        "organisation.dpo",
        "moments.aware_at",
        "breach.kinds",
        "narrative.what_happened",
        "data.kinds",
        "narrative.consequences",
        "narrative.measures_taken",
    ]
    optional = [one.field for one in notice.missing if not one.required]
    assert optional == [
        "organisation.establishments",
        "moments.occurred_from",
        "breach.cause",
        "people.total",
        "people.groups",
        "people.by_place",
        "data.records",
        "data.protection",
        "narrative.measures_proposed",
    ]
    assert notice.text.count("[MISSING: ") == 9
    assert "- Number of people, approximately: not yet known" in notice.text


@pytest.mark.parametrize("field", ["consequences", "measures_taken"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_part_of_the_narrative_is_demanded(field: str, language: str) -> None:
    facts = overlaid(COMPLETE, {"narrative": {field: None}})
    one = _obligation("eu-gdpr/tell-authority")
    assert required(render(facts, one, language)) == [f"narrative.{field}"]


def test_blank_text_is_missing_text() -> None:
    facts = overlaid(COMPLETE, {"narrative": {"what_happened": " \n "}})
    assert required(render(facts, _obligation("eu-gdpr/tell-authority"), "de")) == ["narrative.what_happened"]


def test_phases_let_facts_follow_but_not_the_core() -> None:
    notice = render(NOTHING, _obligation("eu-gdpr/tell-authority"), "de", phased=True)
    assert required(notice) == [
        "organisation.legal_name",
        "organisation.dpo",
        "breach.kinds",
        "narrative.what_happened",
    ]
    lines = notice.text.splitlines()
    assert "noch nicht bekannt; wird nachgereicht" in lines
    assert "Noch nicht bekannt; wird ohne unangemessene weitere Verzögerung nachgereicht:" in lines
    assert "- die wahrscheinlichen Folgen" in lines


def test_missing_fields_are_shown_as_json() -> None:
    assert Missing("people.total", "the number", False).to_json() == {
        "field": "people.total",
        "label": "the number",
        "required": False,
    }


CONTACTS: list[dict[str, Any]] = [
    {"name": "privacy mailbox", "email": "dpo@example.org", "placeholder": True},
    {"name": "privacy mailbox", "email": "[adres e-mail]"},
    {"name": "[name]", "email": "dpo@example.org"},
    {"name": "Ana Pérez"},
    {"email": "dpo@example.org"},
    {"name": "Ana Pérez", "phone": "n/a"},
]


@pytest.mark.parametrize("contact", CONTACTS)
@pytest.mark.parametrize("duty", ["eu-gdpr/tell-authority", "eu-gdpr/tell-people", "eu-gdpr/tell-controller"])
def test_a_placeholder_or_half_a_contact_is_no_contact(contact: dict[str, Any], duty: str) -> None:
    facts = overlaid(COMPLETE, {"organisation": {"dpo": None, "contacts": [contact]}})
    notice = render(facts, _obligation(duty), "en", phased=True)
    assert required(notice) == ["organisation.dpo"]
    for value in contact.values():
        assert str(value) not in notice.text


def test_the_first_usable_contact_stands_in_for_an_officer() -> None:
    contacts = [*CONTACTS[:2], {"name": "Ana Pérez", "phone": "+34 900 100 100"}]
    facts = overlaid(COMPLETE, {"organisation": {"dpo": None, "contacts": contacts}})
    notice = render(facts, _obligation("eu-gdpr/tell-authority"), "en")
    assert "- Contact: Ana Pérez, +34 900 100 100\n" in notice.text


@pytest.mark.parametrize(
    ("total", "shown"),
    [
        (1020, "1,020"),
        ({"at_least": 900}, "at least 900"),
        ({"at_most": 1500}, "at most 1,500"),
        ({"at_least": 900, "at_most": 1500}, "between 900 and 1,500"),
        ({"at_least": 0}, "not yet known"),
        (None, "not yet known"),
        (0, "0"),
    ],
)
def test_numbers_of_people_are_as_exact_as_they_are_known(total: Any, shown: str) -> None:
    facts = overlaid(COMPLETE, {"people": None})
    facts = overlaid(facts, {"people": {"total": total}}) if total is not None else facts
    text = render(facts, _obligation("eu-gdpr/tell-authority"), "en").text
    assert f"- Number of people, approximately: {shown}\n" in text


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"protection": "encrypted", "key_exposed": True}, "encrypted; the key was exposed too"),
        ({"protection": "encrypted", "key_exposed": False}, "encrypted; the key was not exposed"),
        ({"protection": "encrypted"}, "encrypted; whether the key was exposed is not yet known"),
        ({"protection": "none"}, "none"),
        ({}, "not yet known"),
    ],
)
def test_encryption_is_never_told_without_its_key(data: dict[str, Any], shown: str) -> None:
    facts = overlaid(overlaid(COMPLETE, {"data": None}), {"data": {"kinds": ["name"], **data}})
    assert (
        f"- Protection at the time: {shown}\n"
        in render(facts, _obligation("eu-gdpr/tell-authority"), "en").text
    )


# Late


@pytest.mark.parametrize(
    ("on", "late"),
    [
        (date(2026, 11, 22), False),
        (date(2026, 11, 23), False),
        (date(2026, 11, 24), True),
        (datetime(2026, 11, 23, 7, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 23, 8, 1, tzinfo=UTC), True),
    ],
)
def test_a_late_notice_demands_reasons(on: date, late: bool) -> None:
    facts = COMPLETE
    notice = render(facts, _obligation("eu-gdpr/tell-authority"), "de", on=on, phased=True)
    assert required(notice) == (["narrative.delay_reasons"] if late else [])
    ended = (
        "Die Frist endete: 23. November 2026, 09:00 Uhr (Europe/Berlin, UTC+01:00) = 2026-11-23 08:00 UTC."
    )
    assert (ended in notice.text) is late
    assert ("[FEHLT: die Gründe für die Verzögerung]" in notice.text) is late


def test_reasons_for_a_delay_are_given_once_known() -> None:
    facts = overlaid(COMPLETE, {"narrative": {"delay_reasons": "The office was closed."}})
    text = render(facts, _obligation("eu-gdpr/tell-authority"), "en", on=date(2026, 11, 30)).text
    assert "9. Reasons for the delay\nThe time limit ended: 23 November 2026, 09:00" in text
    assert "\nThe office was closed.\n" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_day_as_the_limit_is_late_only_after_that_day(language: str) -> None:
    facts = COMPLETE
    one = _obligation("eu-gdpr/tell-authority", due_at="2026-11-22T23:00:00Z", due_on="2026-11-22")
    assert required(render(facts, one, language, on=date(2026, 11, 22))) == []
    assert required(render(facts, one, language, on=date(2026, 11, 23))) == ["narrative.delay_reasons"]


def test_without_a_number_in_the_law_nothing_is_late() -> None:
    facts = COMPLETE
    one = _obligation("eu-gdpr/tell-authority", due_at=None)
    assert required(render(facts, one, "en", on=date(2030, 1, 1))) == []
