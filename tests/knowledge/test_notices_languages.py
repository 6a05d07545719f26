"""Notices in every language there is: whole, empty, and with sentences in another language than the notice's."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from incident_flows.core.facts import Facts
from incident_flows.core.readability import lix
from incident_flows.core.scope import scoped
from incident_flows.knowledge.lawbook import load_lawbook, playbooks_root
from incident_flows.knowledge.notices import KINDS, Notices, Rendered

NOTICES = Notices(playbooks_root())
BW = load_lawbook().authorities["de-bw"]
LANGUAGES = NOTICES.languages("people")
DUTIES = {
    "authority": "eu-gdpr/tell-authority",
    "people": "eu-gdpr/tell-people",
    "controller": "eu-gdpr/tell-controller",
    "other": "eu-dora/initial-notification",
    "public": "eu-gdpr/tell-public",
    "record": "eu-gdpr/keep-record",
}
NARRATIVE = {
    "what_happened": "A1.",
    "consequences": "A2.",
    "measures_taken": "A3.",
    "measures_proposed": "A4.",
    "advice": "A5.",
    "delay_reasons": "A6.",
}
FULL: dict[str, Any] = {
    "organisation": {
        "id": "acme",
        "legal_name": "ACME 1",
        "trading_name": "ACME 2",
        "registration": "HRB 1",
        "sectors": ["health"],
        "establishments": [{"place": "ES", "main": True, "address": "Biar 1"}],
        "dpo": {"name": "Ana", "email": "dpo@acme.example"},
    },
    "role": "controller",
    "moments": {
        "occurred_from": "2026-11-20T14:00:00+01:00",
        "detected_at": "2026-11-20T17:10:00+01:00",
        "aware_at": "2026-11-20T18:00:00+01:00",
        "people_told_at": "2026-11-21T18:00:00+01:00",
    },
    "breach": {"kinds": ["confidentiality"], "cause": "mistake", "exposure": "public", "medium": "paper"},
    "data": {"kinds": ["name", "health", "bank-account"], "records": 12, "protection": "none", "backup": "none"},
    "people": {"total": 1020, "groups": ["patients"], "by_place": {"ES": 120, "GB": 900}},
    "harm": {"measures": ["police-informed"], "expected": "risk", "by": "Ana"},
    "narrative": NARRATIVE,
}


def render(kind: str, language: str, given: dict[str, Any], **more: Any) -> Rendered:
    authority = BW if kind == "authority" else None
    addressee = {"kind": kind, "id": "de-bw" if authority else None, "name": "X"}
    return NOTICES.render(
        kind,
        language,
        facts=Facts.model_validate(given),
        authority=authority,
        incident_ref="INC-2026-0001",
        on=date(2026, 11, 22),
        obligation={
            "duty": DUTIES[kind],
            "kind": "law",
            "cite": "§ 1",
            "title": "T",
            "content": [],
            "due_at": "2026-11-21T17:00:00Z",
            "due_on": None,
            "addressee": addressee,
        },
        **more,
    )


def written_in(language: str | None, **translations: Any) -> dict[str, Any]:
    return {**FULL, "narrative": {**NARRATIVE, "language": language}, "translations": translations}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_language_says_everything_that_is_known(kind: str, language: str) -> None:
    notice = render(kind, language, written_in(language))
    assert not [one for one in notice.missing if one.required]
    assert "[" not in notice.text
    assert "{" not in notice.text
    words = NOTICES.wording.words(language)
    assert words.say("translation") not in notice.text
    assert words.label("data_kinds", "health") in notice.text
    if kind == "people":
        assert f'<html lang="{language}">' in str(notice.html)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_language_marks_what_is_not_known(kind: str, language: str) -> None:
    notice = render(kind, language, {"organisation": {"id": "acme"}})
    words = NOTICES.wording.words(language)
    assert words.say("missing", field=words.field("narrative.what_happened")) in notice.text
    assert "narrative.what_happened" in [one.field for one in notice.missing if one.required]


def _ours(notice: Rendered) -> str:
    """Return a notice's words in small letters, without the authority's own name."""
    return notice.text.replace(BW.name, "").lower()


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_english_word_is_left_in_another_language(kind: str, language: str) -> None:
    """Of the English notice's words no run of three stands in the other language's."""
    english = re.findall(r"[a-z]+", _ours(render(kind, "en", written_in("en"))))
    runs = set(zip(english, english[1:], english[2:], strict=False))
    ours = re.findall(r"[^\W\d_]+", _ours(render(kind, language, written_in(language))))
    left = {run for run in zip(ours, ours[1:], ours[2:], strict=False) if run in runs}
    facts = {"dpo", "acme", "example", "ana", "inc", "a", "utc", "europe", "berlin", "es"}
    assert {run for run in left if not facts & set(run)} == set()


@pytest.mark.parametrize("language", ["ja", "ko", "ru"])
def test_other_scripts_are_used_throughout(language: str) -> None:
    script = {"ja": "[ぁ-んァ-ヶ一-龠]", "ko": "[가-힣]", "ru": "[а-яё]"}[language]
    words = NOTICES.wording.words(language)
    for texts in (words.phrases, words.fields, *words.labels.values()):
        for key, text in texts.items():
            rest = re.sub(r"\{\w+\}|\W|UTC|INN|OGRN", "", text)
            assert not rest or re.search(script, rest, re.IGNORECASE), key


def test_japanese_has_no_blanks_between_words() -> None:
    words = NOTICES.wording.words("ja")
    for texts in (words.phrases, words.fields, *words.labels.values()):
        for key, text in texts.items():
            assert not re.search(r"[ぁ-んァ-ヶ一-龠、。] +[ぁ-んァ-ヶ一-龠]", text), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_in_another_language_are_marked_and_stop_approval(language: str) -> None:
    other = "sv" if language != "sv" else "da"
    letter = render("people", language, written_in(other))
    needed = [one.field for one in letter.missing if one.required]
    assert needed == [
        f"translations.{language}.{name}"
        for name in ("what_happened", "consequences", "measures_taken", "measures_proposed", "advice")
    ]
    mark = NOTICES.wording.words(language).phrases["to_translate"].partition("{")[0]
    assert letter.text.count(mark) == len(needed)
    for name in ("A1.", "A2.", "A3.", "A4.", "A5."):
        assert name in letter.text  # the sentence itself stays


def test_a_translation_is_used_and_settles_its_sentence_only() -> None:
    letter = render("people", "es", written_in("en", es={"what_happened": "Robo de un portátil."}))
    assert "Robo de un portátil." in letter.text
    assert "A1." not in letter.text
    assert "translations.es.what_happened" not in [one.field for one in letter.missing]
    assert "translations.es.advice" in [one.field for one in letter.missing if one.required]


def test_sentences_accepted_as_written_stand_without_a_mark() -> None:
    notice = render("authority", "de", written_in("en"), as_written=True)
    assert not [one for one in notice.missing if one.required]
    assert "ZU ÜBERSETZEN" not in notice.text
    assert "A1." in notice.text
    assert NOTICES.wording.words("de").say("translation") in notice.text


@pytest.mark.parametrize("said", ["de", "de-AT"])
def test_nothing_is_marked_that_is_in_the_notices_language(said: str) -> None:
    assert not [one for one in render("authority", "de", written_in(said)).missing if one.required]


@pytest.mark.parametrize("kind", ["authority", "people"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_nobody_stated_is_asked_for_and_marked(kind: str, language: str) -> None:
    mark = NOTICES.wording.words(language).say("language_unstated")
    notice = render(kind, language, written_in(None))
    foreign = language != "en"  # an English notice only asks
    assert [(one.field, one.required) for one in notice.missing] == [("narrative.language", foreign)]
    assert f"this notice is in {language}" in notice.missing[0].label
    assert (f"{mark} " in notice.text) is foreign
    accepted = render(kind, language, written_in(None), as_written=True)
    assert mark not in accepted.text
    assert not [one for one in accepted.missing if one.required]


def test_a_controllers_own_sentence_is_not_covered_by_a_translation_of_the_whole() -> None:
    whole = {
        **written_in("en", es={"what_happened": "Todo.", "advice": "Vigile."}),
        "scopes": {"a": {"narrative": {"what_happened": "Part of A."}}},
    }
    assert scoped(whole, "a")["translations"] == {"es": {"advice": "Vigile."}}


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_own_sentences_read_well_below_the_limit(language: str) -> None:
    words = NOTICES.wording.words(language)
    if words.lix_limit is None:
        assert language in ("ja", "ko", "zh")
        return
    own = [text for key, text in words.phrases.items() if key.startswith("letter_")]
    score = lix("\n".join(own))
    assert score is not None
    assert score <= words.lix_limit - 5


def test_long_sentences_of_long_words_are_above_the_limit() -> None:
    text = (
        "Notwithstanding considerable precautionary arrangements, unidentified individuals circumvented "
        "organisational authentication mechanisms, subsequently exfiltrating confidential documentation."
    )
    assert (lix(text) or 0) > 60
    assert lix("Somebody took your card number. Ask your bank for a new card.") == 14
    assert lix("dpo@acme.example [X] 2026-11-20") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_file_claims_a_review_that_nobody_made(language: str) -> None:
    assert NOTICES.wording.words(language).reviewed is False
