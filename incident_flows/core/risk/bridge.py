"""The bridge to the law: written rules lead from the facts to *unlikely*, *risk* or *high*.

Each part of a breach (leak, wrong data, lost data) is judged on its own and the worst counts, so that
encryption cannot cure an outage nor a backup a leak. Nothing is averaged. A part with no ground shown for
*unlikely* stays at the policy's floor.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from incident_flows.core.facts import Facts
from incident_flows.core.risk import enisa
from incident_flows.core.risk.policy import Ready, RiskPolicy
from incident_flows.core.risk.profile import Profile
from incident_flows.core.risk.rules import NO, YES
from incident_flows.core.situation import RISK_ORDER

PARTS = ("confidentiality", "availability", "integrity")
UNLIKELY, RISK, HIGH = range(3)


@dataclass(slots=True)
class Part:
    """How one part of the breach was judged.

    Attributes:
        name: confidentiality, availability or integrity.
        sure: Whether this part was certainly breached.
        low, high: Ends of its level.
        fired: Raising rules that hold.
        left_open: Raising rules that may hold.
        answered: The ground that holds and limits the level, if any.
        open_ground: A ground that may hold.
        overridden: Whether a rule holds that no ground can answer.
    """

    name: str
    sure: bool
    low: int = UNLIKELY
    high: int = UNLIKELY
    fired: list[Ready] = field(default_factory=list)
    left_open: list[Ready] = field(default_factory=list)
    answered: Ready | None = None
    open_ground: Ready | None = None
    overridden: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The ends of the level, and how each part came to its own."""

    profile: Profile
    reading: enisa.Reading
    low: int
    high: int
    parts: tuple[Part, ...]


def judge(facts: Facts, policy: RiskPolicy) -> Verdict:
    """Return the level the rules lead to, at both ends of what is unknown."""
    profile = Profile(facts, policy)
    reading = enisa.read(profile, policy)
    parts = tuple(
        _judge_part(name, truth, profile, policy)
        for name, truth in zip(
            PARTS, (profile.confidentiality, profile.availability, profile.integrity), strict=True
        )
        if truth != NO
    )
    low = max((part.low for part in parts), default=UNLIKELY)
    high = max((part.high for part in parts), default=UNLIKELY)
    return Verdict(profile, reading, low, high, parts)


def _judge_part(name: str, truth: int, profile: Profile, policy: RiskPolicy) -> Part:
    part = Part(name, truth == YES)
    sure = possible = RISK_ORDER.index(policy.floor.level)
    despite = UNLIKELY
    for entry in policy.raising[name]:
        answer = entry.test(profile)
        if answer == NO:
            continue
        possible = max(possible, entry.level)
        if answer == YES:
            part.fired.append(entry)
            sure = max(sure, entry.level)
            if entry.rule.id in policy.overriding:
                part.overridden = True
                despite = max(despite, entry.level)
        else:
            part.left_open.append(entry)
    sure_cap = possible_cap = HIGH
    for entry in policy.holding[name]:
        if entry.level >= sure_cap:
            break
        answer = entry.test(profile)
        if answer == YES:
            sure_cap, part.answered = entry.level, entry
            possible_cap = min(possible_cap, entry.level)
        elif answer != NO and entry.level < possible_cap:
            possible_cap, part.open_ground = entry.level, entry
    part.low = max(min(sure, possible_cap), despite) if part.sure else UNLIKELY
    part.high = max(min(possible, sure_cap), despite)
    if part.answered is not None and part.answered.level >= possible:
        part.answered = None  # it allows as much as the rules reach anyway
    return part
