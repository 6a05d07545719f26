"""What an assessment of the risk to people says, and how it reads on paper. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Literal

from incident_flows.core.situation import RISK_ORDER, RiskBounds, RiskLevel

Level = Literal["unlikely", "risk", "high", "undetermined"]
OwedTo = Literal["nobody", "authority", "people", "undetermined"]

OWED_TO: dict[Level, OwedTo] = {
    "unlikely": "nobody",
    "risk": "authority",
    "high": "people",
    "undetermined": "undetermined",
}
CONSEQUENCE: dict[Level, str] = {
    "unlikely": "a risk to people is unlikely; the breach is recorded and nobody has to be told",
    "risk": "there is a risk to people; the authority has to be told",
    "high": "there is a high risk to people; the authority and the people have to be told",
    "undetermined": "the level cannot be determined yet; it is worked on as if everything were owed",
}


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method's voice.

    Attributes:
        id: Such as `enisa-2013`.
        score: The number it gives, on the careful side of what is unknown; None where it gives none.
        band: Its own word for the result; None where the facts do not allow one.
        steps: How it got there, one sentence each.
    """

    id: str
    score: float | None
    band: str | None
    steps: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the shape of the contract."""
        return {"id": self.id, "score": self.score, "band": self.band, "steps": list(self.steps)}


@dataclass(frozen=True, slots=True)
class WouldChange:
    """One fact that, were it different, would move the level."""

    fact: str
    value: Any
    level: Level
    because: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"fact": self.fact, "value": self.value, "level": self.level, "because": self.because}


@dataclass(frozen=True, slots=True)
class Question:
    """A fact that is missing; `weight` says how much of the doubt its answer removes, 0 to 1."""

    fact: str
    because: str
    weight: float

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"fact": self.fact, "because": self.because, "weight": self.weight}


@dataclass(frozen=True, slots=True)
class Explained:
    """What would change the answer, and what to ask next."""

    would_change: tuple[WouldChange, ...] = ()
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class Risk:
    """The risk to people, with its reasons.

    `would_change` and `questions` are worked out when they are first asked for.

    Attributes:
        level: The answer; `undetermined` where the known facts leave more than one level open.
        at_least: The lowest level the known facts leave open.
        at_most: The highest.
        owed_to: Whom the level owes an account; `people` includes the authority.
        methods: What each method says; voices, none of which decides alone.
        because: The reasons, one sentence each.
        proposal: The engine's own level, before any person's finding.
        flags: Short words for what a reader must notice.
        rules: Ids of the policy's rules and grounds that decided.
    """

    level: Level
    at_least: RiskLevel
    at_most: RiskLevel
    owed_to: OwedTo
    methods: tuple[MethodResult, ...]
    because: tuple[str, ...]
    proposal: Level
    flags: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    policy_version: str = ""
    _explain: partial[Explained] | None = field(default=None, repr=False, compare=False)

    @property
    def bounds(self) -> RiskBounds:
        """The ends between which the level lies; equal when it is determined."""
        return RiskBounds(self.at_least, self.at_most)

    @cached_property
    def explained(self) -> Explained:
        """The two lists below, worked out once; empty where no explanation was wanted."""
        return self._explain() if self._explain is not None else Explained()

    @property
    def would_change(self) -> tuple[WouldChange, ...]:
        """Up to three single facts that would move the level."""
        return self.explained.would_change

    @property
    def questions(self) -> tuple[Question, ...]:
        """For an undetermined level: what to find out, the most decisive first."""
        return self.explained.questions if self.level == "undetermined" else ()

    def method(self, wanted: str) -> MethodResult:
        """Return one method's result by its id."""
        return next(result for result in self.methods if result.id == wanted)

    def to_json(self, *, explain: bool = True) -> dict[str, Any]:
        """Return the shape of the contract, with the bounds and the explanation beside it.

        Args:
            explain: Whether `would_change` stands in it, which costs more than the assessment itself.
        """
        shown: dict[str, Any] = {
            "level": self.level,
            "owed_to": self.owed_to,
            "at_least": self.at_least,
            "at_most": self.at_most,
            "proposal": self.proposal,
            "methods": [method.to_json() for method in self.methods],
            "because": list(self.because),
            "questions": [question.to_json() for question in self.questions],
            "flags": list(self.flags),
            "rules": list(self.rules),
            "policy": self.policy_version,
        }
        if explain:
            shown["would_change"] = [change.to_json() for change in self.would_change]
        return shown

    def paragraph(self) -> str:
        """Return the assessment as one paragraph that can be filed."""
        parts = [f"Risk to people: {CONSEQUENCE[self.level]}."]
        if self.level == "undetermined":
            parts.append(f"It lies between {self.at_least} and {self.at_most}.")
        parts.extend(self.because)
        voices = [f"{m.id} {_voice(m)}" for m in self.methods if m.band is not None]
        if voices:
            parts.append(f"The methods consulted say: {'; '.join(voices)}.")
        if self.would_change:
            changes = "; ".join(change.because for change in self.would_change)
            parts.append(f"What would change this: {changes}.")
        if self.questions:
            asked = "; ".join(f"{q.because.removeprefix('decides ')} ({q.fact})" for q in self.questions)
            parts.append(f"To be found out, the most decisive first: {asked}.")
        if self.proposal != self.level:
            parts.append(f"The level proposed from the facts alone was {self.proposal}.")
        if self.policy_version:
            parts.append(f"Assessed under the risk policy of {self.policy_version}.")
        return " ".join(parts)


def _voice(method: MethodResult) -> str:
    return f"{method.band}" if method.score is None else f"{method.score:g} ({method.band})"


def level_between(at_least: RiskLevel, at_most: RiskLevel) -> Level:
    """Return the common level of both ends, or `undetermined`.

    >>> level_between("risk", "risk"), level_between("risk", "high")
    ('risk', 'undetermined')
    """
    return at_least if at_least == at_most else "undetermined"


def rank(level: RiskLevel) -> int:
    """Return 0, 1 or 2 for `unlikely`, `risk` and `high`."""
    return RISK_ORDER.index(level)
