"""What a notice still lacks, and how each of it is asked. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from incident_flows.console.fields import YES_NO, Field, Kind, field_for
from incident_flows.console.page import words_of
from incident_flows.core.dossier import DossierField
from incident_flows.services.desk import Desk

OPEN = ("unknown", "missing-required")  # states of a form's field that a person may settle
DOSSIER = "dossier."
_KINDS: Mapping[str, Kind] = {
    "text": "longtext", "instant": "instant", "number": "number", "list": "longtext", "persons": "longtext",
}  # fmt: skip


@dataclass(frozen=True)
class Lack:
    """One thing a notice lacks.

    Attributes:
        key: The key of a facts file that gives it.
        required: Whether the notice is not approved without it.
        field: How it is asked; None where it is given elsewhere.
        question: The whole question, where the dossier has one: a form's label alone may say little.
    """

    key: str
    label: str
    required: bool
    field: Field | None
    question: str | None = None

    @property
    def settled(self) -> bool:
        """Whether it may also be said that it does not arise, or who finds out."""
        return self.key.startswith(DOSSIER)

    @property
    def id(self) -> str:
        """Its name in a page."""
        return self.key.replace(".", "-").replace("_", "-")


def lacks_of(desk: Desk, notice: Any) -> list[Lack]:
    """Return what a notice and the form of its authority lack, each key once."""
    found = {str(one["field"]): (str(one["label"]), bool(one["required"])) for one in notice.missing}
    for one in (notice.form or {}).get("fields") or ():
        if one["state"] in OPEN:
            found.setdefault(str(one["key"]), (str(one["label_english"]), one["state"] != "unknown"))
    asked = {question.key: question.question for question in desk.library.lawbook.dossier.values()}
    return [
        Lack(key, label, required, field_of(desk, key), asked.get(key)) for key, (label, required) in found.items()
    ]


def field_of(desk: Desk, key: str) -> Field | None:
    """Return how a key of a facts file is asked: a fact, a question of the dossier, or a translation."""
    words = words_of(desk)
    group, _, rest = key.partition(".")
    if group == "translations":
        known = field_for(f"narrative.{rest.partition('.')[2]}", words)
        return Field(key, "longtext") if known else None
    if group == "dossier":
        question = desk.library.lawbook.dossier.get(rest)
        return _asked(key, question, words) if question else None
    return field_for(key, words)


def _asked(key: str, question: DossierField, words: Mapping[str, Mapping[str, str]]) -> Field:
    meant: Mapping[str, str] = question.codes or words.get(question.vocabulary or "", {})
    if meant and question.type in ("code", "list"):
        return Field(key, "choice" if question.type == "code" else "words", tuple(meant.items()))
    if question.type == "yes-no":
        return Field(key, "yesno", YES_NO)
    return Field(key, _KINDS.get(question.type, "text"))
