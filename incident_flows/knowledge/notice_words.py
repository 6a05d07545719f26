"""The fixed wording of notices, from playbooks/notices: phrases and labels by language, layouts by duty."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from incident_flows.errors import InputError, KnowledgeError
from incident_flows.knowledge.files import Model, read_yaml, validated

_BLANK = re.compile(r"\{(\w+)\}")


class UnknownWordError(LookupError):
    """A template asks for a phrase, a label or a field that the wording does not have."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Data):
    """The wording of one language.

    Attributes:
        reviewed: Whether a lawyer who speaks it natively has read it.
        lix_limit: From which LIX on a letter is harder to read than it should be; None where LIX says nothing.
        locale: Whose numbers and names of countries and months are used.
        date: How a date is written, as a pattern of Unicode TR 35.
        phrases: Fixed sentences and headings; `{name}` is a blank.
        fields: What a field of the facts is called when it is missing.
        labels: The coded words of a facts file, by vocabulary.
        cites: Citations of the lawbook in this language; those not listed stay as the lawbook has them.
    """

    language: str
    reviewed: bool
    lix_limit: int | None
    locale: str
    date: str
    phrases: dict[str, str]
    fields: dict[str, str]
    labels: dict[str, dict[str, str]]
    cites: dict[str, str] = {}

    def say(self, key: str, /, **blanks: str) -> str:
        """Return a phrase with its blanks filled in, once: what is filled in is not searched for blanks."""
        phrase = self._find(self.phrases, "phrases", key)

        def fill(blank: re.Match[str]) -> str:
            if blank[1] not in blanks:
                raise UnknownWordError(f"{{{blank[1]}}} of phrases.{key} in words/{self.language}.yaml")
            return str(blanks[blank[1]])

        return _BLANK.sub(fill, phrase)

    def label(self, vocabulary: str, word: str) -> str:
        """Return a coded word in this language."""
        return self._find(self.labels.get(vocabulary, {}), f"labels.{vocabulary}", word)

    def field(self, path: str) -> str:
        """Return what a field is called."""
        return self._find(self.fields, "fields", path)

    def cite(self, text: str) -> str:
        """Return a citation in this language, or as the lawbook has it."""
        return self.cites.get(text, text)

    def _find(self, among: Mapping[str, str], where: str, key: str) -> str:
        if key not in among:
            raise UnknownWordError(f"{where}.{key} of words/{self.language}.yaml")
        return among[key]


class Layouts(_Data):
    """Which layout a duty's notice has, and which contents a layout answers.

    Attributes:
        by_duty: Layouts of single duties; all others have the one of their addressee's kind.
        notice_kinds: Duties whose notice is not the initial one, and what it is.
        answers: The lawbook's own words for contents that a layout answers.
    """

    kinds: dict[str, str]
    by_duty: dict[str, str]
    notice_kinds: dict[str, str]
    answers: dict[str, tuple[str, ...]]

    def layout(self, kind: str, duty: str) -> str:
        """Return the layout's name."""
        return self.by_duty.get(duty, self.kinds[kind])

    def notice_kind(self, duty: str) -> str:
        """Return initial, supplementary or results."""
        return self.notice_kinds.get(duty, "initial")

    def unanswered(self, layout: str, content: tuple[str, ...], insert: Any = None) -> tuple[str, ...]:
        """Return the contents a law names that neither the layout nor the insert has a place for."""
        answered = set(self.answers.get(layout, ())) | (insert.answered if insert else set())
        return tuple(item for item in content if item not in answered)


class Wording:
    """All files of wording of one playbooks folder, each read once.

    Args:
        folder: playbooks/notices.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._words: dict[str, Words] = {}

    def words(self, language: str) -> Words:
        """Return the words of a language.

        Raises:
            KnowledgeError: There are none, or the file has faults.
        """
        if language not in self._words:
            self._words[language] = _read(Words, self.folder / "words" / f"{language}.yaml")
        return self._words[language]

    @cached_property
    def layouts(self) -> Layouts:
        """The layouts of all duties."""
        return _read(Layouts, self.folder / "layouts.yaml")

    @cached_property
    def authority_names(self) -> Mapping[str, str]:
        """Names of all authorities by id, for mentioning the others that were told."""
        names: dict[str, str] = {}
        for path in sorted((self.folder.parent / "authorities").glob("*.yaml")):
            rows: Any = read_yaml(path).data.get("authorities") or {}
            names.update({key: row.get("name_native") or row["name"] for key, row in rows.items()})
        return names


def _read(model: type[Model], path: Path) -> Model:
    try:
        return validated(model, read_yaml(path))
    except InputError as error:
        raise KnowledgeError([f"notices/{fault}" for fault in error.faults]) from None
