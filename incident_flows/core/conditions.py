"""Conditions of the law as data: read from a mapping, answered for a situation in three values.

A condition is `{all: […]}`, `{any: […]}`, `{not: …}`, or one test such as `{role: controller}` or
`{residents: {gte: 500}}`. The tests are general; which of them a duty uses stands in its law file.
The list with the meaning of each is in playbooks/README.md, and `TESTS` below is its only truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from incident_flows.core.situation import RISK_ORDER, RiskLevel, Situation
from incident_flows.core.truth import Outcome, all_of, any_of, decided, negated, no, unknown, yes

COMPARE: dict[str, Callable[[int | float, int | float], bool]] = {
    "gte": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "lte": lambda a, b: a <= b,
    "lt": lambda a, b: a < b,
}
SIGNS = {"gte": "at least", "gt": "more than", "lte": "at most", "lt": "fewer than"}


class ConditionError(ValueError):
    """A condition names no known test, or gives it something it cannot use."""


@dataclass(frozen=True, slots=True)
class All:
    """Every part must hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part is enough."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part must not hold."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Is:
    """One test of the facts, with its argument."""

    test: str
    argument: Any
    place: str


Condition = All | AnyOf | Not | Is


def parse_condition(raw: object, *, place: str) -> Condition:
    """Return the condition a law file states.

    Args:
        raw: The mapping as read; a list means *all*; a mapping of several tests means *all* of them.
        place: The regime's own place, meant wherever a test counts residents without naming one.

    Raises:
        ConditionError: Unknown test, or an argument of the wrong shape; the text names both.
    """
    if isinstance(raw, list):
        return All(tuple(parse_condition(part, place=place) for part in raw))
    if not isinstance(raw, Mapping) or not raw:
        raise ConditionError(f"{raw!r} is not a condition; write one such as {{role: controller}}")
    if len(raw) > 1:
        return All(tuple(parse_condition({key: value}, place=place) for key, value in raw.items()))
    [(name, argument)] = raw.items()
    if name in ("all", "any"):
        if not isinstance(argument, list) or not argument:
            raise ConditionError(f"{name}: needs a list of conditions")
        parts = tuple(parse_condition(part, place=place) for part in argument)
        return All(parts) if name == "all" else AnyOf(parts)
    if name == "not":
        return Not(parse_condition(argument, place=place))
    if name not in TESTS:
        raise ConditionError(f"{name!r} is no test; known: {', '.join(sorted(TESTS))}")
    check, _ = TESTS[name]
    return Is(name, check(name, argument), place)


def evaluate(condition: Condition, situation: Situation) -> Outcome:
    """Answer the condition for the situation, with the facts used and the facts missing."""
    if isinstance(condition, Is):
        return TESTS[condition.test][1](situation, condition.argument, condition.place)
    if isinstance(condition, Not):
        return negated(evaluate(condition.part, situation))
    if len(condition.parts) == 1:
        return evaluate(condition.parts[0], situation)
    together = all_of if isinstance(condition, All) else any_of
    return together(evaluate(part, situation) for part in condition.parts)


def describe(condition: Condition) -> str:
    """Return the condition in plain words, for `--explain` and `breach law show`.

    >>> raw = {"any": [{"established": "ES"}, {"residents": {"gte": 500}}]}
    >>> describe(parse_condition(raw, place="US-CA"))
    'it is established in ES or at least 500 people live in US-CA'
    """
    if isinstance(condition, Is):
        return _says(condition)
    if isinstance(condition, Not):
        return f"not ({describe(condition.part)})"
    word = " and " if isinstance(condition, All) else " or "
    return word.join(_grouped(part, beside=type(condition)) for part in condition.parts)


def _grouped(part: Condition, *, beside: type[Condition]) -> str:
    text = describe(part)
    mixed = isinstance(part, All | AnyOf) and len(part.parts) > 1 and type(part) is not beside
    return f"({text})" if mixed else text


# What each test says of the facts; {} is its argument in words.
_WORDS = {
    "role": "the role is {}",
    "status": "its status is {}",
    "sector": "its sector is {}",
    "established": "it is established in {}",
    "people_in": "people live in {}",
    "markets": "it offers services in {}",
    "people": "{} people are concerned in all",
    "records": "{} records are concerned",
    "unavailable_hours": "data were unavailable for {} hours",
    "protected": "the data were {}",
    "risk": "the risk to people is {}",
    "harm": "a person found that harm is {}",
    "kind": "it is a breach of {}",
    "finding": "a person found: {}",
    "moment": "{}",
    "cause": "the cause is {}",
    "exposure": "the data reached: {}",
    "scenario": "the scenario is {}",
    "medium": "the medium is {}",
    "backup": "the backup is {}",
    "acquired": "data were taken or seen",
    "key_exposed": "the key was exposed",
    "already_public": "the data were public already",
    "groups": "the people are {}",
    "measures": "the measures include {}",
}


def _says(test: Is) -> str:
    argument = test.argument
    if test.test == "always":
        return "always" if argument else "never"
    if test.test == "residents":
        counts = {key: value for key, value in argument.items() if key != "place"}
        return f"{_plain(counts)} people live in {argument.get('place', test.place)}"
    if test.test == "data":
        parts = {
            "any": "the data include {}",
            "all": "the data include all of {}",
            "only": "the data are only {}",
        }
        shown = {key: (" and " if key == "all" else " or ").join(words) for key, words in argument.items()}
        return " and ".join(parts[key].format(words) for key, words in shown.items())
    if test.test == "elements":
        named = f"a name with {_plain(argument['name_plus'])}" if argument.get("name_plus") else ""
        alone = f"{_plain(argument['standalone'])} even without a name" if argument.get("standalone") else ""
        return f"the data hold {', or '.join(filter(None, (named, alone)))}"
    if test.test == "moment":
        [(name, limit)] = argument.items()
        if limit == "known":
            return f"{name} is known"
        return f"{name} lies " + " and ".join(
            f"before {day}" if key == "before" else f"on or after {day}" for key, day in limit.items()
        )
    if test.test == "protected":
        keyed = {"encrypted", "pseudonymised"} & set(argument["by"])
        key = (
            ""
            if not keyed
            else ", whatever became of the key"
            if argument["even_with_key"]
            else ", and the key is safe"
        )
        return _WORDS["protected"].format(_plain(argument["by"]) + key)
    if isinstance(argument, bool):
        return ("" if argument else "it is known that not: ") + _WORDS[test.test]
    return _WORDS[test.test].format(_plain(argument))


def _plain(argument: Any) -> str:
    if isinstance(argument, Mapping):
        return " and ".join(
            f"{SIGNS.get(key, key.replace('_', ' '))} {value}" for key, value in argument.items()
        )
    if isinstance(argument, tuple):
        return " or ".join(str(item) for item in argument)
    return str(argument)


# --- shapes of arguments -----------------------------------------------------------------------


def _words(name: str, raw: Any) -> tuple[str, ...]:
    words = raw if isinstance(raw, list) else [raw]
    if not words or not all(isinstance(word, str) for word in words):
        raise ConditionError(f"{name}: needs a word or a list of words, not {raw!r}")
    return tuple(words)


def _flag(name: str, raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise ConditionError(f"{name}: needs true or false, not {raw!r}")
    return raw


def _number(name: str, raw: Any) -> dict[str, Any]:
    if not isinstance(raw, Mapping) or not raw:
        raise ConditionError(f"{name}: needs a comparison such as {{gte: 500}}, not {raw!r}")
    for key, value in raw.items():
        if key == "place":
            continue
        if key not in COMPARE or isinstance(value, bool) or not isinstance(value, int | float):
            raise ConditionError(f"{name}: {key}: {value!r} is no comparison; use gte, gt, lte or lt")
    return dict(raw)


def _lists(*keys: str) -> Callable[[str, Any], dict[str, tuple[str, ...]]]:
    def check(name: str, raw: Any) -> dict[str, tuple[str, ...]]:
        if isinstance(raw, list | str) and "any" in keys:
            raw = {"any": raw}
        if not isinstance(raw, Mapping) or not raw or set(raw) - set(keys):
            raise ConditionError(f"{name}: needs {' or '.join(keys)} with a list of words, not {raw!r}")
        return {key: _words(name, value) if value else () for key, value in raw.items()}

    return check


def _levels(name: str, raw: Any) -> dict[str, RiskLevel] | tuple[str, ...]:
    if isinstance(raw, Mapping):
        if set(raw) - {"at_least", "at_most"} or not set(raw.values()) <= set(RISK_ORDER):
            raise ConditionError(f"{name}: write {{at_least: risk}}; levels are {', '.join(RISK_ORDER)}")
        return dict(raw)
    words = _words(name, raw)
    if not set(words) <= set(RISK_ORDER):
        raise ConditionError(f"{name}: levels are {', '.join(RISK_ORDER)}, not {raw!r}")
    return words


def _dates(name: str, raw: Any) -> dict[str, Any]:
    if not isinstance(raw, Mapping) or len(raw) != 1:
        raise ConditionError(f"{name}: write {{aware_at: known}} or {{aware_at: {{before: 2018-05-25}}}}")
    [(moment, test)] = raw.items()
    if test == "known":
        return {moment: "known"}
    if not isinstance(test, Mapping) or set(test) - {"before", "from"}:
        raise ConditionError(f"{name}: {moment}: write known, {{before: DATE}} or {{from: DATE}}")
    try:
        return {moment: {key: date.fromisoformat(str(value)) for key, value in test.items()}}
    except ValueError:
        raise ConditionError(f"{name}: {moment}: {test!r} holds no date; write 2018-05-25") from None


def _protected(name: str, raw: Any) -> dict[str, Any]:
    if not isinstance(raw, Mapping) or set(raw) - {"by", "even_with_key"} or "by" not in raw:
        raise ConditionError(
            f"{name}: write {{by: [encrypted]}}, and even_with_key: true where a lost key is no matter"
        )
    return {"by": _words(name, raw["by"]), "even_with_key": bool(raw.get("even_with_key", False))}


# --- answers -----------------------------------------------------------------------------------


def _one_of(value: str | None, wanted: tuple[str, ...], path: str) -> Outcome:
    if value is None:
        return unknown(path)
    return decided(value in wanted, f"{path} is {value}")


def _some_of(values: tuple[str, ...] | None, wanted: tuple[str, ...], path: str) -> Outcome:
    if values is None:
        return unknown(path)
    found = [word for word in values if word in wanted]
    return yes(f"{path}: {', '.join(found)}") if found else no(f"{path}: none of {', '.join(wanted)}")


def _within(counts: tuple[int, int | None], argument: Mapping[str, Any], path: str, what: str) -> Outcome:
    least, most = counts
    answers = []
    for sign, limit in argument.items():
        if sign == "place":
            continue
        test, says = COMPARE[sign], f"{SIGNS[sign]} {limit}"
        if most is not None and least == most:
            answers.append(decided(test(least, limit), f"{least} {what} ({says})"))
        else:
            low, high = test(least, limit), test(most if most is not None else float("inf"), limit)
            bounds = f"{least} to {most if most is not None else 'an unknown number of'} {what}"
            answers.append(decided(low, f"{bounds} ({says})") if low == high else unknown(path))
    return all_of(answers)


def _role(s: Situation, wanted: tuple[str, ...], _: str) -> Outcome:
    return _one_of(s.facts.role, wanted, "role")


def _status(s: Situation, wanted: tuple[str, ...], _: str) -> Outcome:
    return _some_of(s.facts.organisation.statuses, wanted, "organisation.statuses")


def _sector(s: Situation, wanted: tuple[str, ...], _: str) -> Outcome:
    return _some_of(s.facts.organisation.sectors, wanted, "organisation.sectors")


def _established(s: Situation, areas: tuple[str, ...], _: str) -> Outcome:
    return s.established(areas[0]) if len(areas) == 1 else any_of(s.established(area) for area in areas)


def _people_in(s: Situation, areas: tuple[str, ...], _: str) -> Outcome:
    return s.people_in(areas[0]) if len(areas) == 1 else any_of(s.people_in(area) for area in areas)


def _markets(s: Situation, areas: tuple[str, ...], _: str) -> Outcome:
    return any_of(s.markets(area) for area in areas)


def _residents(s: Situation, argument: Mapping[str, Any], place: str) -> Outcome:
    area = argument.get("place", place)
    path = "people.by_place" if s.facts.people.by_place is None or s.placed_wider(area) else "people.total"
    return _within(s.people_count(area), argument, path, f"people live in {area}")


def _people(s: Situation, argument: Mapping[str, Any], _: str) -> Outcome:
    return _within(s.total, argument, "people.total", "people in all")


def _records(s: Situation, argument: Mapping[str, Any], _: str) -> Outcome:
    count = s.facts.data.records
    return _within((0, None) if count is None else (count, count), argument, "data.records", "records")


def _hours_unavailable(s: Situation, argument: Mapping[str, Any], _: str) -> Outcome:
    hours = s.facts.data.unavailable_hours
    if hours is None:
        return unknown("data.unavailable_hours")
    return all_of(
        decided(
            COMPARE[sign](hours, limit), f"data were unavailable for {hours:g} hours ({SIGNS[sign]} {limit})"
        )
        for sign, limit in argument.items()
    )


def _data(s: Situation, argument: Mapping[str, tuple[str, ...]], _: str) -> Outcome:
    kinds = s.facts.data.kinds
    if kinds is None:
        return unknown("data.kinds")
    answers = []
    if "any" in argument:
        answers.append(_some_of(kinds, argument["any"], "data.kinds"))
    if "all" in argument:
        lacking = [word for word in argument["all"] if word not in kinds]
        answers.append(
            no(f"data.kinds: no {', '.join(lacking)}")
            if lacking
            else yes(f"data.kinds: {', '.join(argument['all'])}")
        )
    if "only" in argument:
        others = [word for word in kinds if word not in argument["only"]]
        answers.append(
            no(f"data.kinds: also {', '.join(others)}")
            if others
            else yes(f"data.kinds: only {', '.join(kinds)}")
        )
    return all_of(answers)


def _elements(s: Situation, argument: Mapping[str, tuple[str, ...]], _: str) -> Outcome:
    kinds = s.facts.data.kinds
    if kinds is None:
        return unknown("data.kinds")
    alone = [word for word in argument.get("standalone", ()) if word in kinds]
    if alone:
        return yes(f"data.kinds: {', '.join(alone)}, which needs no name beside it")
    beside = [word for word in argument.get("name_plus", ()) if word in kinds]
    if beside and "name" in kinds:
        return yes(f"data.kinds: name with {', '.join(beside)}")
    return no("data.kinds: no name with a listed element, and none that counts alone")


def _protected_by(s: Situation, argument: Mapping[str, Any], _: str) -> Outcome:
    protection, key_exposed = s.facts.data.protection, s.facts.data.key_exposed
    if protection is None:
        return unknown("data.protection")
    if protection not in argument["by"]:
        return no(f"data.protection is {protection}")
    if argument["even_with_key"] or protection not in ("encrypted", "pseudonymised"):
        return yes(f"data.protection is {protection}")
    if key_exposed is None:
        return unknown("data.key_exposed")
    return decided(
        not key_exposed, f"data.protection is {protection}, key {'exposed' if key_exposed else 'safe'}"
    )


def _risk(s: Situation, argument: Any, _: str) -> Outcome:
    least, most = RISK_ORDER.index(s.risk.at_least), RISK_ORDER.index(s.risk.at_most)
    if isinstance(argument, Mapping):
        low = RISK_ORDER.index(argument.get("at_least", "unlikely"))
        high = RISK_ORDER.index(argument.get("at_most", "high"))
        wanted = set(range(low, high + 1))
    else:
        wanted = {RISK_ORDER.index(level) for level in argument}
    possible = set(range(least, most + 1))
    named = s.risk.at_least if least == most else f"between {s.risk.at_least} and {s.risk.at_most}"
    if possible <= wanted:
        return yes(f"risk to people is {named}")
    if not possible & wanted:
        return no(f"risk to people is {named}")
    return unknown("risk.level")


def _harm(s: Situation, wanted: tuple[str, ...], _: str) -> Outcome:
    return _one_of(s.facts.harm.expected, wanted, "harm.expected")


def _kind(s: Situation, wanted: tuple[str, ...], _: str) -> Outcome:
    return _some_of(s.facts.breach.kinds, wanted, "breach.kinds")


def _finding(s: Situation, wanted: tuple[str, ...], _: str) -> Outcome:
    def one(word: str) -> Outcome:
        value = s.facts.findings.get(word)
        path = f"findings.{word}"
        return unknown(path) if value is None else decided(value, f"{path} is {str(value).lower()}")

    return one(wanted[0]) if len(wanted) == 1 else any_of(one(word) for word in wanted)


def _moment(s: Situation, argument: Mapping[str, Any], _: str) -> Outcome:
    [(name, test)] = argument.items()
    value = s.moments.get(name)
    path = f"moments.{name}"
    if value is None:
        return unknown(path)
    if test == "known":
        return yes(f"{path} is {value.isoformat()}")
    on = value.date()
    return all_of(
        decided(
            on < limit if key == "before" else on >= limit, f"{path} is {value.isoformat()} ({key} {limit})"
        )
        for key, limit in test.items()
    )


def _plain_fact(path: str, read: Callable[[Situation], str | None]) -> Callable[..., Outcome]:
    def answer(s: Situation, wanted: tuple[str, ...], _: str) -> Outcome:
        return _one_of(read(s), wanted, path)

    return answer


def _plain_flag(path: str, read: Callable[[Situation], bool | None]) -> Callable[..., Outcome]:
    def answer(s: Situation, wanted: bool, _: str) -> Outcome:
        value = read(s)
        return unknown(path) if value is None else decided(value is wanted, f"{path} is {str(value).lower()}")

    return answer


def _always(_s: Situation, argument: bool, _: str) -> Outcome:
    return decided(argument)


TESTS: dict[str, tuple[Callable[[str, Any], Any], Callable[[Situation, Any, str], Outcome]]] = {
    "always": (_flag, _always),
    "role": (_words, _role),
    "status": (_words, _status),
    "sector": (_words, _sector),
    "established": (_words, _established),
    "people_in": (_words, _people_in),
    "markets": (_words, _markets),
    "residents": (_number, _residents),
    "people": (_number, _people),
    "records": (_number, _records),
    "unavailable_hours": (_number, _hours_unavailable),
    "data": (_lists("any", "all", "only"), _data),
    "elements": (_lists("name_plus", "standalone"), _elements),
    "protected": (_protected, _protected_by),
    "risk": (_levels, _risk),
    "harm": (_words, _harm),
    "kind": (_words, _kind),
    "finding": (_words, _finding),
    "moment": (_dates, _moment),
    "cause": (_words, _plain_fact("breach.cause", lambda s: s.facts.breach.cause)),
    "exposure": (_words, _plain_fact("breach.exposure", lambda s: s.facts.breach.exposure)),
    "scenario": (_words, _plain_fact("breach.scenario", lambda s: s.facts.breach.scenario)),
    "medium": (_words, _plain_fact("breach.medium", lambda s: s.facts.breach.medium)),
    "backup": (_words, _plain_fact("data.backup", lambda s: s.facts.data.backup)),
    "acquired": (_flag, _plain_flag("breach.acquired", lambda s: s.facts.breach.acquired)),
    "key_exposed": (_flag, _plain_flag("data.key_exposed", lambda s: s.facts.data.key_exposed)),
    "already_public": (_flag, _plain_flag("data.already_public", lambda s: s.facts.data.already_public)),
    "groups": (_words, lambda s, wanted, _: _some_of(s.facts.people.groups, wanted, "people.groups")),
    "measures": (_words, lambda s, wanted, _: _some_of(s.facts.harm.measures, wanted, "harm.measures")),
}
