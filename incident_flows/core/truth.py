"""Three values: yes, no, unknown; and what each answer rests on. Nothing here knows any law."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Truth(Enum):
    """An answer. *Unknown* is an answer too, and is never read as *no*."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    def __invert__(self) -> Truth:
        if self is Truth.UNKNOWN:
            return self
        return Truth.NO if self is Truth.YES else Truth.YES


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer with its reasons.

    Attributes:
        truth: yes, no or unknown.
        used: Sentences about the facts that decided, in the order they were looked at.
        missing: Paths of the facts whose absence left it open, such as `people.by_place`.
    """

    truth: Truth
    used: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


YES = Outcome(Truth.YES)
NO = Outcome(Truth.NO)


def yes(*used: str) -> Outcome:
    """Return *yes*, resting on the sentences given."""
    return Outcome(Truth.YES, used)


def no(*used: str) -> Outcome:
    """Return *no*, resting on the sentences given."""
    return Outcome(Truth.NO, used)


def unknown(*missing: str, used: tuple[str, ...] = ()) -> Outcome:
    """Return *unknown*, for want of the facts named."""
    return Outcome(Truth.UNKNOWN, used, missing)


def decided(answer: bool, *used: str) -> Outcome:
    """Return *yes* or *no* for a plain Boolean."""
    return Outcome(Truth.YES if answer else Truth.NO, used)


def all_of(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the conjunction: one *no* decides, then one *unknown* leaves it open.

    >>> all_of([yes("a"), unknown("b"), no("c")]).truth
    <Truth.NO: 'no'>
    """
    return _combine(outcomes, decisive=Truth.NO)


def any_of(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the disjunction: one *yes* decides, then one *unknown* leaves it open.

    >>> any_of([no("a"), unknown("b")]).missing
    ('b',)
    """
    return _combine(outcomes, decisive=Truth.YES)


def negated(outcome: Outcome) -> Outcome:
    """Return the opposite answer with the same reasons; *unknown* stays unknown."""
    return Outcome(~outcome.truth, outcome.used, outcome.missing)


def _combine(outcomes: Iterable[Outcome], *, decisive: Truth) -> Outcome:
    telling: list[Outcome] = []  # those that say something beside yes or no
    for outcome in outcomes:
        if outcome.truth is decisive:
            return outcome
        if outcome.used or outcome.truth is Truth.UNKNOWN:
            telling.append(outcome)
    if not telling:
        return YES if decisive is Truth.NO else NO
    if len(telling) == 1:
        return telling[0]
    used = tuple(dict.fromkeys(sentence for outcome in telling for sentence in outcome.used))
    open_ones = [outcome for outcome in telling if outcome.truth is Truth.UNKNOWN]
    if open_ones:
        missing = tuple(dict.fromkeys(path for outcome in open_ones for path in outcome.missing))
        return Outcome(Truth.UNKNOWN, used, missing)
    return Outcome(~decisive, used)
