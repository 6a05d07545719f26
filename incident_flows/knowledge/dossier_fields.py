"""Reads the questions of the dossier, and checks that every fact, rule and word they name is there."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from incident_flows.core.dossier import DossierField
from incident_flows.core.dossier_derived import RULES
from incident_flows.core.facts import Facts
from incident_flows.knowledge.files import Document, faults_of

# Vocabularies whose words stand in the facts' own types, not in policies/words.yaml.
BUILT_IN = frozenset(
    (
        "roles", "breach_kinds", "causes", "exposures", "mediums", "protections", "keys", "backups", "harm_levels",
        "places", "authorities",
    )
)  # fmt: skip


def questions_in(
    document: Document, words: Mapping[str, Mapping[str, str]], faults: list[str]
) -> dict[str, DossierField]:
    """Return the questions of `_fields.yaml`; what is wrong is added to `faults`."""
    found: dict[str, DossierField] = {}
    raw = document.data.get("fields") if isinstance(document.data, Mapping) else None
    if not isinstance(raw, Mapping):
        faults.append(f"{document.name}: should begin with fields:")
        return {}
    for name, row in raw.items():
        at = ("fields", name)
        try:
            data = {**row, "id": name} if isinstance(row, Mapping) else row
            found[name] = DossierField.model_validate(data)
        except ValidationError as error:
            faults.extend(faults_of(error, document, at))
    for name, question in found.items():
        faults.extend(
            f"{document.where(('fields', name))}: {name}: {fault}" for fault in _misfits(question, found, words)
        )
    return found


def _misfits(
    question: DossierField, known: Mapping[str, DossierField], words: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    if question.fact is not None and not is_path(question.fact):
        yield f"fact: {question.fact} is no key of a facts file"
    if question.give is not None and not is_path(question.give):
        yield f"give: {question.give} is no key of a facts file"
    if question.derived is not None and question.derived not in RULES:
        yield f"derived: {question.derived!r} is no rule{_near(question.derived, RULES)}"
    if question.vocabulary is not None and question.vocabulary not in BUILT_IN | words.keys():
        yield f"vocabulary: {question.vocabulary!r} is none{_near(question.vocabulary, words)}"
    if question.applies_if is not None and question.applies_if.field not in known:
        asked = question.applies_if.field
        yield f"applies_if: {asked!r} is no question of the dossier{_near(asked, known)}"


def is_path(path: str) -> bool:
    """Return whether a dotted path leads to something in the facts.

    >>> is_path("moments.aware_at"), is_path("moments.aware"), is_path("findings.extortion")
    (True, False, True)
    """
    kind: Any = Facts
    for part in path.split("."):
        model = _model_in(kind)
        if model is None:
            return typing.get_origin(kind) is dict  # any key of a mapping
        if part not in model.model_fields:
            return False
        kind = model.model_fields[part].annotation
    return True


def _model_in(kind: Any) -> type[BaseModel] | None:
    kinds = typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)
    return next((one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _near(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
