"""What would change the answer: the same rules, asked again with one fact different."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from incident_flows.core.facts import CountRange, Facts
from incident_flows.core.risk.bridge import Verdict, judge
from incident_flows.core.risk.policy import RiskPolicy
from incident_flows.core.risk.result import Explained, Level, Question, WouldChange, level_between
from incident_flows.core.risk.shapes import Candidate, Supposed
from incident_flows.core.situation import RISK_ORDER

AT_MOST_CHANGES = 3
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
    """Return a fact by its path; None when it is unknown."""
    section, name = path.split(".")
    return getattr(getattr(facts, section), name)


def explain(facts: Facts, policy: RiskPolicy, found: int | None = None) -> Explained:
    """Return up to three facts that would move the level and, if it is open, what to ask.

    Args:
        facts: As known.
        policy: Words, weights and rules.
        found: A person's finding that was taken, as a step; it holds until the rules exclude it.
    """
    now = judge(facts, policy)
    level = _level(now, found)
    if level != "undetermined":
        moves = (move for candidate in policy.what_if for move in _moves(candidate, facts, level, policy, found))
        return Explained(tuple(islice(moves, AT_MOST_CHANGES)))
    first_unknown = sorted(policy.what_if, key=lambda candidate: known(facts, candidate.fact) is not None)
    moves = (move for candidate in first_unknown for move in _moves(candidate, facts, level, policy, found))
    return Explained(tuple(islice(moves, AT_MOST_CHANGES)), _questions(now, facts, policy))


def _level(verdict: Verdict, found: int | None) -> Level:
    if found is not None and found >= verdict.low:
        return RISK_ORDER[found]
    return level_between(RISK_ORDER[verdict.low], RISK_ORDER[verdict.high])


def _tried(candidate: Candidate, facts: Facts, policy: RiskPolicy) -> Iterator[tuple[Supposed, Verdict]]:
    """Yield each value that differs from the known one, with what the rules then say."""
    present = known(facts, candidate.fact)
    for supposed in candidate.values:
        value: Any = supposed.value
        if candidate.adds and isinstance(value, tuple):
            value = (*(present or ()), *(word for word in value if word not in (present or ())))
        if value == present or (isinstance(present, CountRange) and present.at_least == value):
            continue
        yield supposed, judge(with_fact(facts, candidate.fact, value), policy)


def _moves(
    candidate: Candidate, facts: Facts, level: Level, policy: RiskPolicy, found: int | None
) -> Iterator[WouldChange]:
    """Yield the first value of one fact that settles on another level, if any does."""
    for supposed, verdict in _tried(candidate, facts, policy):
        moved = _level(verdict, found)
        if moved not in (level, "undetermined"):
            value = list(supposed.value) if isinstance(supposed.value, tuple) else supposed.value
            yield WouldChange(candidate.fact, value, moved, f"it would be {moved} if {supposed.words}")
            return


def _questions(now: Verdict, facts: Facts, policy: RiskPolicy) -> tuple[Question, ...]:
    """Return the missing facts, those first whose answers leave the least open."""
    width = now.high - now.low
    found = []
    for candidate in policy.what_if:
        if known(facts, candidate.fact) is not None:
            continue
        left = [verdict.high - verdict.low for _, verdict in _tried(candidate, facts, policy)]
        if candidate.shown:
            left.extend([width] * SILENCE)
        removed = sum(max(width - still, 0) for still in left)
        weight = round(removed / (width * len(left)), 2)
        found.append(Question(candidate.fact, f"decides {candidate.ask}", weight))
    deciding = [question for question in found if question.weight > 0]
    return tuple(sorted(deciding or found, key=lambda question: -question.weight))
