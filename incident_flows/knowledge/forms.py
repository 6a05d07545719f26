"""Reads authorities' forms from playbooks/forms; all faults together, with file and line.

A form is read when somebody drafts, shows or lists; no assessment needs one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from incident_flows.core.dossier import DossierField
from incident_flows.core.forms import Form, FormField
from incident_flows.core.law import Authority, Lawbook
from incident_flows.errors import InputError, KnowledgeError
from incident_flows.knowledge.files import Document, read_yaml, validated
from incident_flows.knowledge.form_terms import WordsOf
from incident_flows.knowledge.lawbook import load_data
from incident_flows.knowledge.notice_words import Wording

GENERIC = "article-33"
LETTER = "article-34"  # what the people are told; no authority's
ENGLISH = "en"


class Forms:
    """The forms of one playbooks folder.

    Args:
        root: The playbooks folder.
        lawbook: Its lawbook, for authorities, duties and the dossier's questions.
        cache: Where files once read are kept; None reads them each time.
    """

    def __init__(self, root: Path, lawbook: Lawbook, *, cache: Path | None = None) -> None:
        self._folder = root / "forms"
        self._lawbook = lawbook
        self._cache = cache
        self._wording = Wording(root / "notices")
        self._terms: dict[tuple[str, str | None], WordsOf] = {}

    @cached_property
    def all(self) -> dict[str, Form]:
        """Every form by id.

        Raises:
            KnowledgeError: Every fault of every file, one line each.
        """
        faults: list[str] = []
        found: dict[str, Form] = {}
        for path in sorted(self._folder.glob("[!_]*.yaml")):
            try:
                data = load_data(path, cache=self._cache)
                form = self._read(path, data)
            except InputError as error:
                faults.extend(f"forms/{fault}" for fault in error.faults)
                continue
            wrong = list(misfits(form, self._lawbook, self._languages()))
            if wrong:
                document = read_yaml(path)
                faults.extend(f"forms/{document.where(at)}: {fault}" for at, fault in wrong)
            found[form.id] = form
        for needed in () if faults else (GENERIC, LETTER):
            if needed not in found:
                faults.append(f"forms/{needed}.yaml: is missing; completeness cannot be counted without it")
        faults.extend(_rivals(found))
        if faults:
            raise KnowledgeError(faults)
        return found

    def _read(self, path: Path, data: Any) -> Form:
        document = Document(path.name, data)
        try:
            form = validated(Form, document)
        except InputError:
            form = validated(Form, read_yaml(path))  # the same faults again, now with their lines
        if form.id != path.stem:
            raise InputError(f"{path.name}: id {form.id!r} should be the file's name")
        return form

    def _languages(self) -> frozenset[str]:
        return frozenset(path.stem for path in (self._folder.parent / "notices" / "words").glob("*.yaml"))

    def form_for(self, authority: str | None, duty: str) -> Form:
        """Return the form a notice under a duty takes: the duty's own, the authority's, or the generic one."""
        regime = duty.partition("/")[0]
        theirs = [form for form in self.all.values() if authority in form.authorities]
        for form in theirs:
            if duty in form.duties:
                return form
        for form in theirs:
            if not form.duties and (not form.regimes or regime in form.regimes):
                return form
        return self.all[GENERIC]

    def language(self, form: Form, authority: Authority | None) -> str:
        """Return the language a form is filled in: its own, else the addressee's, as far as there are words."""
        if form.languages:
            return form.languages[0]
        known = self._languages()
        wanted = authority.languages if authority else ()
        return next((one for one in wanted if one in known), ENGLISH)

    def terms(self, language: str, zone: str | None) -> WordsOf:
        """Return the words of a language, or English ones where it has none."""
        key = (language, zone)
        if key not in self._terms:
            words = self._wording.words(language if language in self._languages() else ENGLISH)
            self._terms[key] = WordsOf(language, words, zone, self._wording.authority_names)
        return self._terms[key]

    def listing(self) -> list[dict[str, Any]]:
        """Return one row per authority with a form of its own, and the generic one (contract §6)."""
        rows = []
        for form in self.all.values():
            if form.id == LETTER:
                continue
            fields = list(form.fields())
            for authority in form.authorities or (None,):
                rows.append(
                    {
                        "authority": authority,
                        "form": form.id,
                        "title": form.title["en"],
                        "duties": list(form.duties),
                        "languages": list(form.languages),
                        "fields": len(fields),
                        "required": sum(field.required != "no" for field in fields),
                        "limits": sum(field.limit is not None for field in fields),
                        "confidence": form.confidence(),
                        "known_gaps": list(form.known_gaps),
                    }
                )
        return sorted(rows, key=lambda row: (row["authority"] is None, row["authority"] or "", row["form"]))


Path_ = tuple[str | int, ...]


def misfits(form: Form, lawbook: Lawbook, languages: frozenset[str]) -> Iterator[tuple[Path_, str]]:
    """Yield the place and the fault of everything in a form that does not fit lawbook, dossier or itself."""
    for number, authority in enumerate(form.authorities):
        if authority not in lawbook.authorities:
            yield ("authorities", number), f"authority {authority!r} is none{_near(authority, lawbook.authorities)}"
    for number, regime in enumerate(form.regimes):
        if regime not in lawbook.regimes:
            yield ("regimes", number), f"regime {regime!r} is none{_near(regime, lawbook.regimes)}"
    for number, duty in enumerate(form.duties):
        regime, _, key = duty.partition("/")
        if key not in (lawbook.regimes[regime].duties if regime in lawbook.regimes else ()):
            yield ("duties", number), f"duty {duty!r} is none; write regime/duty"
    if not form.sources:
        yield ("sources",), "sources: is empty; say what the form was written from, and when that was read"
    if not form.languages and not form.generic:
        yield ("languages",), "languages: is empty; name the form's language first"
    seen: dict[str, int] = {}
    for part, section in enumerate(form.sections):
        yield from _texts(section.title, form, ("sections", part, "title"))
        for number, field in enumerate(section.fields):
            at: Path_ = ("sections", part, "fields", number)
            if field.id in seen:
                yield at, f"field {field.id!r} stands in it twice; ids are unique"
            seen[field.id] = number
            for fault in _field_misfits(field, form, lawbook.dossier):
                yield at, f"{field.id}: {fault}"


def _texts(text: Mapping[str, str], form: Form, at: Path_) -> Iterator[tuple[Path_, str]]:
    lacking = [one for one in form.languages if text and one not in text]
    if lacking:
        yield at, f"has no {', '.join(lacking)}; the form is in {', '.join(form.languages)}"


def _field_misfits(field: FormField, form: Form, questions: Mapping[str, DossierField]) -> Iterator[str]:
    asked = [questions[name] for name in field.ask if name in questions]
    for name in field.ask:
        if name not in questions:
            yield f"ask: {name!r} is no question of the dossier{_near(name, questions)}"
    for condition in (field.required_when, field.asked_when):
        if condition is not None and condition.field not in questions:
            yield f"{condition.field!r} is no question of the dossier{_near(condition.field, questions)}"
    texts = (field.label, field.unknown or {}, field.other or {}, *field.codes.values())
    lacking = {one for text in texts for one in form.languages if text and one not in text}
    if lacking:
        yield f"has no {', '.join(sorted(lacking))} in its label, codes or terms"
    for question in asked:
        own = set(question.codes) or ({"yes", "no"} if question.type == "yes-no" else set())
        if own and field.codes and len(asked) == 1:
            if strange := sorted(set(field.codes) - own):
                yield f"codes: {strange[0]!r} is no answer to {question.id}{_near(strange[0], own)}"
            if field.other is None and (open_ := sorted(own - set(field.codes))):
                yield f"codes: has no term for {', '.join(open_)}; add it, or other:"
        elif question.codes and not field.codes and set(form.languages) - {ENGLISH}:
            yield f"codes: {question.id} has words of its own; give the form's terms for them"
    if field.confidence == "unconfirmed" and field.limit and field.limit.confidence == "read":
        yield "limit: is called read in a field nobody has seen"


def _rivals(forms: Mapping[str, Form]) -> Iterator[str]:
    """Two forms for one authority and one law: which of them is used would be an accident."""
    taken: dict[tuple[str, str], str] = {}
    for form in forms.values():
        for authority in form.authorities:
            for scope in form.duties or form.regimes or ("*",):
                other = taken.setdefault((authority, scope), form.id)
                if other != form.id:
                    yield f"forms/{form.id}.yaml: {authority} has the form {other} for {scope} already; keep one"


def _near(word: str, known: Any) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
