"""The one dossier of an incident: every question any content list asks, answered, unknown, or not applicable.

A dossier is derived from the facts and never edited: what a fact answers is answered by that fact; what no
fact holds is a stored answer, `dossier.FIELD` of the facts. Which questions there are is data
(`playbooks/forms/_fields.yaml`). Values are plain JSON, in no language: instants with their offset, counts,
codes, persons as name, email, phone. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from incident_flows.core.facts import Answer, Facts
from incident_flows.core.instants import parse_instant
from incident_flows.core.situation import inside

Type = Literal[
    "text", "number", "range", "instant", "date", "list", "code", "yes-no", "person", "persons", "address",
    "money", "counts",
]  # fmt: skip
Phase = Literal["initial", "supplementary", "final", "withdrawal"]
PHASES: tuple[Phase, ...] = ("initial", "supplementary", "final", "withdrawal")
GROWING = frozenset(("filing", "measures", "told", "others"))  # groups whose answers change as work goes on
State = Literal["answered", "unknown", "not-applicable"]


class Shape(BaseModel):
    """Base of everything here: frozen, and no key it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Asked(Shape):
    """A condition on another answer: it `is` one of these values.

    Attributes:
        field: A field of the dossier.
        is_: Values, or words of which at least one is among a list's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    field: str
    is_: tuple[Any, ...]

    @model_validator(mode="before")
    @classmethod
    def _from_is(cls, raw: Any) -> Any:
        if isinstance(raw, Mapping) and "is" in raw:
            given = raw["is"]
            return {key: value for key, value in raw.items() if key != "is"} | {
                "is_": given if isinstance(given, list | tuple) else [given]
            }
        return raw

    def holds(self, dossier: Dossier) -> bool | None:
        """Return whether it holds; None if the answer it hangs on is not known."""
        entry = dossier.entries.get(self.field)
        if entry is None or entry.state == "unknown":
            return None
        if entry.state == "not-applicable":
            return False
        given = entry.value if isinstance(entry.value, list | tuple) else [entry.value]
        return any(_same(one, other) for one in given for other in self.is_)

    def __str__(self) -> str:
        words = ("yes" if one is True else "no" if one is False else str(one) for one in self.is_)
        return f"{self.field} is {' or '.join(words)}"


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


class DossierField(Shape):
    """One question of the superset.

    Attributes:
        group: Under which heading it stands.
        fact: The path in the facts that answers it.
        derived: Or the rule of `core/dossier_derived.py` that does. Neither: only a stored answer can.
        vocabulary: Whose words a code or a list holds (`breach facts --words`).
        codes: Or the words of this question alone, with their meaning.
        within: The group of places it is about, such as EEA; people elsewhere are left out of it.
        give: The key of the facts that settles what is derived.
        phrase: How the answer is called where a form's field holds several (playbooks/notices/words).
        applies_if: It is not applicable unless this holds.
        by: The phase by whose filing it should be answered.
        per_addressee: The answer differs from addressee to addressee.
        asked_in: Which content lists ask it.
    """

    id: str
    group: str
    question: str
    type: Type
    fact: str | None = None
    derived: str | None = None
    within: str | None = None
    give: str | None = None
    phrase: str | None = None
    vocabulary: str | None = None
    codes: dict[str, str] = {}
    applies_if: Asked | None = None
    by: Phase = "initial"
    per_addressee: bool = False
    asked_in: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.fact and self.derived:
            raise ValueError("fact and derived both answer it; keep one")
        if self.vocabulary and self.codes:
            raise ValueError("vocabulary and codes both give its words; keep one")
        return self

    @property
    def grows(self) -> bool:
        """Whether a later filing may rightly answer otherwise, because work went on."""
        return self.group in GROWING

    @property
    def free(self) -> bool:
        """Whether the answer is free text in the language of whoever wrote it."""
        return self.type == "text" and self.key.startswith(("narrative.", "dossier.", "harm."))

    @property
    def key(self) -> str:
        """The key of a facts file by which a person answers it."""
        return self.fact or self.give or f"dossier.{self.id}"


class Entry(Shape):
    """One question of one incident, as it stands.

    Attributes:
        value: In no language; only if it is answered.
        owner: Who is to find out, if it is unknown.
        follows_on: By which day.
        because: Why it is not applicable.
        source: Where the answer comes from.
    """

    field: str
    state: State
    value: Any = None
    owner: str | None = None
    follows_on: date | None = None
    because: str | None = None
    source: str


class Dossier(Shape):
    """All questions of one incident; with an addressee named, those that differ for it too."""

    incident: str
    addressee: str | None = None
    entries: dict[str, Entry]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values; `from_json` gives the same dossier again."""
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Dossier:
        """Return the dossier that `to_json` made this of."""
        return cls.model_validate(dict(data))

    def value(self, field: str) -> Any:
        """Return an answer; None if there is none."""
        entry = self.entries.get(field)
        return entry.value if entry is not None and entry.state == "answered" else None

    def counts(self) -> dict[State, int]:
        """Return how many questions stand in which state."""
        found: dict[State, int] = {"answered": 0, "unknown": 0, "not-applicable": 0}
        for entry in self.entries.values():
            found[entry.state] += 1
        return found


@dataclass(frozen=True, slots=True)
class Standing:
    """What was derived or decided about the incident, beside its facts.

    Attributes:
        risk: The level of risk to people; None while undetermined.
        people_owed: Whether a duty to tell the people stands; None while undetermined.
    """

    risk: str | None = None
    people_owed: bool | None = None


@dataclass(frozen=True, slots=True)
class About:
    """The addressee a dossier is filled in for.

    Attributes:
        authority: Its id.
        place: Where it is competent, such as ES or US-CA.
        cite: The article the notice is made under.
        late: Whether the time the law gives has passed.
        phase: Which of several filings it is.
    """

    authority: str | None = None
    place: str | None = None
    cite: str | None = None
    late: bool | None = None
    phase: Phase = "initial"


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """What a rule answers where a question does not arise, with the reason."""

    because: str


Rule = Callable[[Facts, Standing, About], Any]


def dossier_of(
    facts: Facts,
    fields: Iterable[DossierField],
    *,
    incident: str,
    standing: Standing | None = None,
    about: About | None = None,
    groups: Mapping[str, frozenset[str]] | None = None,
) -> Dossier:
    """Return the dossier of an incident.

    Args:
        about: The addressee it is for; None leaves out what differs from addressee to addressee.
        groups: The places of each group a question may be about.
    """
    from incident_flows.core.dossier_derived import RULES

    standing, named = standing or Standing(), about or About()
    wanted = [field for field in fields if about is not None or not field.per_addressee]
    entries = {field.id: _entry(field, _within(field, facts, groups or {}), RULES, standing, named) for field in wanted}
    found = Dossier(incident=incident, addressee=named.authority, entries=entries)
    idle = {
        field.id: Entry(
            field=field.id,
            state="not-applicable",
            because=f"asked only if {field.applies_if}",
            source="rule",
        )
        for field in wanted
        if field.applies_if is not None
        and entries[field.id].state == "unknown"
        and field.applies_if.holds(found) is False
    }
    return found.model_copy(update={"entries": entries | idle})


def _within(field: DossierField, facts: Facts, groups: Mapping[str, frozenset[str]]) -> Facts:
    """Return the facts with the people of one group of places alone; who lives nowhere known may be among them."""
    places = facts.people.by_place
    if field.within is None or places is None:
        return facts
    held = {code: count for code, count in places.items() if inside(code, field.within, groups)}
    total = facts.people.total
    placed = sum(places.values())
    here = sum(held.values())
    if total is not None:
        most = None if total.at_most is None else here + total.at_most - placed
        total = total.model_copy(update={"at_least": here, "at_most": most})
    people = facts.people.model_copy(update={"by_place": held, "total": total})
    return facts.model_copy(update={"people": people})


def _entry(
    field: DossierField, facts: Facts, rules: Mapping[str, Rule], standing: Standing, about: About
) -> Entry:
    value: Any = None
    source = "nobody yet"
    if field.fact is not None:
        value, source = at_path(facts, field.fact), f"facts: {field.fact}"
    elif field.derived is not None:
        value, source = rules[field.derived](facts, standing, about), f"derived: {field.derived}"
    stored = facts.dossier.get(field.id, Answer())
    if isinstance(value, NotApplicable):
        because = stored.not_applicable or value.because
        if stored.value is None:
            return Entry(field=field.id, state="not-applicable", because=because, source=source)
        value = None
    if value is None and stored.value is not None:
        value, source = stored.value, f"facts: dossier.{field.id}"
    if value is not None:
        return Entry(field=field.id, state="answered", value=plain(value), source=source)
    if stored.not_applicable is not None:
        return Entry(
            field=field.id,
            state="not-applicable",
            because=stored.not_applicable,
            source=f"facts: dossier.{field.id}",
        )
    return Entry(
        field=field.id, state="unknown", owner=stored.owner, follows_on=stored.follows_on, source=source
    )


def at_path(facts: Facts, path: str) -> Any:
    """Return the value at a dotted path of the facts; None if it is not known."""
    value: Any = facts
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
        if value is None:
            return None
    return None if isinstance(value, str) and not value.strip() else value


def plain(value: Any) -> Any:
    """Return a value of the facts as JSON holds it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [plain(one) for one in value]
    return value


def fault_in(field: DossierField, answer: Answer) -> str | None:
    """Return what is wrong with a stored answer to a question; None if nothing is."""
    if answer.value is None:
        return None
    if field.fact is not None:
        return f"is answered by {field.fact}; write it there, and here only who finds out, or why not"
    value, wrong = answer.value, f"{answer.value!r:.60}"
    if field.type == "yes-no" and not isinstance(value, bool):
        return f"{wrong} is neither true nor false; write one of them"
    if field.type == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        return f"{wrong} is no number; write one such as 120"
    if field.type == "date" and not _is(date.fromisoformat, value):
        return f"{wrong} is no date; write one such as 2026-11-24"
    if field.type == "instant" and not _is(parse_instant, value):
        return f"{wrong} is no instant; write 2026-11-24T18:00:00+01:00"
    if field.type == "list" and not isinstance(value, tuple):
        return f"{wrong} should be a list such as [a, b]"
    if field.type in ("text", "address", "money", "person") and not isinstance(value, str):
        return f"{wrong} should be text; write it in quotes"
    if field.codes:
        unknown = [one for one in (value if isinstance(value, tuple) else (value,)) if one not in field.codes]
        if unknown:
            return f"{unknown[0]!r:.60} is not one of {', '.join(field.codes)}"
    return None


def _is(parse: Callable[[str], Any], value: Any) -> bool:
    try:
        parse(value)
    except (ValueError, TypeError):
        return False
    return True
