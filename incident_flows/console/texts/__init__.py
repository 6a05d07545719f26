"""What the console's pages say, in one file a language; templates hold no words of their own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from incident_flows.errors import KnowledgeError
from incident_flows.knowledge.files import read_yaml

FOLDER = Path(__file__).parent
LANGUAGE = "en"


class Texts:
    """The texts of one language.

    Attributes:
        language: As in the page's `lang`.
    """

    def __init__(self, language: str, texts: Mapping[str, Any]) -> None:
        self.language = language
        self._texts = dict(_flat(texts, ""))

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def keys(self) -> list[str]:
        """Return the names of all texts."""
        return list(self._texts)

    def say(self, key: str, **blanks: object) -> str:
        """Return one text with its blanks filled; of `one | many` the part that fits the number `n`.

        Raises:
            KnowledgeError: There is no such text, or a blank of it is not given.
        """
        try:
            text = self._texts[key]
            if "n" in blanks and " | " in text:
                one, many = text.split(" | ", 1)
                text = one if blanks["n"] == 1 else many
            return text.format_map(blanks) if blanks else text
        except (KeyError, IndexError) as error:
            raise KnowledgeError(f"texts/{self.language}.yaml: {key}: {error} is missing") from None

    def word(self, group: str, word: object) -> str:
        """Return how a coded word is said; the word itself where the language has no other for it."""
        return self._texts.get(f"{group}.{word}", str(word))


def _flat(texts: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in texts.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", str(value)))
    return found


@cache
def texts_of(language: str = LANGUAGE) -> Texts:
    """Return the texts of a language, read once."""
    return Texts(language, read_yaml(FOLDER / f"{language}.yaml").data)
