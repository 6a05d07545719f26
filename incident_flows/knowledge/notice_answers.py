"""What a notice template may ask of an incident: answers in words; each one that is missing is recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from incident_flows.core.facts import Facts, Narrative
from incident_flows.core.law import Authority
from incident_flows.knowledge.notice_values import LISTS, Value, Values, checked, one_line
from incident_flows.knowledge.notice_words import Words

if TYPE_CHECKING:
    from incident_flows.knowledge.inserts import Insert

_STORED_AS = {"organisation.inn_ogrn": "organisation.registration"}  # one fact, asked for in two ways
_TRANSLATION = "translation"  # beside a field's path: it is known, but not in this language
LANGUAGE = "narrative.language"
_TEXTS = tuple(f"narrative.{name}" for name in Narrative.model_fields if name != "language")
NAME_MARK = "⟦name⟧"  # the sender puts the reader's name there
_TELLING = 10  # a smaller number may be anything
_LAW = ("law", "guidance")  # the other kinds of regime are promises


@dataclass(frozen=True)
class Missing:
    """One field without an answer.

    Attributes:
        field: The path in the facts, such as narrative.what_happened.
        label: What it is, in plain English.
        required: Whether the notice may not leave without it; otherwise it may follow.
    """

    field: str
    label: str
    required: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


def about_language(field: str) -> bool:
    """Return whether what is missing is only in which language a text stands: no information is."""
    return field == LANGUAGE or field.startswith("translations.")


@dataclass(frozen=True)
class Rendered:
    """One notice as text.

    Attributes:
        html: Only for letters to people.
        missing: Every field without an answer, in the order of the text.
    """

    subject: str
    text: str
    html: str | None
    language: str
    missing: tuple[Missing, ...]


class Answers:
    """Answers for one notice; remembers what was asked and not known."""

    def __init__(
        self, facts: Facts, words: Words, english: Words, *, kind: str, obligation: Mapping[str, Any],
        authority: Authority | None, incident_ref: str, on: date, phased: bool, notice_kind: str, as_written: bool,
        open_content: tuple[str, ...], authority_names: Callable[[], Mapping[str, str]],
        insert: Insert | None = None, guardian: bool = False, asked_in_form: Mapping[str, str] | None = None,
        unknown_because: str | None = None,
    ) -> None:
        self.facts = facts
        self.words = words
        self.english = english
        self.kind = kind
        self.obligation = obligation
        self.authority = authority
        self.incident_ref = incident_ref
        self.phased = phased
        self.notice_kind = notice_kind
        self.as_written = as_written
        self.insert = insert
        self.guardian = guardian
        self._asked_in_form = asked_in_form or {}
        self.unknown_because = unknown_because
        self.late = is_late(obligation, on)
        self._on = on
        self._open_content = open_content
        self._authority_names = authority_names
        self._values = Values(facts, words, authority.zone if authority else None)
        self._missing: dict[tuple[str, str], Missing] = {}
        self._number = 0

    def missing(self) -> tuple[Missing, ...]:
        """Return every field asked for and not known."""
        return tuple(self._missing.values())

    # What templates ask

    def need(self, path: str) -> Value:
        """Return a field the notice may not leave without; a bracketed mark if it is missing."""
        value = self._value(path)
        if value:
            return value
        stored = self._note(path, required=True)
        mark = self.words.say("missing", field=self.words.field(stored))
        return [mark] if path in LISTS else mark

    def later(self, path: str) -> Value:
        """Return a field that may follow in a later phase, if the notice is a phased one; else as `need`."""
        if not self.phased:
            return self.need(path)
        return self._or_say(path, "follows")

    def where_possible(self, path: str) -> Value:
        """Return a field the law wants where it can be had."""
        return self._or_say(path, "unknown")

    def given(self, path: str) -> Value:
        """Return a field, or nothing; what is missing is no loss."""
        value = self._value(path)
        return value or ([] if path in LISTS else "")

    def _value(self, path: str) -> Value:
        """Return a field; a sentence known to be in another language is marked, and its translation noted."""
        value = self._values.value(path)
        if not value or path not in _TEXTS or self._values.translated(path):
            return value
        if self.facts.narrative.language is None:
            return self._unstated(value)
        original = self._values.original()
        if original is None:
            return value
        code = self.facts.narrative.language
        field = f"translations.{self.words.language}{path[9:]}"
        label = f"{self.english.field(path)}, translated into {self.words.language} (it is written in {code})"
        self._missing[field, _TRANSLATION] = Missing(field, label, not self.as_written)
        mark = self.words.say("to_translate", language=original)
        return value if self.as_written else f"{mark} {value}"

    def _unstated(self, value: Value) -> Value:
        """Return a sentence nobody has said the language of; in an English notice that stops nothing."""
        foreign = self.words.language != self.english.language
        label = f"the language the free text is written in (this notice is in {self.words.language})"
        self._missing[LANGUAGE, _TRANSLATION] = Missing(LANGUAGE, label, foreign and not self.as_written)
        mark = self.words.say("language_unstated")
        return f"{mark} {value}" if foreign and not self.as_written else value

    def _or_say(self, path: str, phrase: str) -> Value:
        value = self._value(path)
        if value:
            return value
        self._note(path, required=False)
        said = self.words.say(phrase)
        return [said] if path in LISTS else said

    def _note(self, path: str, *, required: bool) -> str:
        stored = _STORED_AS.get(path, path)
        known = self._missing.get((stored, ""))
        self._missing[stored, ""] = Missing(
            stored, self.english.field(stored), required or (known is not None and known.required)
        )
        return stored

    def open_content(self) -> list[str]:
        """Return the contents the law names and the layout has no place for, marked to be supplied."""
        self.note_open_content()
        return [self.words.say("content_open", content=item) for item in self._open_content]

    def note_open_content(self) -> None:
        """Record the contents the law names and the layout has no place for."""
        for item in self._open_content:
            self._missing["obligation.content", item] = Missing(
                "obligation.content", f"named by the law, without a place in this text: {item}", False
            )

    def to_follow(self) -> list[str]:
        """Return what has been asked so far and may follow."""
        open_ones = (one for (_, extra), one in self._missing.items() if not one.required and not extra)
        return [self.words.field(one.field) for one in open_ones]

    def form_open(self) -> list[str]:
        """Return the questions of the authority's form that are open, beside what is named as missing here."""
        named = {field for field, _ in self._missing}
        return [label for key, label in self._asked_in_form.items() if key not in named]

    def is_complete(self) -> bool:
        """Return whether everything asked so far was known, here and in the form."""
        return not self._asked_in_form and not any(extra != _TRANSLATION for _, extra in self._missing)

    def name(self) -> str:
        """Return the name people know the organisation by; its id where nobody knows a name."""
        return self._values.name() or self.facts.organisation.id

    def values(self, layout: str) -> dict[str, Any]:
        """Return what a template may use. Asking anew starts the numbering of sections anew."""
        self._number = 0
        return {
            "layout": f"{self.kind}/_{layout}.txt.j2",
            "language": self.words.language,
            "subject": self.subject(layout),
            "heading": self._heading,
            "dated": self.dated,
            "omitted": self._omitted,
            "added": self._added,
            "guardian": self.guardian,
            "name_mark": NAME_MARK,
            "say": self.words.say,
            "need": self.need,
            "later": self.later,
            "where_possible": self.where_possible,
            "given": self.given,
            "paragraphs": paragraphs,
            "next_number": self._next_number,
            "addressee": self._addressee(),
            "basis": self.words.cite(str(self.obligation.get("cite") or "")),
            "is_promise": self.obligation.get("kind", "law") not in _LAW,
            "concerning": str(self.obligation.get("title") or ""),
            "notice_kind": self.words.say(f"notice_kind_{self.notice_kind}"),
            "reference": self.incident_ref,
            "name": self.name(),
            "is_late": self.late,
            "due": self._due(),
            "translation_due": self._translation_due(),
            "elsewhere": self._elsewhere,
            "others_told": self._others_told,
            "first_notice_at": self._first_notice_at(),
            "scope": self._scope(),
            "several_controllers": len(self.facts.organisation.controllers or ()) > 1,
            "open_content": self.open_content,
            "to_follow": self.to_follow,
            "form_open": self.form_open,
            "unknown_because": self.unknown_because,
            "is_complete": self.is_complete,
        }

    # A letter to the people as one law wants it

    def subject(self, layout: str) -> str:
        """Return the subject, which is the title of a letter."""
        fixed = self.insert.title if self.insert else None
        return one_line(fixed or self.words.say(f"subject_{layout}", name=self.name(), ref=self.incident_ref))

    def dated(self) -> str:
        """Return the day the notice is drafted on, for pages that say so."""
        return self._values.day(datetime.combine(self._on, datetime.min.time(), UTC))

    def _heading(self, part: str) -> str:
        """Return the heading of a part of the letter; one fixed by law first, beside it what it means."""
        own = self.words.say(f"letter_{part}")
        if self.insert is None or part not in self.insert.headings:
            return own
        fixed = self.insert.headings[part]
        return f"{fixed} – {own}" if fixed and self.words.language != self.english.language else fixed or ""

    def _omitted(self, part: str) -> bool:
        return self.insert is not None and part in self.insert.omit

    def _added(self, part: str) -> Sequence[str]:
        return self.insert.added.get(part, ()) if self.insert else ()

    def lacks(self, text: str) -> tuple[Missing, ...]:
        """Return what the insert lacks, and what it forbids and the text still says."""
        if self.insert is None:
            return ()
        found = list(self.insert.missing)
        where = self._values.place(self.insert.place)
        if not self.insert.translated:
            label = f"{where}: what its law wants is in English there; nobody has translated it"
            found.append(Missing("obligation.content", label, False))
        if self.insert.uncounted and any(_stands_in(number, text) for number in self._numbers()):
            found.append(Missing("narrative", f"{where}: the number of people may not stand in the letter", True))
        return tuple(found)

    def _numbers(self) -> list[str]:
        people = self.facts.people
        bounds = (people.total.at_least, people.total.at_most) if people.total else ()
        counts = {one for one in (*bounds, *(people.by_place or {}).values()) if one is not None and one >= _TELLING}
        return sorted({shape for one in counts for shape in (str(one), self._values.number(one), f"{one:,}")})

    def _next_number(self) -> str:
        self._number += 1
        return str(self._number)

    def _addressee(self) -> str:
        authority = self.authority
        if authority is not None:
            native = authority.name_native if self.words.language in authority.languages else None
            return one_line(native or authority.name)
        return one_line(str((self.obligation.get("addressee") or {}).get("name") or ""))

    def _due(self) -> str:
        due_on, due_at = self.obligation.get("due_on"), self.obligation.get("due_at")
        if due_on:
            return self._values.day(datetime.combine(date.fromisoformat(due_on), datetime.min.time(), UTC))
        return self._values.instant(datetime.fromisoformat(due_at)) if due_at else ""

    def _translation_due(self) -> bool:
        texts = [path for path in _TEXTS if getattr(self.facts.narrative, path[10:])]
        return self._written_in() != self.words.language and not all(map(self._values.translated, texts))

    def _written_in(self) -> str | None:
        """Return the language of the free text, as the facts say."""
        code = self.facts.narrative.language
        return code.partition("-")[0] if code else None

    def _elsewhere(self) -> list[str] | None:
        """Return the places outside the authority's country where people live; None if that is not known."""
        places = self.facts.people.by_place
        if not places:
            return None
        home = self.authority.place.split("-")[0] if self.authority else None
        return self._values.counted(
            (code, count) for code, count in places.items() if code.split("-")[0] != home
        )

    def _others_told(self) -> list[str]:
        own = self.authority.id if self.authority else None
        told = sorted((when, key) for key, when in self.facts.moments.authority_told_at.items() if key != own)
        names = self._authority_names() if told else {}
        return [
            self.words.say("told_at", name=names.get(key, key), instant=self._values.instant(when))
            for when, key in told
        ]

    def _first_notice_at(self) -> str:
        """Return when the notice before this one was made to the same authority."""
        told = self.facts.moments.authority_told_at.get(self.authority.id) if self.authority else None
        return self._values.instant(told) if told else ""

    def _scope(self) -> str:
        addressee = (self.obligation.get("addressee") or {}).get("id")
        for partner in self.facts.organisation.controllers or ():
            if partner.id == addressee:
                return checked("organisation.controllers.scope", partner.scope, limit=2_000) or ""
        return ""


def _stands_in(number: str, text: str) -> bool:
    return re.search(rf"(?<![\d.,]){re.escape(number)}(?![\d]|[.,]\d)", text) is not None


def is_late(obligation: Mapping[str, Any], on: date) -> bool:
    """Return whether the time the law gives has passed: by that day, or, if `on` is an instant, by then.

    >>> is_late({"due_at": "2026-11-23T17:00:00Z", "due_on": None}, date(2026, 11, 23))
    False
    >>> is_late({"due_at": "2026-11-23T17:00:00Z", "due_on": None}, date(2026, 11, 24))
    True
    """
    due_at, due_on = obligation.get("due_at"), obligation.get("due_on")
    if not due_at:
        return False
    due = datetime.fromisoformat(due_at)
    if isinstance(on, datetime):
        return on > due
    return on > (date.fromisoformat(due_on) if due_on else due.astimezone(UTC).date())


def paragraphs(text: str) -> list[list[str]]:
    """Return a text as paragraphs of lines.

    >>> paragraphs("One." + chr(10) + "Two." + chr(10) * 2 + "Three.")
    [['One.', 'Two.'], ['Three.']]
    """
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip():
            blocks[-1].append(line.strip())
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]
