"""What templates and facts may not do: escape, compute, overflow, or pass unnoticed when they are wrong."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from incident_flows.core.facts import Facts
from incident_flows.errors import InputError, KnowledgeError
from incident_flows.knowledge.lawbook import playbooks_root
from incident_flows.knowledge.notices import Notices, Rendered

OBLIGATION = {
    "duty": "eu-gdpr/tell-people",
    "kind": "law",
    "cite": "Art. 34",
    "title": "Tell",
    "content": [],
    "due_at": None,
    "due_on": None,
    "addressee": {"kind": "people", "id": None, "name": "the people affected"},
}
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


def facts(**narrative: str) -> Facts:
    text = {
        "what_happened": "It.",
        "consequences": "Harm.",
        "measures_taken": "All.",
        "advice": "Care.",
        **narrative,
    }
    return Facts.model_validate(
        {
            "organisation": {
                "id": "x",
                "legal_name": "X SL",
                "dpo": {"name": "Ana", "email": "ana@x.example"},
            },
            "data": {"kinds": ["name"]},
            "narrative": text,
        }
    )


def render(given: Facts, root: Path | None = None, kind: str = "people") -> Rendered:
    return Notices(root or playbooks_root()).render(
        kind,
        "en",
        facts=given,
        obligation=OBLIGATION,
        authority=None,
        incident_ref="INC-2026-0001",
        on=date(2026, 11, 22),
    )


@pytest.fixture
def playbooks(tmp_path: Path) -> Path:
    """Return a copy of the notices, to be spoilt."""
    shutil.copytree(playbooks_root() / "notices", tmp_path / "notices")
    return tmp_path


# Facts


def test_markup_in_facts_is_text() -> None:
    given = facts(what_happened=HOSTILE, advice=HOSTILE)
    named = given.organisation.model_copy(update={"legal_name": HOSTILE, "trading_name": HOSTILE})
    letter = render(given.model_copy(update={"organisation": named}))
    assert letter.html is not None
    assert "<script" not in letter.html
    assert "<img" not in letter.html
    assert letter.html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    assert HOSTILE in letter.text


def test_template_marks_in_facts_are_text() -> None:
    letter = render(facts(what_happened="{{ 7 * 7 }} {% raw %} {name} {# no #}"))
    assert "{{ 7 * 7 }} {% raw %} {name} {# no #}" in letter.text


def test_a_name_over_two_lines_cannot_break_the_subject() -> None:
    given = facts()
    named = given.organisation.model_copy(update={"trading_name": "X\r\nBcc: all@x.example"})
    assert render(given.model_copy(update={"organisation": named})).subject == (
        "An incident at X Bcc: all@x.example concerns your personal data (INC-2026-0001)"
    )


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\u202e", "\x85"])
def test_control_characters_are_refused(sign: str) -> None:
    with pytest.raises(InputError, match=r"narrative\.advice: holds the control character U\+"):
        render(facts(advice=f"Pay{sign}now"))


def test_a_text_of_a_hundred_kilobytes_is_refused_and_not_cut() -> None:
    with pytest.raises(
        InputError, match=r"narrative.what_happened: is 100,000 characters long, .* at most 20,000"
    ):
        render(facts(what_happened="x" * 100_000))


def test_a_name_of_a_page_is_refused() -> None:
    given = facts()
    named = given.organisation.model_copy(update={"legal_name": "x" * 501})
    with pytest.raises(InputError, match=r"organisation.legal_name: is 501 characters long"):
        render(given.model_copy(update={"organisation": named}))


def test_paragraphs_and_line_ends_survive() -> None:
    letter = render(facts(what_happened="One.\r\nTwo.\r\n\r\nThree."))
    assert "One.\nTwo.\n\nThree.\n" in letter.text
    assert letter.html is not None
    assert "<p>One.<br>Two.</p>\n<p>Three.</p>" in letter.html


# Templates


def _spoilt(playbooks: Path, line: str, name: str = "people/en.txt.j2") -> str:
    path = playbooks / "notices" / name
    path.write_text(f"first line\n{line}\nthird line\n")
    with pytest.raises(KnowledgeError) as raised:
        render(facts(), playbooks)
    return str(raised.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{{ recipient.name }}", "notices/people/en.txt.j2:2: 'recipient' is undefined"),
        ("{{ name.missing }}", "notices/people/en.txt.j2:2: 'str object' has no attribute 'missing'"),
        (
            "{{ need('narrative.wrong') }}",
            "notices/people/en.txt.j2:2: the field 'narrative.wrong' is undefined",
        ),
        ("{{ need('people.names') }}", "notices/people/en.txt.j2:2: the field 'people.names' is undefined"),
        ("{{ say('nothing') }}", "notices/people/en.txt.j2:2: phrases.nothing of words/en.yaml is undefined"),
        (
            "{{ say('letter_intro') }}",
            "notices/people/en.txt.j2:2: {name} of phrases.letter_intro in words/en.yaml is",
        ),
        ("{% if x %}", "notices/people/en.txt.j2:3: Unexpected end of template"),
        ("{{ name|safe }}", "notices/people/en.txt.j2:2: No filter named 'safe'"),
        ("{{ name|default('x') }}", "notices/people/en.txt.j2:2: No filter named 'default'"),
        ("{{ name ~ name }}", "notices/people/en.txt.j2:2: texts are not concatenated with ~"),
        ("{{ 'a' * 1000000000 }}", "notices/people/en.txt.j2:2: a notice computes nothing, yet uses *"),
        ("{{ '%1000000000d' % 1 }}", "notices/people/en.txt.j2:2: a notice computes nothing, yet uses %"),
        ("{{ name + name }}", "notices/people/en.txt.j2:2: a notice computes nothing, yet uses +"),
        (
            "{{ name.__class__ }}",
            "notices/people/en.txt.j2:2: access to attribute '__class__' of 'str' object is unsafe",
        ),
        ("{{ say.__globals__ }}", "notices/people/en.txt.j2:2: access to attribute '__globals__'"),
        ("{{ name.center(1000000000) }}", "notices/people/en.txt.j2:2: access to attribute 'center'"),
        ("{{ '{:1000000000}'.format(1) }}", "notices/people/en.txt.j2:2: access to attribute 'format'"),
        ("{% for x in range(9) %}{% endfor %}", "notices/people/en.txt.j2:2: 'range' is undefined"),
        ("{% include 'gone.txt.j2' %}", "notices/gone.txt.j2: there is no such template"),
        ("{% include '../../etc/passwd' %}", "there is no such template"),
    ],
)
def test_a_wrong_template_names_file_line_and_variable(playbooks: Path, line: str, said: str) -> None:
    assert said in _spoilt(playbooks, line)


def test_a_mistake_in_a_part_names_the_part(playbooks: Path) -> None:
    (playbooks / "notices" / "people" / "_letter.txt.j2").write_text("one\ntwo\n{{ gone }}\n")
    with pytest.raises(KnowledgeError, match=r"notices/people/_letter.txt.j2:3: 'gone' is undefined"):
        render(facts(), playbooks)


def test_a_template_that_doubles_itself_is_stopped(playbooks: Path) -> None:
    doubled = "\n".join(
        f"{{% macro m{n}() %}}{{{{ m{n - 1}() }}}}{{{{ m{n - 1}() }}}}{{% endmacro %}}" for n in range(1, 40)
    )
    (playbooks / "notices" / "people" / "en.txt.j2").write_text(
        f"{{% macro m0() %}}{'x' * 1000}{{% endmacro %}}\n{doubled}\n{{{{ m39() }}}}"
    )
    with pytest.raises(InputError, match="longer than 200,000 characters"):
        render(facts(), playbooks)


def test_a_template_in_another_encoding_is_refused(playbooks: Path) -> None:
    (playbooks / "notices" / "people" / "en.txt.j2").write_bytes("für".encode("latin-1"))
    with pytest.raises(KnowledgeError, match=r"notices/people/en.txt.j2: is not UTF-8 text"):
        render(facts(), playbooks)


def test_words_with_an_unknown_key_are_refused_with_their_line(playbooks: Path) -> None:
    path = playbooks / "notices" / "words" / "en.yaml"
    path.write_text(path.read_text() + "frases: {}\n")
    with pytest.raises(KnowledgeError, match=r"notices/en.yaml:\d+: frases: is no key of this format"):
        render(facts(), playbooks)


def test_a_coded_word_without_a_label_is_refused(playbooks: Path) -> None:
    path = playbooks / "notices" / "words" / "en.yaml"
    path.write_text(path.read_text().replace("    name: names\n", ""))
    with pytest.raises(
        KnowledgeError, match=r"_letter.txt.j2:\d+: labels.data_kinds.name of words/en.yaml is undefined"
    ):
        render(facts(), playbooks)


def _files() -> list[Any]:
    root = playbooks_root() / "notices"
    return [pytest.param(path, id=str(path.relative_to(root))) for path in sorted(root.rglob("*.j2"))]


@pytest.mark.parametrize("path", _files())
def test_no_template_marks_anything_as_safe_or_falls_back(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    for forbidden in ("|safe", "| safe", "Markup", "autoescape", "default(", "href", "src=", "http"):
        assert forbidden not in source
