"""The risk policy: its shapes put together, and every rule compiled.

The values stand in playbooks/policies/risk.yaml; Python knows only how to combine them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

from pydantic import model_validator

from incident_flows.core.risk.rules import TIERS, RuleError, Test, Words, compile_when
from incident_flows.core.risk.shapes import (
    Adjustment,
    AepdWeights,
    Candidate,
    Ease,
    EnisaWeights,
    Floor,
    KindOfData,
    Measure,
    Rule,
    ScaleWeights,
    Shape,
    When,
)
from incident_flows.core.situation import RISK_ORDER


@dataclass(frozen=True, slots=True)
class Ready:
    """A rule whose test is compiled."""

    rule: Rule
    level: int
    test: Test


class RiskPolicy(Shape):
    """The whole policy; loading it compiles every rule, so that a wrong one is refused at once."""

    version: str
    data_kinds: dict[str, KindOfData]
    sets: dict[str, tuple[str, ...]]
    groups: dict[Literal["ordinary", "protected"], tuple[str, ...]]
    measures: dict[str, Measure]
    findings: dict[str, str]
    enisa: EnisaWeights
    aepd: AepdWeights
    scales: ScaleWeights
    floor: Floor
    raises: tuple[Rule, ...]
    overrides: tuple[Rule, ...]
    grounds: tuple[Rule, ...]
    what_if: tuple[Candidate, ...]

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        faults = [
            f"set {name}: {kind!r} is no kind of data"
            for name, kinds in self.sets.items()
            for kind in kinds
            if kind not in self.data_kinds
        ]
        rules = [*self.raises, *self.overrides, *self.grounds]
        ids = [rule.id for rule in rules]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        faults += [f"rule {name}: stands twice" for name in twice]
        if not {"hashable", "special", "reachable"} <= self.sets.keys():
            faults.append("sets: hashable, special and reachable are needed")
        if not faults:
            for name in ("raising", "holding", "ease_tests", "dpc_steps"):
                try:
                    getattr(self, name)
                except RuleError as error:
                    faults.append(str(error))
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @cached_property
    def words(self) -> Words:
        """The vocabulary rules may use."""
        return Words(
            kinds=frozenset(self.data_kinds),
            sets={name: frozenset(kinds) for name, kinds in self.sets.items()},
            groups={group: sort for sort, groups in self.groups.items() for group in groups},
            measures=frozenset(self.measures),
            findings=frozenset(self.findings),
        )

    @cached_property
    def tier_of(self) -> Mapping[str, float]:
        """The tier of each kind, as a step."""
        return {kind: float(TIERS.index(entry.tier)) for kind, entry in self.data_kinds.items()}

    @cached_property
    def raising(self) -> Mapping[str, tuple[Ready, ...]]:
        """Raising rules by the part of the breach they are about, the highest level first."""
        return self._by_part([*self.overrides, *self.raises], rising=True)

    @cached_property
    def holding(self) -> Mapping[str, tuple[Ready, ...]]:
        """Grounds by the part of the breach they are about, the lowest level first."""
        return self._by_part(list(self.grounds), rising=False)

    @cached_property
    def overriding(self) -> frozenset[str]:
        """Ids of the rules no ground can answer."""
        return frozenset(rule.id for rule in self.overrides)

    @cached_property
    def ease_tests(self) -> tuple[tuple[Ease, Test], ...]:
        """ENISA's ease of identification, the highest first."""
        return tuple(
            (rule, self._compiled(f"ease {rule.value:g}", rule.when, leak=True, rising=True))
            for rule in self.enisa.ease
        )

    @cached_property
    def dpc_steps(self) -> Mapping[str, tuple[tuple[Adjustment, Test], ...]]:
        """ENISA's adjustments by class."""
        found: dict[str, list[tuple[Adjustment, Test]]] = {name: [] for name in self.enisa.base}
        for step in self.enisa.adjustments:
            test = self._compiled(f"adjustment {step.id}", step.when, leak=False, rising=step.add > 0)
            found[step.dpc_class].append((step, test))
        return {name: tuple(steps) for name, steps in found.items()}

    def _by_part(self, rules: list[Rule], *, rising: bool) -> Mapping[str, tuple[Ready, ...]]:
        found: dict[str, tuple[Ready, ...]] = {}
        for part in ("confidentiality", "availability", "integrity"):
            leak = part == "confidentiality"
            ready = [
                Ready(
                    rule,
                    RISK_ORDER.index(rule.level),
                    self._compiled(f"rule {rule.id}", rule.when, leak=leak, rising=rising),
                )
                for rule in rules
                if rule.of in (part, "any")
            ]
            ready.sort(key=lambda entry: -entry.level if rising else entry.level)
            found[part] = tuple(ready)
        return found

    def _compiled(self, name: str, when: When, *, leak: bool, rising: bool) -> Test:
        try:
            return compile_when(when, self.words, leak=leak, rising=rising)
        except RuleError as error:
            raise RuleError(f"{name}: {error}") from None
