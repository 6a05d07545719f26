"""Strict reading of YAML and JSON: every fault with file and line, all faults at once, nothing guessed.

YAML is read by the 1.2 core rules: only `true` and `false` are Booleans (so `NO` is Norway), dates and
instants stay text for the models to check, duplicate keys and aliases are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from incident_flows.errors import InputError

SIZE_LIMIT = 5_000_000  # bytes; a facts file is a few kilobytes, the largest law file under one megabyte
Key = str | int
Model = TypeVar("Model", bound=BaseModel)

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_STR = "tag:yaml.org,2002:str"


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
        if isinstance(path, Path) and path.is_file() and path.stat().st_size > limit:
            raise InputError(
                f"{path.name}: {path.stat().st_size / 1e6:.0f} MB is too large to be a facts or law file "
                f"(limit {limit / 1e6:.0f} MB); lists of people go through `breach recipients ID import`"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name one file in it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; check its permissions") from None


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
    """Return JSON text as a document; duplicate keys are refused."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise InputError(f"{name}: key {key!r} stands twice; keep one")
            found[key] = value
        return found

    try:
        return Document(name, json.loads(text, object_pairs_hook=unique))
    except json.JSONDecodeError as error:
        raise InputError(f"{name}:{error.lineno}: is not JSON: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{name}: is nested too deeply to be a facts or law file") from None


def parse_yaml(text: str, name: str) -> Document:
    """Return YAML text as a document, with the line of every value."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise InputError(f"{name}{line}: is not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{name}: is not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise InputError(f"{name}: is nested too deeply to be a facts or law file") from None
    if root is None:
        raise InputError(f"{name}: is empty; write at least `organisation: ID`")
    builder = _Builder(name)
    try:
        data = builder.build(root, ())
    except RecursionError:
        raise InputError(f"{name}: is nested too deeply to be a facts or law file") from None
    if builder.faults:
        raise InputError(builder.faults)
    return Document(name, data, builder.lines)


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
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, number)) for number, item in enumerate(node.value)]
        return self._scalar(node, line)

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
                self.faults.append(f"{self.name}:{line}: key {key!r} stands already on line {first}; keep one")
            found[key] = self.build(value_node, (*path, key))
            self.lines[(*path, key)] = line
        return found

    def _scalar(self, node: yaml.Node, line: int) -> Any:
        text = node.value
        if getattr(node, "style", None) in ('"', "'", "|", ">"):
            return text
        if not node.tag.startswith("tag:yaml.org,2002:"):
            self.faults.append(f"{self.name}:{line}: tags such as {node.tag} are not used here")
            return None
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
    shown = f"{given!r:.60}" if isinstance(given, str | int | float | bool) or given is None else "this"
    if kind == "extra_forbidden":
        return "is no key of this format; remove it or check its spelling"
    if kind == "missing":
        return "is missing and needed"
    if kind == "literal_error":
        return f"{shown} is not one of {context.get('expected', '')}"
    if kind in ("int_type", "int_parsing", "int_from_float"):
        return f"{shown} is not a whole number"
    if kind == "bool_type":
        return f"{shown} is neither true nor false"
    if kind == "greater_than_equal":
        return f"{shown} is below {context.get('ge')}"
    if kind == "string_pattern_mismatch":
        return f"{shown} does not have the right form (pattern {context.get('pattern')})"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"{shown} should be a set of `key: value` lines"
    if kind in ("tuple_type", "list_type"):
        return f"{shown} should be a list such as [a, b]"
    return str(fault["msg"]).removeprefix("Value error, ")
