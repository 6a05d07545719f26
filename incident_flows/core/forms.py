"""Authorities' forms, and how a dossier fills one in. Pure: words of a language are asked of `Terms`.

A form is data (`playbooks/forms/`): the authority's fields in its own order, with limits and code lists. A
text over its limit is flagged with its length and never cut; a required field without an answer is named,
and stops approval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import BeforeValidator, Field, model_validator

from incident_flows.core.dossier import PHASES, Asked, Dossier, DossierField, Entry, Phase, Shape

Sureness = Literal["read", "secondary", "recalled", "unconfirmed"]
FieldState = Literal["answered", "unknown", "not-applicable", "too-long", "missing-required"]
Requirement = Literal["no", "may-follow", "always"]
SURENESS: dict[Sureness, str] = {
    "read": "read on the authority's page",
    "secondary": "read on a page about the form; compare with the live form",
    "recalled": "from general knowledge; compare with the live form",
    "unconfirmed": "not seen in the form; asked because the law names this content",
}
JOIN = "\n"
UNSTATED = "und"  # ISO 639: the language is not determined
CODED = (
    "code",
    "list",
    "yes-no",
    "counts",
    "range",
)  # what this program puts into words, and can into English


def _text(raw: object) -> object:
    return {"en": raw} if isinstance(raw, str) else raw


Text = Annotated[dict[str, str], BeforeValidator(_text)]  # language → wording; English always


class Limit(Shape):
    """How many characters a field takes.

    Attributes:
        confidence: `read` if the form says so; `unconfirmed` if it is only this house's caution.
    """

    characters: Annotated[int, Field(ge=1)]
    confidence: Sureness = "unconfirmed"


class FormField(Shape):
    """One field of a form.

    Attributes:
        label: By language, English always among them; or `phrase`, a phrase of playbooks/notices/words.
        ask: The questions of the dossier that answer it; several are joined line by line.
        required: `always`, `may-follow` (in a later phase, where the law allows phases) or `no`.
        required_when: Required only while this holds.
        asked_when: Not applicable unless this holds.
        codes: Our words in the form's own terms. `no`/`yes` stand for false and true.
        other: The form's term for a word that `codes` lacks.
        unknown: The form's own term for what is not known yet: it is an answer there.
        limit: In characters; None where nothing is known about one.
        phases: In which filings it is asked.
        source: Where the field was seen, if elsewhere than the form as a whole.
    """

    id: str
    label: Text = Field(default_factory=dict)
    phrase: str | None = None
    ask: Annotated[tuple[str, ...], BeforeValidator(lambda raw: (raw,) if isinstance(raw, str) else raw)]
    required: Requirement = "no"
    required_when: Asked | None = None
    asked_when: Asked | None = None
    codes: dict[str, Text] = Field(default_factory=dict)
    other: Text | None = None
    unknown: Text | None = None
    limit: Annotated[
        Limit | None, BeforeValidator(lambda raw: {"characters": raw} if isinstance(raw, int) else raw)
    ] = None
    phases: tuple[Phase, ...] = PHASES
    help: str | None = None
    confidence: Sureness
    source: str | None = None

    @model_validator(mode="after")
    def _labelled(self) -> Self:
        if not self.ask:
            raise ValueError("ask: name at least one field of the dossier")
        if bool(self.label) == bool(self.phrase):
            raise ValueError("label: write it by language, with English; or name a phrase instead")
        if self.label and not self.label.get("en", "").strip():
            raise ValueError("label: has no English; add en:")
        return self


class Section(Shape):
    """A part of a form, with its fields in order."""

    title: Text = Field(default_factory=dict)
    phrase: str | None = None
    fields: tuple[FormField, ...]


class FormSource(Shape):
    """What a form was written from."""

    what: str
    basis: Sureness
    url: str | None = None
    read_on: date


class Form(Shape):
    """One authority's form, or one that several share.

    Attributes:
        authorities: Ids; empty for the generic one.
        regimes: The bodies of law whose notices it takes; empty: any.
        duties: Or single duties (`regime/duty`), which win over regimes.
        labels: `authority` if they are the form's own wording, `ours` if they translate its meaning.
        known_gaps: What is known to be missing here.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: Text
    authorities: tuple[str, ...] = ()
    regimes: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()
    languages: tuple[str, ...]
    labels: Literal["authority", "ours"] = "ours"
    known_gaps: tuple[str, ...] = ()
    sources: tuple[FormSource, ...]
    sections: tuple[Section, ...]

    @property
    def generic(self) -> bool:
        """Whether it stands in for forms nobody has described."""
        return not self.authorities

    def fields(self) -> Iterable[FormField]:
        """Yield all fields, in the form's order."""
        for section in self.sections:
            yield from section.fields

    def confidence(self) -> dict[str, int]:
        """Return how many fields are how sure."""
        found = dict.fromkeys(SURENESS, 0)
        for field in self.fields():
            found[field.confidence] += 1
        return {str(name): count for name, count in found.items() if count}


class Terms(Protocol):
    """The words of one language, on one addressee's wall clock."""

    language: str

    def value(self, field: DossierField, value: Any) -> list[str]:
        """Return an answer of the dossier in words, one line each."""
        ...

    def phrase(self, key: str) -> str:
        """Return a fixed phrase."""
        ...


class FilledField(Shape):
    """One field as it is to be copied.

    Attributes:
        value: In the form's language and terms, one line each; empty where there is no answer.
        english: The same in English, where the form is in another language and the words are ours.
        length: In characters, where there is a limit.
        key: The key of a facts file that answers it.
        grows: Whether a later filing may rightly answer otherwise, because work went on.
        owner: Who is to find out, and by which day.
        untranslated: The language its free text is in, if that is not the form's; `und` where nobody said.
    """

    id: str
    section: str
    label: str
    label_english: str
    value: tuple[str, ...] = ()
    english: tuple[str, ...] = ()
    state: FieldState
    required: bool = False
    may_follow: bool = False
    note: str | None = None
    limit: int | None = None
    limit_confirmed: bool = False
    length: int | None = None
    confidence: Sureness
    key: str
    grows: bool = False
    owner: str | None = None
    follows_on: date | None = None
    untranslated: str | None = None

    @property
    def stops(self) -> bool:
        """Whether the notice may not be approved like this."""
        return self.state == "missing-required" or (self.state == "too-long" and self.limit_confirmed)


class Completeness(Shape):
    """How much of what one addressee asks is answered: a figure and a list."""

    asked: int
    answered: int
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    too_long: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The answered part of what is asked, 1 if nothing is."""
        return round(self.answered / self.asked, 3) if self.asked else 1.0

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"share": self.share, **self.model_dump(mode="json")}


class Filled(Shape):
    """A form filled in for one incident, addressee and phase."""

    form: str
    title: str
    authority: str | None
    language: str
    phase: Phase
    labels: Literal["authority", "ours"]
    generic: bool
    fields: tuple[FilledField, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values; `Filled.model_validate` gives the same again."""
        return self.model_dump(mode="json", exclude_none=True)

    def stopping(self) -> tuple[FilledField, ...]:
        """Return the fields that stop approval."""
        return tuple(field for field in self.fields if field.stops)

    def completeness(self) -> Completeness:
        """Return how much of what is asked is answered."""
        asked = [field for field in self.fields if field.state != "not-applicable"]
        by = {
            state: tuple(f.label_english for f in asked if f.state == state)
            for state in ("unknown", "missing-required", "too-long")
        }
        return Completeness(
            asked=len(asked),
            answered=sum(field.state in ("answered", "too-long") for field in asked),
            unknown=by["unknown"],
            missing=by["missing-required"],
            too_long=by["too-long"],
        )


def fill(
    form: Form,
    dossier: Dossier,
    phase: Phase,
    *,
    fields: Mapping[str, DossierField],
    terms: Terms,
    english: Terms,
    phased: bool = False,
    written_in: str | None = None,
    translations: Mapping[str, str] | None = None,
) -> Filled:
    """Return the form filled in.

    Args:
        dossier: Made for the addressee (`About`), so that what differs for it is in it.
        fields: The questions of the dossier, by id.
        terms: The words of the language it is filled in.
        english: English words, to stand beside.
        phased: Whether the law lets what is not known yet follow: then only `always` stops.
        written_in: The language of the free text, which nobody translates here; None if nobody said.
        translations: What a person translated into the form's language, by path in the facts.
    """
    texts = _Texts(written_in, terms.language, translations or {})
    filled = []
    for section in form.sections:
        title = _said(section.title, section.phrase, terms)
        filled += [
            _filled(field, title, dossier, phase, fields, terms, english, phased, texts)
            for field in section.fields
            if phase in field.phases
        ]
    return Filled(
        form=form.id,
        title=form.title.get(terms.language) or form.title["en"],
        authority=dossier.addressee,
        language=terms.language,
        phase=phase,
        labels=form.labels,
        generic=form.generic,
        fields=tuple(filled),
    )


def _said(text: Mapping[str, str], phrase: str | None, terms: Terms) -> str:
    if phrase is not None:
        return terms.phrase(phrase)
    return text.get(terms.language) or text.get("en", "")


def _filled(
    field: FormField,
    section: str,
    dossier: Dossier,
    phase: Phase,
    fields: Mapping[str, DossierField],
    terms: Terms,
    english: Terms,
    phased: bool,
    texts: _Texts,
) -> FilledField:
    entries = [dossier.entries[name] for name in field.ask if name in dossier.entries]
    known = [entry for entry in entries if entry.state == "answered"]
    open_ = next((entry for entry in entries if entry.state == "unknown"), None)
    required = field.required != "no" or bool(field.required_when and field.required_when.holds(dossier))
    may_follow = field.required == "may-follow"
    shared: dict[str, Any] = {
        "id": field.id,
        "section": section,
        "label": _said(field.label, field.phrase, terms),
        "label_english": _said(field.label, field.phrase, english),
        "confidence": field.confidence,
        "required": required,
        "may_follow": may_follow,
        "grows": all(fields[entry.field].grows for entry in entries),
        "key": fields[(open_ or entries[0]).field].key if entries else f"dossier.{field.ask[0]}",
        "limit": field.limit.characters if field.limit else None,
        "limit_confirmed": bool(field.limit and field.limit.confidence == "read"),
    }
    if field.asked_when is not None and field.asked_when.holds(dossier) is False:
        return FilledField(**shared, state="not-applicable", note=f"asked only if {field.asked_when}")
    if known:
        return _with_value(field, known, fields, terms, english, texts, shared)
    if entries and open_ is None and not required:
        return FilledField(**shared, state="not-applicable", note=entries[0].because)
    owed = {"owner": open_.owner, "follows_on": open_.follows_on} if open_ else {}
    if field.unknown is not None:
        return FilledField(
            **shared,
            **owed,
            state="unknown",
            value=(_said(field.unknown, None, terms),),
            english=_beside((_said(field.unknown, None, english),), terms, english),
            note="the form has an answer of its own for what is not known yet",
        )
    if required and not (may_follow and phased):
        because = next((entry.because for entry in entries if entry.because), None)
        note = f"required, and marked as not applicable: {because}" if because else "required, and empty"
        return FilledField(**shared, **owed, state="missing-required", note=note)
    follows = "not yet known; may follow" if may_follow else "not yet known"
    return FilledField(**shared, **owed, state="unknown", note=follows)


def _with_value(
    field: FormField,
    known: list[Entry],
    fields: Mapping[str, DossierField],
    terms: Terms,
    english: Terms,
    texts: _Texts,
    shared: dict[str, Any],
) -> FilledField:
    asked = [(fields[entry.field], texts.in_words(fields[entry.field], entry.value)) for entry in known]
    value = tuple(line for one, given in asked for line in _named(field, one, given, terms))
    readable = [(fields[e.field], e.value) for e in known if texts.reads_english(fields[e.field])]
    beside = tuple(line for one, given in readable for line in _named(field, one, given, english))
    length = len(JOIN.join(value))
    found = {**shared, "value": value, "english": _beside(beside, terms, english)}
    notes: list[str] = []
    if any(texts.foreign(one) for one, _ in asked):
        found["untranslated"] = texts.written_in or UNSTATED
        said = f"in {texts.written_in}: to be translated" if texts.written_in else "in a language nobody has stated"
        notes.append(f"as written, {said}")
    state: FieldState = "answered"
    if field.limit is not None:
        found["length"] = length
        if length > field.limit.characters:
            state = "too-long"
            whose = "the form's limit" if field.limit.confidence == "read" else "this house's own limit"
            over = length - field.limit.characters
            notes.append(
                f"{length} characters, {over} over {whose} of {field.limit.characters}; nothing was cut"
            )
    return FilledField(**found, state=state, note="; ".join(notes) or None)


@dataclass(frozen=True, slots=True)
class _Texts:
    """In which language free text is, and what of it a person translated into the form's."""

    written_in: str | None
    language: str
    translations: Mapping[str, str]

    def in_words(self, asked: DossierField, value: Any) -> Any:
        return self.translations.get(asked.key, value) if asked.free else value

    def foreign(self, asked: DossierField) -> bool:
        return asked.free and self.written_in != self.language and asked.key not in self.translations

    def reads_english(self, asked: DossierField) -> bool:
        """Whether an answer can stand in English beside the form's: coded, or translated from it."""
        return asked.type in CODED or (asked.free and self.written_in == "en" and asked.key in self.translations)


def _named(field: FormField, asked: DossierField, value: Any, terms: Terms) -> list[str]:
    """Return an answer in words; with its name before it, where the field holds several."""
    found = _words(field, asked, value, terms)
    if len(field.ask) == 1 or asked.phrase is None:
        return found
    return [f"{terms.phrase(asked.phrase)}: {', '.join(found)}"]


def _words(field: FormField, asked: DossierField, value: Any, terms: Terms) -> list[str]:
    """Return an answer in the form's own terms, or else in words of its language."""
    if not field.codes:
        return terms.value(asked, value)
    found: list[str] = []
    for word in value if isinstance(value, list | tuple) else [value]:
        key = {True: "yes", False: "no"}[word] if isinstance(word, bool) else str(word)
        own = field.codes.get(key, field.other)
        found += [_said(own, None, terms)] if own is not None else terms.value(asked, [word])
    return list(dict.fromkeys(found))


def _beside(beside: tuple[str, ...], terms: Terms, english: Terms) -> tuple[str, ...]:
    return () if terms.language == english.language else beside
