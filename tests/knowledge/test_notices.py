"""What notices say, in which language, and what they list as missing."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import pytest

from incident_flows.core.assessment import obligation_json
from incident_flows.core.facts import Facts
from incident_flows.errors import KnowledgeError
from incident_flows.knowledge.facts_files import dumped, merged, read_facts
from incident_flows.knowledge.lawbook import playbooks_root
from incident_flows.knowledge.library import Library
from incident_flows.knowledge.notices import Missing, Notices, Rendered

LANGUAGES = ["de", "en", "es", "ru"]  # the others: test_notices_languages.py
SAMPLES = sorted(path.stem for path in (playbooks_root() / "samples").glob("*.yaml"))
ON = date(2026, 11, 22)
NARRATIVE = ["what_happened", "consequences", "measures_taken", "measures_proposed", "advice"]
COMPLETE: dict[str, Any] = {
    "role": "controller",
    "organisation": {
        "legal_name": "Muster & Söhne GmbH",
        "registration": "ИНН 7701234567",
        "dpo": {"name": "Jörg Weiß", "email": "datenschutz@muster.example"},
        "establishments": [{"place": "DE-BW", "main": True, "address": "Hauptstraße 1, Karlsruhe"}],
    },
    "breach": {"kinds": ["confidentiality"], "cause": "mistake"},
}


@cache
def library() -> Library:
    return Library.load(cache=None)


@cache
def sample(name: str) -> Facts:
    """Return a sample's facts, its texts in whatever language is asked for."""
    known = library()
    facts = read_facts(known.root / "samples" / f"{name}.yaml", lawbook=known.lawbook, profiles=known.profiles)
    return overlaid(facts, {"narrative": {"language": None}, "translations": None})


@cache
def obligations(name: str) -> dict[str, Any]:
    """Return a sample's obligations by id, those that may have to be met."""
    found = library().assess(sample(name), today=ON).obligations
    return {one.id: obligation_json(one) for one in found if one.status != "not-owed"}


def overlaid(facts: Facts, change: dict[str, Any]) -> Facts:
    return Facts.model_validate(merged(dumped(facts), change))


def complete(name: str) -> Facts:
    """Return a sample's facts with every required one."""
    told = {name: f"Text of {name}." for name in (*NARRATIVE, "delay_reasons")}
    known = merged({**COMPLETE, "narrative": told}, dumped(sample(name)))
    return Facts.model_validate(merged(known, {"organisation": COMPLETE["organisation"]}))


@cache
def notices() -> Notices:
    return Notices(library().root)


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
        authority=library().lawbook.authorities.get(addressee["id"] or ""),
        incident_ref="INC-2026-0001",
        on=on,
        phased=phased,
    )


def required(notice: Rendered) -> list[str]:
    return [one.field for one in notice.missing if one.required]


# Every template


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_obligation_of_every_sample_has_a_complete_notice(name: str, language: str) -> None:
    facts = complete(name)
    for id_, obligation in obligations(name).items():
        notice = render(facts, obligation, language)
        assert required(notice) == [], id_
        assert notice.language == language
        assert notice.subject
        assert "\n" not in notice.subject
        assert notice.text.endswith("\n")


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("phased", [False, True])
def test_every_notice_can_be_drafted_from_what_a_sample_knows(name: str, language: str, phased: bool) -> None:
    for id_, obligation in obligations(name).items():
        notice = render(sample(name), obligation, language, phased=phased)
        assert "organisation.dpo" in required(notice) or obligation["addressee"]["kind"] == "record", id_
        assert "{" not in notice.text, id_
        for left in ("None", "Undefined", "unknown-recipient", "malicious-outsider"):
            assert left not in notice.text, id_


def _obligation(duty: str, **changed: Any) -> dict[str, Any]:
    addressee = {
        "eu-gdpr/tell-authority": {"kind": "authority", "id": "de-bw", "name": "State Commissioner"},
        "eu-gdpr/tell-authority-more": {"kind": "authority", "id": "de-bw", "name": "State Commissioner"},
    }[duty]
    return {
        "duty": duty,
        "kind": "law",
        "addressee": addressee,
        "cite": "A citation",
        "title": "A title",
        "due_at": "2026-11-23T08:00:00Z",
        "due_on": None,
        "content": [],
        **changed,
    }


def test_every_kind_has_all_languages() -> None:
    for kind in ("authority", "people", "controller", "other", "record"):
        assert notices().languages(kind) == notices().languages("people")
        assert set(LANGUAGES) | {"fr", "it", "nl", "pl", "pt", "sv", "ja", "ko"} <= set(notices().languages(kind))


def test_an_unknown_kind_or_language_is_refused_with_what_there_is() -> None:
    with pytest.raises(KnowledgeError, match="no such kind of notice; known: authority, people"):
        notices().languages("press")
    with pytest.raises(
        KnowledgeError, match=r"authority/xx.txt.j2: there is no such template; there is (.., )*de, en,"
    ):
        render(complete("nero-ag"), _obligation("eu-gdpr/tell-authority"), "xx")


def test_the_same_inputs_give_the_same_bytes() -> None:
    one = obligations("aimigos-studio")["eu-gdpr/tell-people@people"]
    assert render(complete("aimigos-studio"), one, "es") == render(complete("aimigos-studio"), one, "es")


def test_a_draft_of_another_day_has_the_same_bytes_as_long_as_it_is_in_time() -> None:
    one = obligations("nero-ag")["eu-gdpr/tell-authority@de-bw"]
    facts = complete("nero-ag")
    assert render(facts, one, "de", on=date(2026, 11, 21)) == render(facts, one, "de", on=date(2026, 11, 23))


# The authority's notice, by language


def test_the_aepd_is_told_in_spanish_under_article_33() -> None:
    notice = render(
        complete("aimigos-studio"), obligations("aimigos-studio")["eu-gdpr/tell-authority@es-aepd"], "es"
    )
    assert notice.subject == "Notificación de una brecha de datos personales: Aimigos Studio (INC-2026-0001)"
    for line in (
        "- Destinatario: Agencia Española de Protección de Datos (AEPD)",
        "- Fundamento jurídico: artículo 33, apartados 1 y 3, del Reglamento (UE) 2016/679 (RGPD)",
        "- Tipo de notificación: notificación inicial",
        "- Constancia de la violación: "
        "20 de noviembre de 2026, 18:00 (Europe/Madrid, UTC+01:00) = 2026-11-20 17:00 UTC",
        "- Número aproximado de interesados: 1.020",
        "- Dónde residen: Reino Unido: 900; España: 120",
        "- Categorías de datos: "
        "nombres; direcciones de correo electrónico; números de teléfono; números de cuenta bancaria",
        "- Interesados en otros países: Reino Unido: 900",
        "No queda pendiente nada de lo exigido. "
        "Si los hechos cambian, se presentará una notificación adicional.",
    ):
        assert line in notice.text.splitlines()


def test_the_ico_is_told_in_english_under_the_uk_gdpr_and_london_time() -> None:
    notice = render(
        complete("aimigos-studio"), obligations("aimigos-studio")["uk-gdpr/tell-authority@gb-ico"], "en"
    )
    assert notice.subject == "Personal data breach notification: Aimigos Studio (INC-2026-0001)"
    for line in (
        "- Legal basis: UK GDPR, Art. 33(1) and (3)",
        "- Aware of the breach: 20 November 2026, 17:00 (Europe/London, UTC) = 2026-11-20 17:00 UTC",
        "- Number of people, approximately: 1,020",
        "- People in other countries: Spain: 120",
    ):
        assert line in notice.text.splitlines()
    assert "translation" not in notice.text
    assert "2016/679" not in notice.text


def test_the_lfdi_is_told_in_german_with_its_umlauts() -> None:
    notice = render(complete("nero-ag"), obligations("nero-ag")["eu-gdpr/tell-authority@de-bw"], "de")
    for line in (
        "- An: Der Landesbeauftragte für den Datenschutz und die Informationsfreiheit Baden-Württemberg",
        "- Rechtsgrundlage: Art. 33 Abs. 1 und 3 der Verordnung (EU) 2016/679 (DSGVO)",
        "- Name: Muster & Söhne GmbH",
        "- Kontakt: Jörg Weiß, datenschutz@muster.example (Datenschutzbeauftragte Person)",
        "- Ungefähre Zahl der Personen: 5.200",
        "- Maßnahmen in Kürze: Passwörter zurückgesetzt; unrechtmäßiger Zugang gesperrt",
        "Soweit bekannt, leben die betroffenen Personen in keinem anderen Land.",
    ):
        assert line in notice.text.splitlines()


def test_the_parts_stand_in_the_order_of_article_33() -> None:
    text = render(complete("nero-ag"), obligations("nero-ag")["eu-gdpr/tell-authority@de-bw"], "en").text
    heads = [line for line in text.splitlines() if line[:1].isdigit()]
    assert heads == [
        "1. Who makes this notice",
        "2. Contact for further information",
        "3. Dates and times",
        "4. Nature of the breach",
        "5. People concerned",
        "6. Data and records concerned",
        "7. Likely consequences",
        "8. Measures taken and proposed",
        "9. Reasons for the delay",
        "10. Other countries and other authorities",
        "11. What follows",
    ]


def test_the_german_law_of_2016_is_cited_and_not_the_gdpr() -> None:
    one = obligations("nero-ag-2016")["de-bdsg-2009/tell-authority@de-bw"]
    text = render(complete("nero-ag-2016"), one, "de").text
    assert (
        "- Rechtsgrundlage: § 42a des Bundesdatenschutzgesetzes in der bis zum 24. Mai 2018 geltenden Fassung"
        in text
    )
    assert (
        "Empfohlene Maßnahmen der Betroffenen zur Minderung möglicher nachteiliger Folgen\nText of advice."
        in text
    )
    assert "- Beginn: 10. Oktober 2016, 08:00 Uhr (Europe/Berlin, UTC+02:00) = 2016-10-10 06:00 UTC" in text
    for wrong in ("DSGVO", "2016/679", "72"):
        assert wrong not in text


def test_roskomnadzor_is_told_first_with_the_contents_of_order_187() -> None:
    notice = render(complete("video-gen"), obligations("video-gen")["ru-152fz/tell-authority@ru-rkn"], "ru")
    assert notice.subject == "Уведомление об инциденте с персональными данными: Video Gen (INC-2026-0001)"
    heads = [
        line.split(". ", 1)[1] for line in notice.text.splitlines() if line[:1].isdigit() and ". " in line[:4]
    ]
    assert heads == [
        "Сведения об операторе",
        "Сведения о произошедшем инциденте",
        "Предполагаемые причины, повлёкшие нарушение прав субъектов персональных данных",
        "Предполагаемый вред, нанесённый правам субъектов персональных данных",
        "Характеристики базы данных",
        "Принятые и предлагаемые меры",
        "Лицо, уполномоченное оператором на взаимодействие с Роскомнадзором по вопросам инцидента",
        "Причины задержки",
        "Что последует",
    ]
    for line in (
        "- ИНН / ОГРН: ИНН 7701234567",
        "- Выявлено: 21 ноября 2026 г., 23:30 (Europe/Moscow, UTC+03:00) = 2026-11-21 20:30 UTC",
        "- Предполагаемая причина: умышленные действия постороннего лица",
    ):
        assert line in notice.text.splitlines()
    assert "приказ Роскомнадзора от 14.11.2022 № 187" in notice.text
    assert "в течение 72 часов с момента выявления" in notice.text
    assert "GDPR" not in notice.text


def test_the_results_of_the_investigation_are_another_notice() -> None:
    facts = overlaid(
        complete("video-gen"), {"moments": {"authority_told_at": {"ru-rkn": "2026-11-22T20:00:00+03:00"}}}
    )
    text = render(facts, obligations("video-gen")["ru-152fz/report-investigation@ru-rkn"], "ru").text
    assert text.startswith("УВЕДОМЛЕНИЕ О РЕЗУЛЬТАТАХ ВНУТРЕННЕГО РАССЛЕДОВАНИЯ ВЫЯВЛЕННОГО ИНЦИДЕНТА")
    assert "- Вид уведомления: дополнительное, о результатах внутреннего расследования" in text
    assert "- Первичное уведомление: 22 ноября 2026 г., 20:00 (Europe/Moscow, UTC+03:00)" in text
    assert "Сведения о лицах, действия которых стали причиной инцидента" in text
    assert "Предполагаемые причины" not in text


@pytest.mark.parametrize("registration", [None, "см. сайт", "ИНН 12345"])
def test_roskomnadzor_needs_inn_or_ogrn(registration: str | None) -> None:
    one = obligations("video-gen")["ru-152fz/tell-authority@ru-rkn"]
    facts = overlaid(complete("video-gen"), {"organisation": {"registration": registration}})
    assert required(render(facts, one, "ru", phased=True)) == ["organisation.registration"]


def test_a_second_notice_says_that_it_is_one() -> None:
    text = render(complete("nero-ag"), _obligation("eu-gdpr/tell-authority-more"), "de").text
    assert "- Art der Meldung: Folgemeldung" in text


def test_authorities_told_already_are_named_and_the_reader_is_not() -> None:
    told = {"gb-ico": "2026-11-22T10:00:00Z", "es-aepd": "2026-11-22T11:00:00Z"}
    facts = overlaid(complete("aimigos-studio"), {"moments": {"authority_told_at": told}})
    text = render(facts, obligations("aimigos-studio")["eu-gdpr/tell-authority@es-aepd"], "es").text
    line = next(line for line in text.splitlines() if line.startswith("- Otras autoridades ya informadas: "))
    assert "Information Commissioner's Office" in line
    assert "22 de noviembre de 2026, 11:00 (Europe/Madrid, UTC+01:00)" in line
    assert "Agencia" not in line


def test_a_promise_is_not_called_law() -> None:
    one = _obligation("eu-gdpr/tell-authority", kind="policy", cite="https://example.org/privacy")
    text = render(complete("nero-ag"), one, "en").text
    assert "- Basis (a promise, not a law): https://example.org/privacy" in text
    assert "Legal basis" not in text


def test_contents_a_law_names_beyond_the_layout_are_shown_and_listed() -> None:
    one = _obligation("eu-gdpr/tell-authority", content=["likely consequences", "a certificate"])
    notice = render(complete("nero-ag"), one, "de")
    assert "- [NOCH BEIZUFÜGEN: a certificate]" in notice.text
    assert "likely consequences]" not in notice.text
    assert [one for one in notice.missing if one.field == "obligation.content"] == [
        Missing("obligation.content", "named by the law, without a place in this text: a certificate", False)
    ]
