"""Facts as typed fields of a form, made from the models the terminal uses; and forms as changes of facts.

Every field has an answer of its own for *not known*. What is refused names the field and never repeats what
was typed, for it may be about a person.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from incident_flows.core.facts import CountRange, Establishment, Facts
from incident_flows.core.instants import parse_instant
from incident_flows.errors import InputError

Kind = Literal[
    "text", "longtext", "choice", "yesno", "count", "number", "instant", "words", "kinds", "places",
    "by-place", "range", "establishments",
]  # fmt: skip
VOCABULARIES = {
    "data.kinds": "data_kinds",
    "people.groups": "groups",
    "harm.measures": "measures",
    "organisation.statuses": "statuses",
    "organisation.sectors": "sectors",
}
SECTIONS = ("moments", "breach", "data", "people", "harm", "narrative")
FIRST = ("title", "reference", "role")
LONG = ("narrative.", "harm.because")
OF_THE_ORGANISATION = (
    "organisation.dpo.name",
    "organisation.dpo.email",
    "organisation.dpo.phone",
    "organisation.markets",
    "organisation.sectors",
    "organisation.statuses",
)
DECIDED = ("harm.expected", "harm.because", "harm.by")  # a decision's, not a field's
UNKNOWN = ""
NONE_OF_THESE = "-none-"
LONGEST = 20_000  # characters of one answer


class Form(Mapping[str, str]):
    """What a form sent: one or several values a name."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if isinstance(value, str):
                self._values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        return self._values[name][-1]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def all(self, name: str) -> list[str]:
        """Return every value of one name."""
        return self._values.get(name, [])


@dataclass(frozen=True)
class Field:
    """One fact as a person is asked for it.

    Attributes:
        path: Where it stands in a facts file, such as `people.by_place`.
        options: The words to choose from, with their meaning (None where the word says it).
    """

    path: str
    kind: Kind
    options: tuple[tuple[str, str | None], ...] = ()

    @property
    def id(self) -> str:
        """Its name in a page."""
        return self.path.replace(".", "-").replace("_", "-")

    def shown(self, facts: Mapping[str, Any], zone: ZoneInfo) -> Any:
        """Return what the form shows for stored facts: text, or a list of ticked words; None if unknown."""
        value = at(facts, self.path)
        if value is None:
            return None
        if self.kind == "instant":
            if isinstance(value, Mapping):
                return None  # several, by authority: not for this field
            return parse_instant(value).astimezone(zone).strftime("%Y-%m-%dT%H:%M")
        if self.kind == "yesno":
            return "yes" if value else "no"
        if self.kind == "by-place":
            return " ".join(f"{place}={count}" for place, count in value.items())
        if self.kind == "places":
            return " ".join(value)
        if self.kind == "establishments":
            return ", ".join(f"{one['place']}{' main' if one.get('main') else ''}" for one in value)
        if self.kind in ("words", "kinds"):
            return list(value) or [NONE_OF_THESE]
        if self.kind == "range":
            least, most = value.get("at_least", 0), value.get("at_most")
            return str(least) if least == most else f"{least}-{'' if most is None else most}"
        return f"{value:g}" if self.kind == "number" else str(value)

    def read(self, form: Form, *, zone: ZoneInfo, label: str) -> Any:
        """Return the fact a form gives, as a facts file would say it; None for *not known*.

        Raises:
            InputError: It cannot be read; the message starts with `label`.
        """
        if self.kind in ("words", "kinds"):
            ticked = [word for word in form.all(self.path) if word]
            if ticked == [NONE_OF_THESE]:
                return []
            if NONE_OF_THESE in ticked:
                raise InputError(f"{label}: something is ticked and so is “none of these”; take one away")
            return [self._word(word, label) for word in ticked] or None
        text = form.get(self.path, UNKNOWN).strip()
        if not text:
            return None
        if len(text) > LONGEST:
            raise InputError(f"{label}: is longer than {LONGEST:,} characters; shorten it")
        return self._parsed(text, zone=zone, label=label)

    def _parsed(self, text: str, *, zone: ZoneInfo, label: str) -> Any:
        if self.kind in ("choice", "yesno"):
            word = self._word(text, label)
            return word == "yes" if self.kind == "yesno" else word
        if self.kind == "instant":
            return _instant(text, zone, label)
        if self.kind == "count":
            return _count(text, label)
        if self.kind == "number":
            try:
                return float(text.replace(",", "."))
            except ValueError:
                raise InputError(f"{label}: is no number; write one such as 12 or 1.5") from None
        if self.kind == "range":
            least, dash, most = (part.strip() for part in text.partition("-"))
            if not dash:
                return _count(text, label)
            return {"at_least": _count(least, label), "at_most": _count(most, label) if most else None}
        if self.kind == "places":
            return text.replace(",", " ").upper().split()
        if self.kind == "by-place":
            return _by_place(text, label)
        if self.kind == "establishments":
            return [_establishment(part, label) for part in text.split(",") if part.strip()]
        return text.replace("\r\n", "\n")

    def _word(self, word: str, label: str) -> str:
        if word not in {known for known, _ in self.options}:
            raise InputError(f"{label}: choose one of the answers offered")
        return word


def _count(text: str, label: str) -> int:
    plain = text.replace(" ", "").replace("\u202f", "").replace("_", "")
    if not plain.isascii() or not plain.isdigit() or len(plain) > 15:
        raise InputError(f"{label}: is no whole number; write one such as 1020, without points or commas")
    return int(plain)


def _instant(text: str, zone: ZoneInfo, label: str) -> str:
    """Return an instant with its offset, from a wall clock in `zone` or as written with an offset."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{label}: is no date and time; write one such as 2026-11-20 18:00") from None
    if local.tzinfo is not None:
        return local.isoformat()
    early, late = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    there = early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local
    if not there:
        raise InputError(f"{label}: the clocks of {zone.key} skipped that hour; write it in UTC instead")
    if early.utcoffset() != late.utcoffset():
        raise InputError(f"{label}: the clocks of {zone.key} showed that hour twice; write it in UTC instead")
    return early.isoformat()


def _by_place(text: str, label: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for pair in text.replace(",", " ").replace(";", " ").split():
        place, sign, count = pair.partition("=")
        if not sign or not place:
            raise InputError(f"{label}: write each as PLACE=COUNT, such as ES=120 US-CA=40")
        if place.upper() in found:
            raise InputError(f"{label}: one place is named twice; add its numbers up")
        found[place.upper()] = _count(count, label)
    return found


def _establishment(text: str, label: str) -> dict[str, Any]:
    place, *rest = text.split()
    if rest not in ([], ["main"]):
        raise InputError(f"{label}: write places, the main one marked, such as ES main, PT")
    return {"place": place.upper(), **({"main": True} if rest else {})}


def at(facts: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path; None where any part of it is missing."""
    found: Any = facts
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def put(facts: dict[str, Any], path: str, value: Any) -> None:
    """Lay a value down at a dotted path, making the groups on the way; None takes it away."""
    *groups, last = path.split(".")
    for part in groups:
        facts = facts.setdefault(part, {})
    if value is None:
        facts.pop(last, None)
    else:
        facts[last] = value


def field_for(path: str, words: Mapping[str, Mapping[str, str]]) -> Field | None:
    """Return the field of a fact; None where it is none a person fills in, such as what the ledger records.

    Args:
        words: The lawbook's vocabulary.
    """
    group, _, word = path.partition(".")
    if group == "findings":
        return Field(path, "yesno", YES_NO) if word in words.get("findings", {}) else None
    annotation: Any = Facts
    for part in path.split("."):
        model = _bare(annotation)
        if not (isinstance(model, type) and issubclass(model, BaseModel)) or part not in model.model_fields:
            return None
        annotation = model.model_fields[part].annotation
    return _typed(path, annotation, words)


YES_NO = (("yes", None), ("no", None))


def _typed(path: str, annotation: Any, words: Mapping[str, Mapping[str, str]]) -> Field | None:
    if path == "breach.scenario" and words.get("scenarios"):
        return Field(path, "choice", tuple(words["scenarios"].items()))
    if path in VOCABULARIES:
        return Field(path, "words", tuple(words.get(VOCABULARIES[path], {}).items()))
    bare = _bare(annotation)
    origin, args = get_origin(bare), get_args(bare)
    if origin is Literal:
        return Field(path, "choice", tuple((str(word), None) for word in args))
    if origin is tuple:
        inner = _bare(args[0])
        if get_origin(inner) is Literal:
            return Field(path, "kinds", tuple((str(word), None) for word in get_args(inner)))
        if inner is Establishment:
            return Field(path, "establishments")
        return Field(path, "places") if path == "organisation.markets" else None
    if origin is dict:
        return Field(path, "by-place") if path == "people.by_place" else None
    if bare is bool:
        return Field(path, "yesno", YES_NO)
    if bare is CountRange:
        return Field(path, "range")
    plain: dict[Any, Kind] = {int: "count", float: "number", datetime: "instant"}
    if bare in plain:
        return Field(path, plain[bare])
    if bare is str:
        return Field(path, "longtext" if path.startswith(LONG) else "text")
    return None


def _bare(annotation: Any) -> Any:
    """Return a type without `| None` and without what is annotated to it."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            # An instant that may also be several by authority is asked for as one.
            annotation = next(one for one in get_args(annotation) if one is not type(None))
        else:
            return annotation


def sections(words: Mapping[str, Mapping[str, str]]) -> list[tuple[str, list[Field]]]:
    """Return all facts a person fills in, by group; findings come by the questions that need them."""
    found = [("what", [field for path in FIRST if (field := field_for(path, words))])]
    for group in SECTIONS:
        model = _bare(Facts.model_fields[group].annotation)
        paths = [f"{group}.{name}" for name in model.model_fields]
        fields = [field for path in paths if path not in DECIDED and (field := field_for(path, words))]
        found.append((group, fields))
    found.append(
        ("organisation", [field for path in OF_THE_ORGANISATION if (field := field_for(path, words))])
    )
    return found


def change_from(
    form: Form, facts: Mapping[str, Any], fields: Sequence[Field], *, zone: ZoneInfo, label: Any
) -> dict[str, Any]:
    """Return the change of facts a form asks for: only what differs from what it showed.

    Args:
        facts: As stored when the form was made.
        label: Gives a field's name in words.

    Raises:
        InputError: All faults at once.
    """
    change: dict[str, Any] = {}
    faults: list[str] = []
    for field in fields:
        if f"{field.path}?" not in form:  # was not on the page
            continue
        try:
            value = field.read(form, zone=zone, label=label(field.path))
        except InputError as error:
            faults += error.faults
            continue
        before: dict[str, Any] = {}
        if value is not None:
            put(before, field.path, value)
        if _same(field, before, facts, zone):
            continue
        laid = _over(at(facts, field.path), value)
        *groups, last = field.path.split(".")
        here = change
        for part in groups:
            here = here.setdefault(part, {})
        here[last] = laid
    if faults:
        raise InputError(faults)
    return change


def _same(field: Field, given: Mapping[str, Any], facts: Mapping[str, Any], zone: ZoneInfo) -> bool:
    if field.kind == "range":
        new, old = at(given, field.path), at(facts, field.path)
        given = {"people": {"total": {"at_least": new, "at_most": new}}} if isinstance(new, int) else given
        return field.shown(given, zone) == field.shown(facts, zone) if old is not None else new is None
    return bool(field.shown(given, zone) == field.shown(facts, zone))


def _over(old: Any, new: Any) -> Any:
    """Return a value that replaces a stored group whole: what is no longer named is taken away."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**dict.fromkeys(old), **new}
    return new
