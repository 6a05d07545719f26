"""The pieces pages are made of: differences, bars, texts, colours, instants."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_flows.console import texts as texts_module
from incident_flows.console.charts import WIDTH, bar
from incident_flows.console.differences import differences
from incident_flows.console.fields import sections
from incident_flows.console.texts import texts_of
from incident_flows.console.view import View
from incident_flows.core.lifecycle import NOTICE_MOVES
from incident_flows.errors import KnowledgeError
from incident_flows.knowledge.library import Library

CONSOLE = Path(texts_module.__file__).parent.parent
STYLE = (CONSOLE / "static" / "console.css").read_text()
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@given(old=st.text(max_size=60), new=st.text(max_size=60))
def test_the_pieces_put_together_again_are_both_texts(old: str, new: str) -> None:
    pieces = differences(old, new)
    assert "".join(one.text for one in pieces if one.kind != "new") == old
    assert "".join(one.text for one in pieces if one.kind != "gone") == new


@given(st.dictionaries(st.sampled_from(["sent", "planned", "failed", "odd"]), st.integers(0, 10**7)))
def test_a_bar_is_filled_and_hides_nothing(counts: dict[str, int]) -> None:
    parts = bar(counts)
    assert {part.name: part.count for part in parts} == {name: n for name, n in counts.items() if n}
    if parts:
        assert abs(parts[-1].x + parts[-1].width - WIDTH) < 0.1
        assert min(part.width for part in parts) > 3
        assert abs(sum(part.share for part in parts) - 1) < 1e-9


def _palettes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r"color-scheme: (light|dark);(.*?)\}", STYLE, re.S)
    assert [name for name, _ in blocks[:3]] == ["light", "dark", "dark"]
    found = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for _, block in blocks[:3]]
    assert found[1] == found[2]  # by the device and by choice
    return {"light": found[0], "dark": found[1]}


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_reads_at_4_5_to_1_and_what_can_be_pressed_stands_out_at_3_to_1(theme: str) -> None:
    colours = _palettes()[theme]
    tones = ("overdue", "near", "later", "none", "decided", "drill", "gone", "new")
    text = [(tone, f"{tone}-bg") for tone in tones]
    text += [(tone, ground) for tone in (*tones[:6], "ink", "soft", "link") for ground in ("surface", "bg")]
    text += [(tone, "drill-bg") for tone in ("ink", "soft", "link", "overdue", "near", "later", "none")]
    text += [
        ("ink", "raised"),
        ("soft", "raised"),
        ("link", "raised"),
        ("act-ink", "act"),
        ("act-ink", "act-hover"),
    ]
    text += [("bar-ink", "bar"), ("bar-soft", "bar")]
    edges = [("edge", "surface"), ("edge", "bg"), ("focus", "bg"), ("focus", "surface"), ("act", "surface")]
    low = {
        (one, other): round(_contrast(colours[one], colours[other]), 2)
        for pairs, least in ((text, 4.5), (edges, 3.0))
        for one, other in pairs
        if _contrast(colours[one], colours[other]) < least
    }
    assert low == {}


def test_every_text_that_is_asked_for_is_there_and_no_other(library: Library) -> None:
    known = set(texts_of().keys())
    asked: set[str] = set()
    prefixes: set[str] = set()
    for path in (*CONSOLE.rglob("*.html"), *CONSOLE.rglob("*.py")):
        source = path.read_text()
        asked |= set(re.findall(r"""\b(?:t|say)\(\s*["']([a-z_.-]+[a-z_])["'](?! ~)""", source))
        for one, other in re.findall(r"""t\("([a-z_.]+)" if [^)]*? else "([a-z_.]+)"[,)]""", source):
            asked |= {one, other}
        prefixes |= set(re.findall(r"""\bt\(\s*"([a-z_.]+)" ~""", source))
        prefixes |= {f"{group}." for group in re.findall(r"""\bword\(\s*["']([a-z_]+)["']""", source)}
    assert asked <= known, asked - known
    unused = {key for key in known - asked if not key.startswith((*prefixes, "done."))}
    assert unused == set()


def test_every_word_of_the_engine_has_one_for_people(library: Library) -> None:
    texts = texts_of()
    fields = [field for _, ones in sections(library.lawbook.words) for field in ones]
    assert [field.path for field in fields if f"fact.{field.path}" not in texts] == []
    options = {
        word
        for field in fields
        if field.kind in ("choice", "yesno", "kinds")
        for word, _ in field.options
        if f"answer.{word}" not in texts
    }
    assert options == set()
    assert [state for state in NOTICE_MOVES if f"notice_state.{state}" not in texts] == []


def test_a_text_with_a_blank_that_is_not_filled_is_refused() -> None:
    assert texts_of().say("wall.perhaps", n=1) == "1 law may apply"
    assert texts_of().say("wall.perhaps", n=2) == "2 laws may apply"
    with pytest.raises(KnowledgeError, match="people"):
        texts_of().say("people.count", n=2)
    with pytest.raises(KnowledgeError, match="no-such"):
        texts_of().say("no-such")


def test_instants_stand_on_the_readers_wall() -> None:
    view = View.of({"breach_zone": "Asia/Kolkata", "breach_theme": "dark"}, now=NOW)
    assert (view.zone, view.chosen, view.theme) == ("Asia/Kolkata", True, "dark")
    assert view.local("2026-11-23T17:00:00Z") == "Mon 23 Nov 22:30"
    assert view.local("2026-11-23T17:00:00Z", "Europe/Madrid") == "Mon 23 Nov 18:00"
    assert view.local("2027-01-01T00:00:00Z") == "Fri 1 Jan 2027 05:30"
    assert view.left("2026-11-23T17:00:00Z") == "1 d 9 h"
    assert View.of({"breach_zone": "Nowhere/../etc", "breach_theme": "x"}, now=NOW).zone == "UTC"
