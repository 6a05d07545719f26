"""The wording of notices: the same keys in every language, a label for every word, nothing stale."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
import yaml

from incident_flows.knowledge.lawbook import load_lawbook, playbooks_root
from incident_flows.knowledge.notice_words import Wording, Words

LANGUAGES = sorted(path.stem for path in (playbooks_root() / "notices" / "words").glob("*.yaml"))
VOCABULARIES = ["data_kinds", "groups", "measures", "sectors", "statuses", "findings"]
BLANK = re.compile(r"\{\w+\}")


@cache
def words(language: str) -> Words:
    return Wording(playbooks_root() / "notices").words(language)


@cache
def vocabulary() -> dict[str, dict[str, str]]:
    data: dict[str, dict[str, str]] = yaml.safe_load(
        (playbooks_root() / "policies" / "words.yaml").read_text("utf-8")
    )
    return data


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", VOCABULARIES)
def test_every_word_of_the_facts_has_a_label(language: str, kind: str) -> None:
    assert set(vocabulary()[kind]) <= set(words(language).labels[kind])


def test_every_vocabulary_is_looked_at() -> None:
    assert sorted(vocabulary()) == sorted(VOCABULARIES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_coded_fact_has_a_label(language: str) -> None:
    from typing import get_args

    from incident_flows.core import facts

    pairs: dict[str, Any] = {
        "roles": facts.Role,
        "breach_kinds": facts.BreachKind,
        "causes": facts.Cause,
        "exposures": facts.Exposure,
        "mediums": facts.Medium,
        "protections": facts.Protection,
        "backups": facts.Backup,
        "harm_levels": facts.HarmLevel,
    }
    for name, literal in pairs.items():
        assert set(words(language).labels[name]) == set(get_args(literal)), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_phrases_with_the_same_blanks(language: str) -> None:
    ours, english = words(language), words("en")
    assert list(ours.phrases) == list(english.phrases)
    assert list(ours.fields) == list(english.fields)
    assert {key: list(value) for key, value in ours.labels.items()} == {
        key: list(value) for key, value in english.labels.items()
    }
    for key, phrase in english.phrases.items():
        assert sorted(BLANK.findall(ours.phrases[key])) == sorted(BLANK.findall(phrase)), key


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_nothing_was_left_in_english(language: str) -> None:
    ours, english = words(language), words("en")
    same = [
        key
        for key, text in ours.phrases.items()
        if text == english.phrases[key] and re.search("[a-z]{4}", text)
    ]
    patterns = {key for key, text in english.phrases.items() if not re.sub(r"\{\w+\}|\W", "", text)}
    assert set(same) <= patterns | {"row_sectors", "row_medium", "row_contact", "row_cause"}


def test_russian_is_written_in_cyrillic() -> None:
    for key, text in words("ru").phrases.items():
        rest = re.sub(r"\{\w+\}|\W|UTC", "", text)
        assert not rest or re.search("[а-яё]", rest, re.IGNORECASE), key
    for kind, labels in words("ru").labels.items():
        for word, text in labels.items():
            assert re.search("[а-яё]", text, re.IGNORECASE), f"{kind}.{word}"


def test_every_translated_citation_is_one_of_the_lawbook() -> None:
    cites = {
        version.source.cite
        for regime in load_lawbook().regimes.values()
        for duty in regime.duties.values()
        for version in duty.history
    }
    for language in LANGUAGES:
        assert set(words(language).cites) <= cites, language


def test_every_duty_and_content_of_the_layouts_is_one_of_the_lawbook() -> None:
    layouts = Wording(playbooks_root() / "notices").layouts
    duties = {
        f"{regime.id}/{key}": duty
        for regime in load_lawbook().regimes.values()
        for key, duty in regime.duties.items()
    }
    assert set(layouts.by_duty) <= set(duties)
    assert set(layouts.notice_kinds) <= set(duties)
    named = {item for duty in duties.values() for version in duty.history for item in version.content}
    for layout, contents in layouts.answers.items():
        assert len(set(contents)) == len(contents), layout
        assert set(contents) <= named, layout


def test_every_layout_has_its_files_and_phrases() -> None:
    folder = playbooks_root() / "notices"
    layouts = Wording(folder).layouts
    kinds = {
        **{layout: kind for kind, layout in layouts.kinds.items()},
        **dict.fromkeys(layouts.by_duty.values(), "authority"),
    }
    for layout, kind in kinds.items():
        assert (folder / kind / f"_{layout}.txt.j2").is_file()
        assert f"subject_{layout}" in words("en").phrases


def test_every_phrase_is_used() -> None:
    folder = playbooks_root() / "notices"
    used = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.j2"))
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (playbooks_root().parent / "incident_flows" / "knowledge").glob("notice*.py")
    )
    for key in words("en").phrases:
        if key.startswith(("subject_", "notice_kind_")):
            continue
        heading = f"title('{key.removeprefix('letter_')}')"
        assert f"say('{key}'" in used or heading in used or f'"{key}"' in code, key
