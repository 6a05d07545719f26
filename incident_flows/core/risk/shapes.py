"""The shapes the risk policy is written in: words, weights, lines and rules, each with source and basis."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from incident_flows.core.risk.rules import BANDS, REACH
from incident_flows.core.situation import RiskLevel

Basis = Literal["read", "secondary", "recalled", "house"]
Tier = Literal["plain", "private", "serious", "grave"]
DpcClass = Literal["simple", "behavioural", "financial", "sensitive"]
Part = Literal["confidentiality", "availability", "integrity", "any"]
Combined = Literal["low", "risk", "high"]
Step = Annotated[int, Field(ge=1, le=4)]
Four = tuple[str, str, str, str]
When = dict[str, Any]


class Shape(BaseModel):
    """Base of everything in the policy: frozen, and no key it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Sourced(Shape):
    """Something with a pedigree."""

    source: Annotated[str, Field(min_length=3)]
    basis: Basis


class KindOfData(Shape):
    """Where one kind of data stands."""

    tier: Tier
    enisa: DpcClass | Literal["inherits"]


class Measure(Shape):
    """What a measure does to a risk that already exists."""

    effect: Literal["none", "partly", "removes"]
    because: str


class Adjustment(Sourced):
    """A step up or down from a class's base score."""

    id: str
    dpc_class: DpcClass = Field(alias="class")
    add: Annotated[int, Field(ge=-3, le=3)]
    when: When
    because: str


class Ease(Sourced):
    """What makes identification this easy."""

    value: Annotated[float, Field(gt=0, le=1)]
    when: When
    because: str


class Band(Shape):
    """A band of the score, from its lower end on."""

    name: Literal["low", "medium", "high", "very-high"]
    start: float = Field(alias="from")
    means: str


class LeakWeights(Shape):
    """Weights of a loss of confidentiality."""

    no_sign: float = Field(alias="no-sign")
    known_recipients: float = Field(alias="known-recipients")
    unknown_recipients: float = Field(alias="unknown-recipients")


class ChangeWeights(Shape):
    """Weights of a loss of integrity."""

    unused: float
    recoverable: float
    lost: float


class OutageWeights(Shape):
    """Weights of a loss of availability."""

    easy: float
    temporary: float
    lost: float


class Circumstances(Shape):
    """What each circumstance adds."""

    confidentiality: LeakWeights
    integrity: ChangeWeights
    availability: OutageWeights
    malicious: float
    easy_hours: float


class EnisaWeights(Sourced):
    """Every number of ENISA's method."""

    base: dict[str, int]
    floor: int
    ceiling: int
    inherits_at_least: int
    adjustments: tuple[Adjustment, ...]
    ease_words: dict[str, str]
    ease_unreadable: float
    ease: tuple[Ease, ...]
    circumstances: Circumstances
    bands: tuple[Band, Band, Band, Band]
    many_people: int

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if set(self.base) != set(get_args(DpcClass)):
            raise ValueError(f"base needs {', '.join(get_args(DpcClass))}")
        starts = [band.start for band in self.bands]
        if starts != sorted(starts) or tuple(band.name for band in self.bands) != BANDS:
            raise ValueError(f"bands must rise: {', '.join(BANDS)}")
        values = [rule.value for rule in self.ease]
        if values != sorted(values, reverse=True):
            raise ValueError("ease: the highest value first")
        return self


class VolumeStep(Shape):
    """From this number of records on, this value."""

    start: int = Field(alias="from")
    value: int


class AepdWeights(Sourced):
    """The numbers of the AEPD's former formula."""

    volume: tuple[VolumeStep, ...]
    kind: dict[Literal["ordinary", "sensitive"], int]
    impact: dict[str, int]
    authority_above: int
    people_above: int

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if set(self.impact) != {*REACH, "unknown"}:
            raise ValueError(f"impact needs a value for each of {', '.join(REACH)} and unknown")
        return self


class SeveritySteps(Shape):
    """Where facts land on a scale of severity."""

    tiers: dict[str, Step]
    protected_group: int
    levels: dict[RiskLevel, Step]


class LikelihoodSteps(Shape):
    """Where facts land on a scale of likelihood."""

    reach: dict[str, Step]
    veiled: int
    came_back: int
    levels: dict[RiskLevel, Step]


class VoiceWords(Sourced):
    """One authority's words for the common steps."""

    id: str
    severity: Four
    likelihood: Four
    bands: dict[Combined, str] | None = None
    top: str | None = None


class IcoWords(Sourced):
    """The ICO's five steps and its answers."""

    steps: dict[int, str]
    answers: dict[Literal["low", "risk", "high", "open"], str]


class ScaleWeights(Sourced):
    """Steps of severity and likelihood, and what they make together."""

    severity: SeveritySteps
    likelihood: LikelihoodSteps
    matrix: tuple[tuple[Combined, Combined, Combined, Combined], ...]
    voices: tuple[VoiceWords, ...]
    ico: IcoWords


class Floor(Sourced):
    """What holds when no rule speaks."""

    level: RiskLevel
    because: str


class Rule(Sourced):
    """A written rule of the bridge: for raising, a level it leads to; for a ground, a level it allows."""

    id: str
    of: Part
    level: RiskLevel
    when: When
    because: str


class Supposed(Shape):
    """One other value of a fact, and the words for it after *if*."""

    value: StrictBool | int | str | tuple[str, ...] = Field(alias="is")
    words: str = Field(alias="if")


class Candidate(Shape):
    """A fact to try other values of."""

    fact: Annotated[str, Field(pattern=r"^(breach|data|people|harm)\.[a-z_]+$")]
    values: tuple[Supposed, ...]
    adds: StrictBool = False
    shown: StrictBool = False
    ask: str
