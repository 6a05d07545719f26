"""What would change the answer: the same rules, asked again with one fact different."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from incident_flows.core.facts import CountRange, Facts
from incident_flows.core.risk.bridge import Verdict, judge
from incident_flows.core.risk.policy import RiskPolicy
from incident_flows.core.risk.result import Explained, Level, Question, WouldChange, level_between
from incident_flows.core.risk.shapes import Candidate, Supposed
from incident_flows.core.situation import RISK_ORDER

AT_MOST_CHANGES = 3
DECISIVE = 0.25  # where no answer removes that much of the doubt, everything missing is asked
SILENCE = 3  # a ground nobody has mentioned is weighed as three times as likely to be missing


def with_fact(facts: Facts, path: str, value: Any) -> Facts:
    """Return the facts with one of them different; `people.total` takes a whole number.

    Args:
        facts: As known.
        path: Section and name, such as `breach.exposure`.
        value: None makes the fact unknown.
    """
    section, name = path.split(".")
    if path == "people.total" and isinstance(value, int):
        value = CountRange(at_least=value, at_most=value)
    changed = getattr(facts, section).model_copy(update={name: value})
    return facts.model_copy(update={section: changed})


def known(facts: Facts, path: str) -> Any:
    """Return a fact by its path; None when it is unknown, as a number within bounds is."""
    section, name = path.split(".")
    value = getattr(getattr(facts, section), name)
    if isinstance(value, CountRange):
        return value.at_least if value.at_least == value.at_most else None
    return value


def explain(facts: Facts, policy: RiskPolicy, found: int | None = None) -> Explained:
    """Return up to three facts that would move the level and, if it is open, what to ask.

    Args:
        facts: As known.
        policy: Words, weights and rules.
        found: A person's finding that was taken, as a step; it holds until the rules exclude it.
    """
    return _WhatIf(facts, policy, found, judge(facts, policy)).explained()


@dataclass(frozen=True, slots=True)
class _WhatIf:
    facts: Facts
    policy: RiskPolicy
    found: int | None
    now: Verdict

    def explained(self) -> Explained:
        level = self._level(self.now)
        candidates = list(self.policy.what_if)
        if level == "undetermined":  # what is missing first: those facts can still be found out
            candidates.sort(key=lambda one: (known(self.facts, one.fact) is not None, one.shown))
        moves = chain.from_iterable(self._moves(candidate, level) for candidate in candidates)
        questions = self._questions() if level == "undetermined" else ()
        return Explained(tuple(islice(moves, AT_MOST_CHANGES)), questions)

    def _level(self, verdict: Verdict) -> Level:
        if self.found is not None and self.found >= verdict.low:
            return RISK_ORDER[self.found]
        return level_between(RISK_ORDER[verdict.low], RISK_ORDER[verdict.high])

    def _tried(self, candidate: Candidate) -> Iterator[tuple[Supposed, Verdict]]:
        """Yield each other value that contradicts no other fact, with what the rules then say."""
        present = known(self.facts, candidate.fact)
        for supposed in candidate.values:
            value: Any = supposed.value
            if candidate.adds and isinstance(value, tuple):
                value = (*(present or ()), *(word for word in value if word not in (present or ())))
            if value == present:
                continue
            verdict = judge(with_fact(self.facts, candidate.fact, value), self.policy)
            if len(verdict.profile.conflicts) <= len(self.now.profile.conflicts):
                yield supposed, verdict

    def _moves(self, candidate: Candidate, level: Level) -> Iterator[WouldChange]:
        """Yield the first value of one fact that settles on another level, if any does."""
        for supposed, verdict in self._tried(candidate):
            moved = self._level(verdict)
            if moved not in (level, "undetermined"):
                value = list(supposed.value) if isinstance(supposed.value, tuple) else supposed.value
                yield WouldChange(candidate.fact, value, moved, f"it would be {moved} if {supposed.words}")
                return

    def _questions(self) -> tuple[Question, ...]:
        """Return the missing facts, those first whose answers leave the least open."""
        width = self.now.high - self.now.low
        found = []
        for candidate in self.policy.what_if:
            if known(self.facts, candidate.fact) is not None:
                continue
            left = [verdict.high - verdict.low for _, verdict in self._tried(candidate)]
            left.extend([width] * (SILENCE if candidate.shown or not left else 0))
            removed = sum(max(width - still, 0) for still in left)
            weight = round(removed / (width * len(left)), 2)
            found.append(Question(candidate.fact, f"decides {candidate.ask}", weight))
        found.sort(key=lambda question: -question.weight)
        deciding = [question for question in found if question.weight > 0]
        alone = deciding and deciding[0].weight >= DECISIVE
        return tuple(deciding if alone else found)
