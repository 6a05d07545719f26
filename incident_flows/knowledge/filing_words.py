"""The fixed words of later filings and of documents, from playbooks/filings/words.yaml."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from incident_flows.errors import InputError, KnowledgeError
from incident_flows.knowledge.files import read_yaml, validated

FALLBACK = "en"
_BLANK = re.compile(r"\{(\w+)\}")


class _Language(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    reviewed: bool
    phrases: dict[str, str]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    languages: dict[str, _Language]


class FilingWords:
    """Phrases by language.

    Args:
        root: The playbooks folder.

    Raises:
        KnowledgeError: The file has faults, or a language lacks a phrase that English has.
    """

    def __init__(self, root: Path) -> None:
        try:
            self._languages = validated(_File, read_yaml(root / "filings" / "words.yaml")).languages
        except InputError as error:
            raise KnowledgeError([f"filings/{fault}" for fault in error.faults]) from None
        wanted = self._languages[FALLBACK].phrases.keys()
        odd = [
            f"filings/words.yaml: {language}: {key} is {'missing' if key in wanted else 'not known'}"
            for language, one in self._languages.items()
            for key in sorted(wanted ^ one.phrases.keys())
        ]
        if odd:
            raise KnowledgeError(odd)

    def languages(self) -> list[str]:
        """Return the languages there are words in."""
        return sorted(self._languages)

    def reviewed(self, language: str) -> bool:
        """Return whether a native lawyer has read the words that are used for `language`."""
        return self._languages.get(language, self._languages[FALLBACK]).reviewed

    def say(self, language: str, key: str, **blanks: str) -> str:
        """Return a phrase with its blanks filled in, once; in English where there is none in `language`."""
        phrase = self._languages.get(language, self._languages[FALLBACK]).phrases[key]
        return _BLANK.sub(lambda blank: blanks[blank[1]], phrase)
