"""What single laws want in a letter to the people, from playbooks/notices/inserts.yaml: its wording for one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from incident_flows.core.facts import Facts
from incident_flows.errors import InputError, KnowledgeError
from incident_flows.knowledge.files import Model, read_yaml, validated
from incident_flows.knowledge.notice_answers import Missing
from incident_flows.knowledge.notice_values import TEXT_LIMIT, Values, checked
from incident_flows.knowledge.notice_words import Words

Part = Literal["what", "data", "consequences", "measures", "proposed", "advice", "contact", "genuine"]
Omitted = Literal["what", "consequences", "measures", "proposed"]
FALLBACK = "en"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Content(_Data):
    """What one content of a law means for the letter; see the head of the file."""

    title: str | None = None
    headings: dict[Part, str | None] = {}
    omit: tuple[Omitted, ...] = ()
    count: bool = True
    add: tuple[str, ...] = ()
    months: int | None = None
    note: str | None = None
    with_data: tuple[str, ...] = ()

    def concerns(self, kinds: Iterable[str] | None) -> bool:
        """Return whether it applies with these kinds of data; what is not known may be concerned."""
        return not self.with_data or kinds is None or bool(set(self.with_data) & set(kinds))

    @property
    def changes(self) -> bool:
        """Return whether the letter is to be worded otherwise for it, or somebody told something."""
        return bool(self.title or self.headings or self.omit or self.add or self.note) or not self.count


class Element(_Data):
    """One sentence to add; see the head of the file."""

    part: Part
    label: str = ""
    says: dict[str, str] = {}
    held: dict[str, str] = {}
    asks: str | None = None
    fact: str | None = None
    required: bool = True


class _File(_Data):
    contents: dict[str, Content]
    elements: dict[str, Element]


class _House(_Data):
    texts: dict[str, str] = {}
    checked_on: object = None


@dataclass(frozen=True)
class Insert:
    """How a letter is worded for the people of one place.

    Attributes:
        place: The code people carry.
        title: As the law fixes it, in its own language.
        headings: By part; None for a part without a heading of its own.
        omit: Parts left out.
        added: Paragraphs by part, to stand at its end.
        answered: Contents of the law it answers, beside those of the letter as it always is.
        missing: What it lacks, and what only a person can see to.
        uncounted: Whether the number of people may stand nowhere.
        translated: Whether everything added is in the letter's language.
    """

    place: str
    title: str | None = None
    headings: Mapping[str, str | None] = field(default_factory=dict)
    omit: frozenset[str] = frozenset()
    added: Mapping[str, Sequence[str]] = field(default_factory=dict)
    answered: frozenset[str] = frozenset()
    missing: tuple[Missing, ...] = ()
    uncounted: bool = False
    translated: bool = True


class Inserts:
    """The rules of one playbooks folder.

    Args:
        root: The playbooks folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @cached_property
    def _file(self) -> _File:
        file = _read(_File, self._root / "notices" / "inserts.yaml")
        odd = {name for one in file.contents.values() for name in one.add} - set(file.elements)
        if odd:
            raise KnowledgeError(f"notices/inserts.yaml: {', '.join(sorted(odd))} is no element; elements defines them")
        return file

    @cached_property
    def house(self) -> Mapping[str, str]:
        """Texts the house has given once for all."""
        return _read(_House, self._root / "policies" / "enclosed.yaml").texts

    @property
    def contents(self) -> Mapping[str, Content]:
        """The rules, by the lawbook's words."""
        return self._file.contents

    def asked(self) -> frozenset[str]:
        """Return the beginnings of every name under which a text may be enclosed."""
        return frozenset(one.asks.partition("{")[0] for one in self._file.elements.values() if one.asks)

    def needed(self, contents: Iterable[str], facts: Facts) -> bool:
        """Return whether a law with these contents wants a wording of its own."""
        return any(
            rule.changes and rule.concerns(facts.data.kinds)
            for content in contents
            if (rule := self.contents.get(content)) is not None
        )

    def insert(self, place: str, contents: Iterable[str], facts: Facts, words: Words, place_name: str) -> Insert:
        """Return the wording for the people of a place whose law asks for these contents.

        Raises:
            InputError: An enclosed text is too long or holds control characters.
        """
        rules = [(one, self.contents[one]) for one in dict.fromkeys(contents) if one in self.contents]
        rules = [(one, rule) for one, rule in rules if rule.concerns(facts.data.kinds) or not rule.changes]
        making = _Making(self, place, facts, words, place_name)
        title, headings, omit = None, dict[str, str | None](), set[str]()
        for _, rule in rules:
            title = rule.title or title
            headings.update({str(part): text for part, text in rule.headings.items()})
            omit |= set(rule.omit)
            if rule.note:
                making.missing.append(Missing("obligation.content", f"{place_name}: {rule.note}", False))
            for name in rule.add:
                making.add(name, self._file.elements[name], rule)
        return Insert(
            place, title, headings, frozenset(omit), making.added, frozenset(self.contents), tuple(making.missing),
            uncounted=any(not rule.count for _, rule in rules), translated=making.translated,
        )  # fmt: skip


class _Making:
    """One insert as it is put together."""

    def __init__(self, inserts: Inserts, place: str, facts: Facts, words: Words, place_name: str) -> None:
        self.inserts, self.place, self.facts, self.words, self.name = inserts, place, facts, words, place_name
        self.added: dict[str, list[str]] = {}
        self.missing: list[Missing] = []
        self.translated = True
        self._done: set[str] = set()

    def add(self, name: str, element: Element, rule: Content) -> None:
        if name in self._done:
            return
        self._done.add(name)
        blanks = {"months": str(rule.months or ""), "place": self.place.lower()}
        paragraphs = [self._said(element.says, blanks)] if element.says else []
        if element.held and self._held():
            paragraphs = [self._said(element.held, blanks)]
        elif element.asks is not None:
            key = _filled(element.asks, blanks)
            text = checked(f"enclosed.{key}", self.facts.enclosed.get(key), limit=TEXT_LIMIT)
            text = text or self.inserts.house.get(key, "").strip()
            if not text:
                self._lacks(f"enclosed.{key}", element, blanks)
                text = self.words.say("missing", field=f"enclosed.{key}")
            paragraphs.append(text)
        elif element.fact == "phone":
            if not any(one.phone for one in (self.facts.organisation.dpo, *self.facts.organisation.contacts) if one):
                self._lacks("organisation.dpo.phone", element, blanks)
        elif element.fact is not None:
            value = Values(self.facts, self.words, None).value(element.fact)
            if not value:
                self._lacks(element.fact, element, blanks)
            paragraphs = [_filled(one, {"number": str(value)}) for one in paragraphs] if value else []
        self.added.setdefault(element.part, []).extend(paragraphs)

    def _lacks(self, field_: str, element: Element, blanks: Mapping[str, str]) -> None:
        label = f"{self.name}: {_filled(element.label, blanks)}"
        self.missing.append(Missing(field_, label, element.required))

    def _said(self, texts: Mapping[str, str], blanks: Mapping[str, str]) -> str:
        self.translated &= self.words.language in texts
        return _filled(texts.get(self.words.language, texts[FALLBACK]), blanks)

    def _held(self) -> bool:
        """Return whether law enforcement asked for a delay that concerns this place."""
        return any(
            not hold.places or any(self.place.startswith(one) for one in hold.places) for hold in self.facts.holds
        )


def _filled(text: str, blanks: Mapping[str, str]) -> str:
    for name, value in blanks.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _read(model: type[Model], path: Path) -> Model:
    try:
        return validated(model, read_yaml(path))
    except InputError as error:
        raise KnowledgeError([f"{path.parent.name}/{fault}" for fault in error.faults]) from None
