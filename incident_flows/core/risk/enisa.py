"""ENISA 2013: severity = data processing context × ease of identification + circumstances.

Each part is worked out at both ends of what the unknown facts leave open; the score reported is the
careful one. Weights stand in playbooks/policies/risk.yaml. Law: none; the method binds nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from incident_flows.core.risk.policy import RiskPolicy
from incident_flows.core.risk.profile import CLEAR, Profile
from incident_flows.core.risk.result import MethodResult
from incident_flows.core.risk.rules import NO, OPEN, YES

UNKNOWN_RECIPIENTS, KNOWN_RECIPIENTS = 3.0, 1.0  # steps of REACH from which the weights apply
PUBLIC = 4.0
Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """Every part of the sum, at its lower and upper end."""

    context: Ends
    ease: Ends
    leak: Ends
    change: Ends
    outage: Ends
    malice: Ends

    @property
    def score(self) -> Ends:
        """SE at both ends."""
        low, high = self.circumstances
        return severity(self.context[0], self.ease[0], low), severity(self.context[1], self.ease[1], high)

    @property
    def circumstances(self) -> Ends:
        """CB at both ends: the sum of its four rows."""
        rows = (self.leak, self.change, self.outage, self.malice)
        return sum(row[0] for row in rows), sum(row[1] for row in rows)


def severity(context: float, ease: float, circumstances: float) -> float:
    """Return SE.

    >>> severity(3, 0.75, 1.0)
    3.25
    """
    return context * ease + circumstances


def band_of(score: float, policy: RiskPolicy) -> int:
    """Return the step of the band a score lies in: 0 low to 3 very high."""
    return max(step for step, band in enumerate(policy.enisa.bands) if score >= band.start)


def read(profile: Profile, policy: RiskPolicy) -> Reading:
    """Return every part of the sum, and put the bands into the profile."""
    reading = Reading(
        context=_context(profile, policy),
        ease=_ease(profile, policy),
        leak=_leak(profile, policy),
        change=_change(profile, policy),
        outage=_outage(profile, policy),
        malice=_ends(profile.intent, policy.enisa.circumstances.malicious),
    )
    low, high = reading.score
    profile.bands = (band_of(low, policy), band_of(high, policy))
    return reading


def _ends(truth: int, weight: float) -> Ends:
    return (weight if truth == YES else 0.0, weight if truth != NO else 0.0)


def _context(profile: Profile, policy: RiskPolicy) -> Ends:
    weights = policy.enisa
    if profile.kinds is None:
        return weights.floor, weights.ceiling
    low, high = 0.0, 0.0
    for name in _classes(profile, policy):
        down, up = _class_score(name, profile, policy)
        low, high = max(low, down), max(high, up)
    if any(policy.data_kinds[kind].enisa == "inherits" for kind in profile.kinds):
        low, high = max(low, weights.inherits_at_least), max(high, weights.inherits_at_least)
    if profile.strange_kinds:
        high = weights.ceiling
    return max(low, weights.floor), max(high, weights.floor)


def _classes(profile: Profile, policy: RiskPolicy) -> list[str]:
    found = {policy.data_kinds[kind].enisa for kind in profile.kinds or ()}
    return [name for name in policy.enisa.base if name in found]


def _class_score(name: str, profile: Profile, policy: RiskPolicy) -> Ends:
    """Return one class's score: its base, raised by the largest step that holds, else lowered."""
    weights = policy.enisa
    base = weights.base[name]
    sure_up = open_up = sure_down = open_down = 0
    for step, test in policy.dpc_steps[name]:
        answer = test(profile)
        if answer == NO:
            continue
        if step.add > 0:
            open_up = max(open_up, step.add)
            sure_up = max(sure_up, step.add) if answer == YES else sure_up
        else:
            open_down = min(open_down, step.add)
            sure_down = min(sure_down, step.add) if answer == YES else sure_down
    low = base + (sure_up or open_down)
    high = base + (open_up or sure_down)
    return min(max(low, weights.floor), weights.ceiling), min(max(high, weights.floor), weights.ceiling)


def _ease(profile: Profile, policy: RiskPolicy) -> Ends:
    hidden = policy.enisa.ease_unreadable
    if profile.confidentiality == NO or profile.readable[1] < CLEAR:
        return hidden, hidden
    low = high = hidden
    for rule, test in policy.ease_tests:
        answer = test(profile)
        if answer != NO:
            high = max(high, rule.value)
        if answer == YES:
            low = rule.value
            break
    if profile.readable[0] < CLEAR or profile.confidentiality == OPEN:
        low = hidden
    return low, high


def _leak(profile: Profile, policy: RiskPolicy) -> Ends:
    if profile.confidentiality == NO or profile.readable[1] == 0:
        return 0.0, 0.0
    weights = policy.enisa.circumstances.confidentiality

    def weight(reach: float, seen: bool) -> float:
        if not seen and reach < PUBLIC:
            return weights.no_sign
        if reach >= UNKNOWN_RECIPIENTS:
            return weights.unknown_recipients
        return weights.known_recipients if reach >= KNOWN_RECIPIENTS else weights.no_sign

    sure = profile.confidentiality == YES and profile.readable[0] > 0
    low = weight(profile.reach[0], profile.acquired) if sure else 0.0
    return low, weight(profile.reach[1], not profile.not_acquired)


def _change(profile: Profile, policy: RiskPolicy) -> Ends:
    if profile.integrity == NO:
        return 0.0, 0.0
    weights, best, worst = policy.enisa.circumstances.integrity, *profile.backup
    used = profile.findings.get("altered-data-used")

    def weight(backup: float) -> float:
        if "restored" in profile.measures:
            return weights.recoverable if used else weights.unused
        if backup == 2:
            return weights.lost
        return weights.recoverable if used or backup == 1 else weights.unused

    return (weight(best) if profile.integrity == YES else 0.0), weight(worst)


def _outage(profile: Profile, policy: RiskPolicy) -> Ends:
    if profile.availability == NO:
        return 0.0, 0.0
    circumstances = policy.enisa.circumstances
    weights, line = circumstances.availability, circumstances.easy_hours

    def weight(backup: float, hours: float) -> float:
        if backup == 2 and "restored" not in profile.measures:
            return weights.lost
        return weights.temporary if hours > line or backup >= 1 else weights.easy

    low = weight(profile.backup[0], profile.hours[0])
    return (low if profile.availability == YES else 0.0), weight(profile.backup[1], profile.hours[1])


def result(profile: Profile, reading: Reading, policy: RiskPolicy) -> MethodResult:
    """Return the method's voice with every step of the sum."""
    low, high = reading.score
    band = policy.enisa.bands[band_of(high, policy)]
    if profile.kinds is None:
        unknown = "Data processing context: unknown, since the kinds of data are not known."
        between = f"SE lies somewhere between {low:g} and {high:g}."
        return MethodResult("enisa-2013", None, None, (unknown, between))
    adding = reading.circumstances[1]
    steps: tuple[str, ...] = (
        *_context_steps(profile, policy),
        _ease_step(profile, reading, policy),
        f"Confidentiality {reading.leak[1]:g}, integrity {reading.change[1]:g}, availability "
        f"{reading.outage[1]:g}, malicious intent {reading.malice[1]:g}: CB = {adding:g}.",
        f"SE = {reading.context[1]:g} × {reading.ease[1]:g} + {adding:g} = {high:g}: {band.name} "
        f"({band.means}).",
    )
    if low != high:
        steps += (f"With what is not known at its best, SE would be {low:g}; the careful end counts.",)
    return MethodResult("enisa-2013", high, band.name, steps)


def _context_steps(profile: Profile, policy: RiskPolicy) -> tuple[str, ...]:
    weights, lines = policy.enisa, []
    for name in _classes(profile, policy):
        score = _class_score(name, profile, policy)[1]
        base = weights.base[name]
        because = next(
            (
                f", {step.because}"
                for step, test in policy.dpc_steps[name]
                if score != base and (step.add > 0) == (score > base) and test(profile) != NO
            ),
            "",
        )
        lines.append(f"{name} data: base {base}{because}, DPC {score:g}.")
    inherited = sorted(kind for kind in profile.kinds or () if policy.data_kinds[kind].enisa == "inherits")
    if inherited:
        lines.append(
            f"{', '.join(inherited)}: login data take the class of what they open, at least "
            f"{weights.inherits_at_least}."
        )
    if profile.strange_kinds:
        lines.append(f"A kind of data is not in the policy: taken as {weights.ceiling}.")
    return tuple(lines) or (f"No class of data: DPC {weights.floor}.",)


def _ease_step(profile: Profile, reading: Reading, policy: RiskPolicy) -> str:
    value = reading.ease[1]
    word = policy.enisa.ease_words.get(f"{value:g}", "")
    if profile.confidentiality == NO:
        because = "nobody outside has the data to match them to a person"
    elif profile.readable[1] < CLEAR:
        because = "the data cannot be read, or hold pseudonyms whose key is safe"
    else:
        reasons = (rule.because for rule, _ in policy.ease_tests if rule.value == value)
        because = next(reasons, "no identifier")
    return f"Ease of identification: {word} ({because}), EI {value:g}."
