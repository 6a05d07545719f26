"""Tests that the rules of the risk policy are written in, compiled once, answered in three values.

Raising tests grow truer with more danger, lowering tests with less; a rule may use only one sort, so no
rule can turn more danger into a lower level. The list with its meaning heads playbooks/policies/risk.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from incident_flows.core.risk.profile import Profile

NO, OPEN, YES = 0, 1, 2  # ordered, so that min() is "and" and max() is "or"
REACH = ("none", "trusted-recipient", "known-recipient", "unknown-recipient", "public", "hostile")
READABLE = ("sealed", "veiled", "clear")
TIERS = ("plain", "private", "serious", "grave")
BACKUP = ("complete", "partial", "none")  # from the best to the worst
BANDS = ("low", "medium", "high", "very-high")

Test = Callable[["Profile"], int]


class RuleError(ValueError):
    """A rule of the policy uses a test or a word that does not exist, or mixes raising and lowering."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words a rule may use; sets stand for the kinds they hold."""

    kinds: frozenset[str]
    sets: Mapping[str, frozenset[str]]
    groups: Mapping[str, str]
    measures: frozenset[str]
    findings: frozenset[str]

    def data(self, named: object) -> frozenset[str]:
        """Return the kinds that a list of kinds and sets stands for."""
        found: set[str] = set()
        for word in _list(named):
            if word not in self.sets and word not in self.kinds:
                raise RuleError(f"{word!r} is neither a kind of data nor a set")
            found |= self.sets.get(word, frozenset((word,)))
        return frozenset(found)

    def people(self, named: object) -> frozenset[str]:
        """Return the groups that a list of groups and of their classes stands for."""
        found: set[str] = set()
        for word in _list(named):
            members = {group for group, sort in self.groups.items() if word in (group, sort)}
            if not members:
                raise RuleError(f"{word!r} is no group of people")
            found |= members
        return frozenset(found)


def compile_when(raw: Mapping[str, Any], words: Words, *, leak: bool, rising: bool) -> Test:
    """Return one test for all that a rule's `when` asks.

    Args:
        raw: Tests by name; all of them must hold.
        words: The policy's vocabulary.
        leak: Whether the rule is about a leak, so that only data that can be read count.
        rising: Whether raising tests are allowed, or lowering ones.

    Raises:
        RuleError: An unknown test or word, or one of the other sort.
    """
    if not raw:
        raise RuleError("a rule without a test would always hold; write at least one")
    return _all([_one(name, value, words, leak=leak, rising=rising) for name, value in raw.items()])


def _one(name: str, value: Any, words: Words, *, leak: bool, rising: bool) -> Test:
    if name == "any":
        if not isinstance(value, list | tuple) or not value:
            raise RuleError("any: needs a list of tests")
        return _any([compile_when(part, words, leak=leak, rising=rising) for part in value])
    own, other = (RAISING, LOWERING) if rising else (LOWERING, RAISING)
    if name in other:
        raise RuleError(f"{name}: may not stand in a {'raising' if rising else 'lowering'} rule")
    if name not in own:
        raise RuleError(f"{name!r} is no test; known: {', '.join(sorted(own))}")
    return own[name](value, words, leak)


def _all(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]

    def answer(profile: Profile) -> int:
        lowest = YES
        for test in tests:
            now = test(profile)
            if now == NO:
                return NO
            lowest = min(lowest, now)
        return lowest

    return answer


def _any(tests: list[Test]) -> Test:
    def answer(profile: Profile) -> int:
        return max(test(profile) for test in tests)

    return answer


# --- shapes of arguments -----------------------------------------------------------------------


def _list(raw: object) -> list[str]:
    if not isinstance(raw, list | tuple) or not raw or not all(isinstance(word, str) for word in raw):
        raise RuleError(f"{raw!r} is not a list of words")
    return list(raw)


def _step(raw: object, scale: tuple[str, ...]) -> int:
    if raw not in scale:
        raise RuleError(f"{raw!r} is not one of {', '.join(scale)}")
    return scale.index(str(raw))


def _true(raw: object) -> None:
    if raw is not True:
        raise RuleError(f"{raw!r} is not true; leave the test out instead")


def _known(raw: object, among: Iterable[str], what: str) -> str:
    if not isinstance(raw, str) or raw not in among:
        raise RuleError(f"{raw!r} is no {what} of the policy")
    return raw


def _amount(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or raw < 0:
        raise RuleError(f"{raw!r} is no number from 0 on")
    return float(raw)


# --- the tests ---------------------------------------------------------------------------------


def _holds(wanted: frozenset[str], leak: bool) -> Test:
    def answer(profile: Profile) -> int:
        kinds = profile.readable_kinds if leak else profile.kinds
        if kinds is None:
            return OPEN
        if not wanted.isdisjoint(kinds):
            return YES
        return OPEN if profile.strange_kinds else NO

    return answer


def _data(raw: Any, words: Words, leak: bool) -> Test:
    return _holds(words.data(raw), leak)


def _together(raw: Any, words: Words, leak: bool) -> Test:
    return _all([_holds(words.data([item]), leak) for item in _list(raw)])


def _no_data(raw: Any, words: Words, leak: bool) -> Test:
    return _negated(_holds(words.data(raw), leak))


def _negated(test: Test) -> Test:
    return lambda profile: YES - test(profile)


def _at_least(read: Callable[[Profile], tuple[float, float]], line: float) -> Test:
    def answer(profile: Profile) -> int:
        low, high = read(profile)
        return YES if low >= line else OPEN if high >= line else NO

    return answer


def _at_most(read: Callable[[Profile], tuple[float, float]], line: float) -> Test:
    def answer(profile: Profile) -> int:
        low, high = read(profile)
        return YES if high <= line else OPEN if low <= line else NO

    return answer


def _scale(
    read: Callable[[Profile], tuple[float, float]], scale: tuple[str, ...], compare: Callable[..., Test]
) -> Callable[[Any, Words, bool], Test]:
    return lambda raw, words, leak: compare(read, _step(raw, scale))


def _groups(raw: Any, words: Words, leak: bool) -> Test:
    wanted = words.people(raw)

    def answer(profile: Profile) -> int:
        if profile.groups is None:
            return OPEN
        if not wanted.isdisjoint(profile.groups):
            return YES
        return OPEN if profile.strange_groups else NO

    return answer


def _no_groups(raw: Any, words: Words, leak: bool) -> Test:
    return _negated(_groups(raw, words, leak))


def _plain(read: Callable[[Profile], int]) -> Callable[[Any, Words, bool], Test]:
    def build(raw: Any, words: Words, leak: bool) -> Test:
        _true(raw)
        return read

    return build


def _number(
    read: Callable[[Profile], tuple[float, float]], compare: Callable[..., Test]
) -> Callable[[Any, Words, bool], Test]:
    return lambda raw, words, leak: compare(read, _amount(raw))


def _taken(raw: Any, words: Words) -> frozenset[str]:
    return frozenset(_known(word, words.measures, "measure") for word in _list(raw))


def _measures(raw: Any, words: Words, leak: bool) -> Test:
    wanted = _taken(raw, words)
    return lambda profile: NO if wanted.isdisjoint(profile.measures) else YES


def _without_measures(raw: Any, words: Words, leak: bool) -> Test:
    wanted = _taken(raw, words)
    return lambda profile: YES if wanted.isdisjoint(profile.measures) else NO


def _finding(answers: tuple[int, int, int]) -> Callable[[Any, Words, bool], Test]:
    found, denied, silent = answers

    def build(raw: Any, words: Words, leak: bool) -> Test:
        name = _known(raw, words.findings, "finding")

        def answer(profile: Profile) -> int:
            value = profile.findings.get(name)
            return silent if value is None else found if value else denied

        return answer

    return build


def _nothing_personal(profile: Profile) -> int:
    return YES if profile.kinds is not None and not (profile.kinds or profile.strange_kinds) else NO


def _tier(compare: Callable[..., Test]) -> Callable[[Any, Words, bool], Test]:
    def build(raw: Any, words: Words, leak: bool) -> Test:
        step = _step(raw, TIERS)
        return compare((lambda p: p.tier) if leak else (lambda p: p.tier_of_all), step)

    return build


def _back_within(raw: Any, words: Words, leak: bool) -> Test:
    line = _amount(raw)
    return lambda profile: YES if profile.hours[1] <= line else NO


RAISING: dict[str, Callable[[Any, Words, bool], Test]] = {
    "data": _data,
    "together": _together,
    "tier": _tier(_at_least),
    "reach": _scale(lambda p: p.reach, REACH, _at_least),
    "readable": _scale(lambda p: p.readable, READABLE, _at_least),
    "groups": _groups,
    "intent": _plain(lambda p: p.intent),
    "hours": _number(lambda p: p.hours, _at_least),
    "backup": _scale(lambda p: p.backup, BACKUP, _at_least),
    "enisa": _scale(lambda p: p.bands, BANDS, _at_least),
    "ongoing": _plain(lambda p: YES if p.ongoing else NO),
    "finding": _finding((YES, NO, NO)),
    "without_measures": _without_measures,
}
LOWERING: dict[str, Callable[[Any, Words, bool], Test]] = {
    "no_data": _no_data,
    "no_personal_data": _plain(_nothing_personal),
    "nobody": _plain(lambda p: YES if p.people[1] == 0 else NO),
    "tier_at_most": _tier(_at_most),
    "reach_at_most": _scale(lambda p: p.reach, REACH, _at_most),
    "readable_at_most": _scale(lambda p: p.readable, READABLE, _at_most),
    "no_groups": _no_groups,
    "no_intent": _plain(lambda p: YES - p.intent),
    "people_at_most": _number(lambda p: p.people, _at_most),
    "hours_at_most": _number(lambda p: p.hours, _at_most),
    "back_within": _back_within,
    "out_of_reach": _plain(lambda p: YES if p.out_of_reach else NO),
    "backup_at_most": _scale(lambda p: p.backup, BACKUP, _at_most),
    "enisa_at_most": _scale(lambda p: p.bands, BANDS, _at_most),
    "over": _plain(lambda p: NO if p.ongoing else YES),
    "measures": _measures,
    "not_acquired": _plain(lambda p: YES if p.not_acquired else NO),
    "already_public": _plain(lambda p: YES if p.already_public else NO),
    "found": _finding((YES, NO, NO)),
    "finding_denied": _finding((NO, YES, NO)),
    "without_finding": _finding((NO, YES, YES)),
}
