"""The letter to people, the notice to a controller, and notices to others."""

from __future__ import annotations

from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest

from incident_flows.core.facts import Facts
from incident_flows.knowledge.lawbook import playbooks_root
from incident_flows.knowledge.notices import Notices, Rendered

NOTICES = Notices(playbooks_root())
LANGUAGES = ["de", "en", "es", "ru"]
FACTS: dict[str, Any] = {
    "organisation": {
        "id": "aimigos-studio",
        "legal_name": "Perpetual Cielo Azul SL",
        "trading_name": "Aimigos Studio",
        "establishments": [{"place": "ES", "main": True, "address": "Biar (Alicante)"}],
        "dpo": {"name": "Ana Pérez", "email": "datos@aimigos.example", "phone": "+34 900 100 100"},
    },
    "moments": {
        "occurred_from": "2026-11-20T14:00:00+01:00",
        "occurred_until": "2026-11-20T16:00:00+01:00",
        "detected_at": "2026-11-20T17:10:00+01:00",
        "aware_at": "2026-11-20T18:00:00+01:00",
    },
    "breach": {"kinds": ["confidentiality"], "cause": "malicious-outsider"},
    "data": {"kinds": ["name", "bank-account"], "protection": "none"},
    "people": {"total": 1020, "by_place": {"ES": 120, "GB": 900}},
    "narrative": {
        "what_happened": "A laptop was stolen.\n\nIts disk was not encrypted.",
        "consequences": "Fraud is possible.",
        "measures_taken": "We told the police.",
        "measures_proposed": "We encrypt all disks.",
        "advice": "Watch your bank statements.",
    },
}


def facts(**changed: Any) -> Facts:
    return Facts.model_validate({**FACTS, **changed})


def said_in(given: Facts, language: str) -> Facts:
    told = {"language": given.narrative.language or language}
    return given.model_copy(update={"narrative": given.narrative.model_copy(update=told)})


def render(
    kind: str,
    language: str,
    given: Facts,
    *,
    duty: str = "eu-gdpr/tell-people",
    cite: str = "Art. 34",
    addressee: dict[str, Any] | None = None,
    content: tuple[str, ...] = (),
    law: str = "law",
) -> Rendered:
    return NOTICES.render(
        kind,
        language,
        facts=said_in(given, language),
        authority=None,
        incident_ref="INC-2026-0001",
        on=date(2026, 11, 22),
        obligation={
            "duty": duty,
            "kind": law,
            "cite": cite,
            "title": "Tell somebody",
            "content": list(content),
            "due_at": None,
            "due_on": None,
            "addressee": addressee or {"kind": kind, "id": None, "name": "the people affected"},
        },
    )


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if not self.tags or self.tags[-1][0] not in ("style", "title"):
            self.words.append(data)


HEADINGS = {
    "en": [
        "What happened",
        "Which data are concerned",
        "What this may mean for you",
        "What we have done",
        "What we are doing next",
        "What you can do",
        "Whom you can ask",
        "How to check that this message is genuine",
    ],
    "es": [
        "Qué ha pasado",
        "Qué datos están afectados",
        "Qué puede suponer para usted",
        "Qué hemos hecho",
        "Qué vamos a hacer ahora",
        "Qué puede hacer usted",
        "A quién puede preguntar",
        "Cómo comprobar que este mensaje es auténtico",
    ],
    "de": [
        "Was geschehen ist",
        "Welche Daten betroffen sind",
        "Was das für Sie bedeuten kann",
        "Was wir getan haben",
        "Was wir als Nächstes tun",
        "Was Sie tun können",
        "Wen Sie fragen können",
        "Wie Sie prüfen, ob diese Nachricht echt ist",
    ],
    "ru": [
        "Что произошло",
        "Каких данных это касается",
        "Чем это может вам грозить",
        "Что мы сделали",
        "Что мы сделаем дальше",
        "Что можете сделать вы",
        "К кому обратиться",
        "Как проверить, что это письмо подлинное",
    ],
}
KEY_SENTENCES = {
    "en": [
        "When it happened: 20 November 2026.",
        "- bank account numbers",
        "typing its address the way you always do",
    ],
    "es": ["Cuándo ocurrió: 20 de noviembre de 2026.", "- números de cuenta bancaria", "nuestro sitio web"],
    "de": [
        "Wann es geschah: 20. November 2026.",
        "- Bankkontonummern",
        "Gehen Sie selbst auf unsere Website",
    ],
    "ru": [
        "Когда это произошло: 20 ноября 2026 г.",
        "- номера банковских счетов",
        "Зайдите на наш сайт сами",
    ],
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_letter_says_what_article_34_asks_in_plain_parts(language: str) -> None:
    letter = render("people", language, facts())
    lines = letter.text.splitlines()
    at = [lines.index(heading) for heading in HEADINGS[language]]
    assert at == sorted(at)
    for sentence in KEY_SENTENCES[language]:
        assert sentence in letter.text
    assert "Ana Pérez, datos@aimigos.example, +34 900 100 100" in letter.text
    assert "Perpetual Cielo Azul SL" in letter.text
    assert letter.missing == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_html_says_the_same_words_as_the_text(language: str) -> None:
    letter = render("people", language, facts())
    assert letter.html is not None
    in_html = " ".join(" ".join(_Page(letter.html).words).split()).replace("- ", "")
    in_text = " ".join(line.removeprefix("- ") for line in letter.text.split("\n") if line)
    assert in_html == f"{letter.subject} {' '.join(in_text.split())}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_html_can_be_read_by_everybody_and_loads_nothing(language: str) -> None:
    html = render("people", language, facts()).html
    assert html is not None
    page = _Page(html)
    tags = [tag for tag, _ in page.tags]
    assert ("html", {"lang": language}) in page.tags
    assert tags.count("h1") == 1
    assert tags.count("h2") == len(HEADINGS[language])
    assert not {"img", "a", "script", "link", "form", "iframe", "input", "object", "svg"} & set(tags)
    for _, attributes in page.tags:
        assert not {"src", "href", "style", "background", "onclick"} & set(attributes)
    assert "url(" not in html
    assert "://" not in html
    assert "color: #1a1a1a" in html
    assert "background: #ffffff" in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_letter_is_one_text_whatever_law_asks_for_it(language: str) -> None:
    eu = render("people", language, facts())
    uk = render("people", language, facts(), duty="uk-gdpr/tell-people", cite="UK GDPR, Art. 34")
    promise = render("people", language, facts(), duty="promise-policy-x/tell-people", law="policy")
    assert eu.text == uk.text == promise.text
    assert eu.html == uk.html == promise.html


@pytest.mark.parametrize("field", ["what_happened", "consequences", "measures_taken", "advice"])
def test_a_letter_without_its_parts_is_not_ready(field: str) -> None:
    narrative = {key: value for key, value in FACTS["narrative"].items() if key != field}
    letter = render("people", "en", facts(narrative=narrative))
    assert [one.field for one in letter.missing if one.required] == [f"narrative.{field}"]
    assert "[MISSING: " in letter.text
    assert letter.html is not None
    assert "[MISSING: " in letter.html


def test_contents_an_american_law_names_are_listed_for_the_drafter() -> None:
    letter = render(
        "people", "en", facts(), duty="us-ia/individuals", content=("credit bureau contacts", "data types")
    )
    assert [one.label for one in letter.missing] == [
        "named by the law, without a place in this text: credit bureau contacts"
    ]


CONTROLLERS = [
    {"id": "client-a", "name": "Client A", "scope": "Footage of the spring campaign"},
    {"id": "client-b", "name": "Client B", "scope": "Casting tapes"},
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_controller_reads_its_own_part_and_nobody_elses_name(language: str) -> None:
    given = facts(organisation={**FACTS["organisation"], "controllers": CONTROLLERS}, role="processor")
    notice = render(
        "controller",
        language,
        given,
        duty="eu-gdpr/tell-controller",
        cite="Regulation (EU) 2016/679, Arts 33(2) and 28(3)(f)",
        addressee={"kind": "controller", "id": "client-a", "name": "Client A"},
    )
    assert "Client A" in notice.text
    assert "Footage of the spring campaign" in notice.text
    assert "Client B" not in notice.text
    assert "Casting" not in notice.text
    assert [one for one in notice.missing if one.required] == []
    whole = {
        "en": "The figures cover the whole incident.",
        "es": "Las cifras se refieren a todo el incidente.",
        "de": "Die Zahlen gelten für den gesamten Vorfall.",
        "ru": "Числа относятся ко всему инциденту.",
    }
    assert whole[language] in notice.text


def test_a_controller_is_told_at_once_even_when_little_is_known() -> None:
    given = Facts.model_validate(
        {
            "organisation": FACTS["organisation"],
            "narrative": {"what_happened": "Files were copied."},
        }
    )
    notice = render("controller", "en", given, duty="eu-gdpr/tell-controller")
    assert [one.field for one in notice.missing if one.required] == []
    assert "Further details will be passed on as they become known." in notice.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_others_read_what_it_concerns_and_what_is_still_to_be_supplied(language: str) -> None:
    notice = render(
        "other",
        language,
        facts(),
        duty="eu-dora/initial-notification",
        content=("description", "incident reference"),
        addressee={"kind": "other", "id": "x", "name": "the competent authority"},
    )
    assert "Tell somebody" in notice.text
    assert "incident reference]" in notice.text
    assert [one.required for one in notice.missing] == [False]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_record_holds_facts_effects_and_remedies(language: str) -> None:
    given = facts(
        harm={"expected": "high-risk", "because": "Account numbers invite fraud.", "by": "Ana Pérez"}
    )
    record = render("record", language, given, duty="eu-gdpr/keep-record")
    for part in (
        "A laptop was stolen.",
        "Fraud is possible.",
        "We told the police.",
        "Account numbers invite fraud.",
    ):
        assert part in record.text


def test_parts_of_countries_are_named() -> None:
    given = facts(people={"by_place": {"US-CA": 2, "DE-BW": 3, "XK": 1}})
    text = render("record", "es", given, duty="eu-gdpr/keep-record").text
    assert "Alemania (Baden-Württemberg): 3; Estados Unidos (California): 2; Kosovo: 1" in text
