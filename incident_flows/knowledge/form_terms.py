"""Answers of the dossier in the words of one language, on one addressee's wall clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from babel.dates import format_date

from incident_flows.core.dossier import DossierField
from incident_flows.core.facts import Facts, Organisation
from incident_flows.core.instants import parse_instant
from incident_flows.knowledge.notice_values import Values
from incident_flows.knowledge.notice_words import Words

_NOBODY = Facts(organisation=Organisation(id="nobody"))  # here only numbers, days and places are put in words


class WordsOf:
    """The terms of one language (`core.forms.Terms`).

    Args:
        language: The form's; the words may be English where nobody has written them in it yet.
        zone: Whose wall clock shows instants; None keeps each at its own offset.
        authorities: Names by id.
    """

    def __init__(self, language: str, words: Words, zone: str | None, authorities: Mapping[str, str]) -> None:
        self.language = language
        self._words = words
        self._values = Values(_NOBODY, words, zone)
        self._authorities = authorities

    def phrase(self, key: str) -> str:
        """Return a fixed phrase."""
        return self._words.say(key)

    def value(self, field: DossierField, value: Any) -> list[str]:
        """Return an answer in words, one line each; numbers in plain digits, as input fields take them."""
        if isinstance(value, list | tuple):
            return [line for one in value for line in self._one(field, one)]
        return self._one(field, value)

    def _one(self, field: DossierField, value: Any) -> list[str]:
        if isinstance(value, bool):
            return [self._words.say("yes" if value else "no")]
        if field.type == "counts":
            return self._values.counted(dict(value).items())
        if field.type == "range":
            return [self._range(value)]
        if isinstance(value, Mapping):
            return [self._place(value) if "place" in value else self._person(value)]
        if field.type == "instant":
            instant: datetime = parse_instant(value)
            return [self._values.instant(instant)]
        if field.type == "date":
            return [format_date(date.fromisoformat(value), self._words.date, locale=self._values.locale)]
        if field.vocabulary == "places":
            return [self._values.place(str(value))]
        if field.vocabulary == "authorities":
            return [self._authorities.get(str(value), str(value))]
        if field.vocabulary is not None:
            return [self._words.label(field.vocabulary, str(value))]
        return [field.codes.get(str(value), str(value))]

    def _range(self, value: Any) -> str:
        if not isinstance(value, Mapping):
            return str(value)
        low, high = value.get("at_least", 0), value.get("at_most")
        if high is None:
            return self._words.say("at_least", number=str(low))
        if low == high:
            return str(low)
        if not low:
            return self._words.say("at_most", number=str(high))
        return self._words.say("between", low=str(low), high=str(high))

    def _person(self, value: Mapping[str, Any]) -> str:
        return ", ".join(str(value[part]) for part in ("name", "email", "phone") if value.get(part))

    def _place(self, value: Mapping[str, Any]) -> str:
        shown = self._values.place(str(value["place"]))
        if value.get("address"):
            shown = self._words.say("with_address", place=shown, address=str(value["address"]))
        return self._words.say("main_establishment", place=shown) if value.get("main") else shown
