"""Strict reading of YAML and JSON: every fault with file and line, all faults at once, nothing guessed.

YAML is read by the 1.2 core rules: only `true` and `false` are Booleans (so `NO` is Norway), dates and
instants stay text for the models to check, duplicate keys and aliases are refused.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from incident_flows.errors import InputError

SIZE_LIMIT = 5_000_000  # bytes; a facts file is a few kilobytes, the largest law file under one megabyte
DEPTH_LIMIT = 60  # levels; the C parser of YAML has no limit of its own, and dies of a hundred thousand
Key = str | int
Model = TypeVar("Model", bound=BaseModel)

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TAG = "tag:yaml.org,2002:"
_TAGS = frozenset(
    _TAG + kind
    for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)
# What no text of ours may hold: it steers terminals and mail headers, or cannot be stored.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_JSON_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)


class Readable(Protocol):
    """What is read: a path on disk, or a file inside the installed package."""

    @property
    def name(self) -> str: ...

    def read_bytes(self) -> bytes: ...


@dataclass(frozen=True)
class Document:
    """One file as read.

    Attributes:
        name: What messages call it.
        data: Mappings, lists and scalars.
        lines: The line, from 1, on which each value stands, by its path of keys.
    """

    name: str
    data: Any
    lines: Mapping[tuple[Key, ...], int] = field(default_factory=dict)

    def line(self, path: tuple[Key, ...]) -> int | None:
        """Return the line of `path`, or of the nearest enclosing value."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)

    def where(self, path: tuple[Key, ...]) -> str:
        """Return `file:line` for messages."""
        line = self.line(path)
        return f"{self.name}:{line}" if line else self.name


def read_bytes(path: Readable, *, limit: int = SIZE_LIMIT) -> bytes:
    """Return a file's bytes, or say in one line why they cannot be had."""
    try:
        if not isinstance(path, Path):
            return path.read_bytes()
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(min(size, limit) + 1)
            while (room := limit + 1 - len(content)) > 0 and (more := file.read(min(room, 1_000_000))):
                content += more  # a pipe tells no size, and a device has no end
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name one file in it") from None
    except PermissionError:
        raise InputError(f"{path}: may not be read by this user; change its permissions") from None
    except OSError as error:
        raise InputError(f"{path!s:.200}: cannot be read: {error.strerror}; check the path") from None
    if len(content) > limit:
        much = f"{size / 1e6:.0f} MB" if size > limit else f"more than {limit / 1e6:.0f} MB"
        raise InputError(
            f"{path.name}: {much} is too large; the limit is {limit / 1e6:.0f} MB{_instead(limit)}"
        )
    return content


def _instead(limit: int) -> str:
    return (
        ". Lists of people go through `breach recipients ID import FILE.csv`" if limit == SIZE_LIMIT else ""
    )


def read_yaml(path: Readable) -> Document:
    """Return the file as a document.

    Raises:
        InputError: Missing, empty, binary, not UTF-8, not YAML, a duplicate key, an alias or a tag.
    """
    raw = read_bytes(path)
    name = path.name
    if b"\0" in raw:
        raise InputError(f"{name}: is not text but binary data; write YAML or JSON in UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(f"{name}:{line}: is not UTF-8 text; save the file as UTF-8") from None
    if not text.strip():
        raise InputError(f"{name}: is empty; write at least `organisation: ID`")
    return parse_json(text, name) if name.endswith(".json") else parse_yaml(text, name)


def parse_json(text: str, name: str) -> Document:
    """Return JSON text as a document, with the line of every value; duplicate keys are refused."""
    try:
        data = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise InputError(f"{name}:{error.lineno}: is not JSON: {error.msg}") from None
    except RecursionError:
        raise _too_deep(name) from None
    except ValueError:  # a number of thousands of digits, or NaN
        raise InputError(
            f"{name}: holds a number that is none, or is too long; write plain numbers"
        ) from None
    walk = _JsonWalk(name)
    walk.over(text)
    faults = [*walk.faults, *_unfit(data, Document(name, data, walk.lines))]
    if faults:
        raise InputError(faults)
    return Document(name, data, walk.lines)


def _no_number(word: str) -> None:
    raise ValueError(word)


class _JsonWalk:
    """Goes once over JSON text that is known to be valid: lines, duplicate keys, depth."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[str] = []
        self.lines: dict[tuple[Key, ...], int] = {}

    def over(self, text: str) -> None:
        path: list[Key] = []  # where we are; a list's part is its number
        seen: list[set[str] | None] = []  # per level: the keys so far, None in a list
        line, end, key_next = 1, 0, False
        for part in _JSON_PART.finditer(text):
            line += text.count("\n", end, part.start())
            end = part.start()
            sign = part[0]
            if sign in "}]":
                seen.pop()
                path.pop()
            elif sign == ",":
                keys, key_next = seen[-1], seen[-1] is not None
                if keys is None:
                    path[-1] = int(path[-1]) + 1
            elif sign == ":":
                key_next = False
            elif key_next:
                self._key(json.loads(sign), path, seen[-1], line)
            else:
                self.lines.setdefault(tuple(path), line)
                if sign in "{[":
                    seen.append(set() if sign == "{" else None)
                    path.append("" if sign == "{" else 0)
                    key_next = sign == "{"
                    if len(path) > DEPTH_LIMIT:
                        raise _too_deep(self.name)

    def _key(self, key: str, path: list[Key], seen: set[str] | None, line: int) -> None:
        path[-1] = key
        if seen is None:
            return
        if key in seen:
            first = self.lines[tuple(path)]
            self.faults.append(
                f"{self.name}:{line}: key {key!r:.60} stands already on line {first}; keep one"
            )
        seen.add(key)
        self.lines[tuple(path)] = line


def _too_deep(name: str) -> InputError:
    return InputError(
        f"{name}: is nested more than {DEPTH_LIMIT} levels deep; a facts file has four, write it flat"
    )


def parse_yaml(text: str, name: str) -> Document:
    """Return YAML text as a document, with the line of every value."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise InputError(
            f"{name}{line}: is not YAML: {error.problem or error.context}; "
            "check quotes, colons and indentation"
        ) from None
    except yaml.reader.ReaderError as error:
        line_number = text.count("\n", 0, error.position) + 1
        raise InputError(
            f"{name}:{line_number}: holds a character no text file has ({error.reason}); remove it"
        ) from None
    except yaml.YAMLError as error:
        raise InputError(f"{name}: is not YAML: {str(error).splitlines()[0]}") from None
    except (_TooDeepError, RecursionError):
        raise _too_deep(name) from None
    if root is None:
        raise InputError(f"{name}: is empty; write at least `organisation: ID`")
    builder = _Builder(name)
    data = builder.build(root, ())
    faults = builder.faults or _unfit(data, Document(name, data, builder.lines))
    if faults:
        raise InputError(faults)
    return Document(name, data, builder.lines)


class _TooDeepError(Exception):
    """A file is nested deeper than any of ours."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The parser, stopped before it recurses as deep as a hostile file asks."""

    depth = 0

    def descend_resolver(self, parent: Any, index: Any) -> None:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise _TooDeepError
        super().descend_resolver(parent, index)

    def ascend_resolver(self) -> None:
        self.depth -= 1
        super().ascend_resolver()


def _unfit(data: Any, document: Document, path: tuple[Key, ...] = ()) -> list[str]:
    """Return one line for each text or number that could not be stored or shown as it stands."""
    if isinstance(data, dict):
        return [
            fault
            for key, value in data.items()
            for fault in (*_unfit(key, document, (*path, key)), *_unfit(value, document, (*path, key)))
        ]
    if isinstance(data, list):
        return [
            fault for number, value in enumerate(data) for fault in _unfit(value, document, (*path, number))
        ]
    if isinstance(data, str) and (found := _UNPRINTABLE.search(data)):
        return [f"{document.where(path)}: holds the control character U+{ord(found[0]):04X}; remove it"]
    if isinstance(data, float) and not math.isfinite(data):
        return [f"{document.where(path)}: a number is too large to be one; write a plain number"]
    return []


class _Builder:
    """Turns YAML nodes into values, remembering lines and collecting faults."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[str] = []
        self.lines: dict[tuple[Key, ...], int] = {}
        self._seen: set[int] = set()

    def build(self, node: yaml.Node, path: tuple[Key, ...]) -> Any:
        line = node.start_mark.line + 1
        self.lines[path] = line
        if id(node) in self._seen:
            self.faults.append(f"{self.name}:{line}: aliases (&name, *name) are not used here; write it out")
            return None
        self._seen.add(id(node))
        if node.tag not in _TAGS:
            tag = node.tag.replace(_TAG, "!!")
            self.faults.append(
                f"{self.name}:{line}: tags such as {tag:.60} are not used here; write the value alone"
            )
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, number)) for number, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: tuple[Key, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.faults.append(f"{self.name}:{line}: a key must be a plain word")
                continue
            key = str(key_node.value)
            if key in found:
                first = self.lines[(*path, key)]
                self.faults.append(
                    f"{self.name}:{line}: key {key!r} stands already on line {first}; keep one"
                )
            found[key] = self.build(value_node, (*path, key))
            self.lines[(*path, key)] = line
        return found

    def _scalar(self, node: yaml.Node) -> Any:
        text = node.value
        if getattr(node, "style", None) in ('"', "'", "|", ">"):
            return text
        if text in ("", "~", "null", "Null", "NULL"):
            return None
        if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
            return text.lower() == "true"
        if _INT.fullmatch(text):
            return int(text) if len(text) < 20 else text
        return float(text) if _FLOAT.fullmatch(text) else text


def validated(model: type[Model], document: Document, *, at: tuple[Key, ...] = (), data: Any = None) -> Model:
    """Return the document, or the part of it `at` a path, as `model`.

    Raises:
        InputError: One line per fault: `file:line: field: what is wrong; what instead`.
    """
    try:
        return model.model_validate(document.data if data is None else data)
    except ValidationError as error:
        raise InputError(faults_of(error, document, at)) from None


def faults_of(error: ValidationError, document: Document, at: tuple[Key, ...] = ()) -> list[str]:
    """Return one line per fault of a validation, with its place in the document."""
    lines = []
    for fault in error.errors(include_url=False, include_input=True):
        path = tuple(part for part in fault["loc"] if not _is_type_tag(part, fault["type"]))
        field_name = ".".join(str(part) for part in path) or "the file"
        lines.append(f"{document.where((*at, *path))}: {field_name}: {_in_words(fault)}")
    return list(dict.fromkeys(lines))


def _is_type_tag(part: Key, _kind: str) -> bool:
    return isinstance(part, str) and ("[" in part or part.endswith("()"))


def _in_words(fault: Any) -> str:
    kind, given = fault["type"], fault.get("input")
    context = fault.get("ctx") or {}
    plain = isinstance(given, str | int | float | bool) or given is None
    shown = _quoted(given) if plain else "this"
    if kind == "extra_forbidden":
        return "is no key of this format; remove it or check its spelling"
    if kind == "missing":
        return "is missing and needed; add it"
    if kind == "literal_error":
        return f"{shown} is not one of {context.get('expected', '')}{_near(given, context)}"
    if kind in ("int_type", "int_parsing", "int_from_float"):
        return f"{shown} is not a whole number; write one such as 120"
    if kind == "bool_type":
        return f"{shown} is neither true nor false; write one of them, or null for unknown"
    if kind == "greater_than_equal":
        return f"{shown} is below {context.get('ge')}; write {context.get('ge')} or more"
    if kind == "string_pattern_mismatch":
        return f"{shown} does not have the right form (pattern {context.get('pattern')})"
    if kind == "string_type":
        return f"{shown} should be text; write it in quotes"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"{shown} should be a set of `key: value` lines"
    if kind in ("tuple_type", "list_type"):
        return f"{shown} should be a list such as [a, b]"
    return str(fault["msg"]).removeprefix("Value error, ")


def _quoted(value: Any) -> str:
    """Return a value as people wrote it, cut short: true, not True; null, not None."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _near(given: Any, context: Any) -> str:
    words = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    close = get_close_matches(str(given), words, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
