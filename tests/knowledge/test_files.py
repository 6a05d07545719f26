"""Strict reading: nothing guessed, every value with its line, hostile files stopped early."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_flows.errors import InputError
from incident_flows.knowledge.files import DEPTH_LIMIT, parse_json, parse_yaml, read_bytes, read_yaml

printable = st.characters(exclude_categories=["Cc", "Cs"])
scalars = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(printable)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(printable, max_size=5), inner, max_size=4)
    ),
)


def test_norway_is_no_boolean() -> None:
    assert parse_yaml("place: NO\nalso: [no, yes, on, off]\n", "f").data == {
        "place": "NO",
        "also": ["no", "yes", "on", "off"],
    }


def test_instants_dates_and_odd_numbers_stay_text() -> None:
    text = "at: 2026-11-20T18:00:00+01:00\non: 2026-11-20\noctal: 010\nbase60: 1:30\nunder: 1_000\n"
    assert parse_yaml(text, "f").data == {
        "at": "2026-11-20T18:00:00+01:00",
        "on": "2026-11-20",
        "octal": "010",
        "base60": "1:30",
        "under": "1_000",
    }


def test_unknown_stays_unknown() -> None:
    assert parse_yaml("a:\nb: ~\nc: null\nd: ''\n", "f").data == {"a": None, "b": None, "c": None, "d": ""}


def test_every_value_has_its_line_in_yaml_and_in_json() -> None:
    yaml_lines = parse_yaml("a:\n  b: 1\n  c:\n  - x\n  - y\n", "f").lines
    json_lines = parse_json('{"a": {\n\t"b": 1,\n"c": [\n"x",\n\n"y"]}}', "f").lines
    assert (yaml_lines[("a", "b")], yaml_lines[("a", "c", 1)]) == (2, 5)
    assert (json_lines[("a", "b")], json_lines[("a", "c")], json_lines[("a", "c", 1)]) == (2, 3, 6)


@given(values)
def test_json_is_read_as_what_it_says_with_a_line_for_each_part(value: object) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    document = parse_json(text, "f")
    assert document.data == value
    assert set(document.lines) == set(_paths(value))
    assert list(document.lines.values()) == sorted(document.lines.values())


def _paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path]
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in parts:
        found += _paths(inner, (*path, key))
    return found


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    for read in (parse_yaml, parse_json):
        try:
            read(text, "facts")
        except InputError as refused:
            said = refused.faults
        else:
            said = ()
        assert all(fault.startswith("facts") for fault in said)


@pytest.mark.parametrize("depth", [DEPTH_LIMIT - 2, DEPTH_LIMIT + 2])
@pytest.mark.parametrize("read", [parse_yaml, parse_json])
def test_depth_has_a_limit_far_above_any_file_of_ours(read: object, depth: int) -> None:
    text = "[" * depth + "]" * depth
    if depth < DEPTH_LIMIT:
        assert read(text, "f").data is not None  # type: ignore[operator]
        return
    with pytest.raises(InputError, match="nested more than 60 levels deep"):
        read(text, "f")  # type: ignore[operator]


def test_all_duplicate_keys_are_named_at_once() -> None:
    with pytest.raises(InputError) as raised:
        parse_yaml("a: 1\na: 2\nb: {c: 1, c: 2}\n", "f.yaml")
    assert raised.value.faults == (
        "f.yaml:2: key 'a' stands already on line 1; keep one",
        "f.yaml:3: key 'c' stands already on line 3; keep one",
    )


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "facts.yaml"
    path.write_bytes(b"\xef\xbb\xbforganisation: acme\r\n")
    assert read_yaml(path).data == {"organisation": "acme"}


def test_a_file_of_just_the_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"a" * 100)
    assert len(read_bytes(path, limit=100)) == 100
    with pytest.raises(InputError, match="is too large"):
        read_bytes(path, limit=99)
