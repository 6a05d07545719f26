"""Scales of severity and likelihood: CNIL, AEPD 2021, DSK, Ireland and ICO, in the authorities' own words.

Severity is what the worst readable data, or the worst loss, can do; likelihood is who has them and what
stands in the way. Both are taken on the careful side of what is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

from incident_flows.core.risk.bridge import HIGH, Part, Verdict
from incident_flows.core.risk.policy import RiskPolicy
from incident_flows.core.risk.profile import CLEAR, SEALED, Profile
from incident_flows.core.risk.result import MethodResult
from incident_flows.core.risk.rules import REACH, TIERS
from incident_flows.core.risk.shapes import IcoWords, VoiceWords
from incident_flows.core.situation import RISK_ORDER

GONE = frozenset(("recipient-returned", "recipient-confirmed-deletion"))
ORDER = {"low": 0, "risk": 1, "high": 2}


@dataclass(frozen=True, slots=True)
class Steps:
    """One place on the two scales, with the reason for each."""

    severity: int
    likelihood: int
    because: tuple[str, str]
    combined: str


def place(verdict: Verdict, policy: RiskPolicy) -> Steps:
    """Return the worst place any part of the breach takes."""
    places = [_place_part(part, verdict.profile, policy) for part in verdict.parts]
    if not places:
        return Steps(1, 1, ("nothing personal was breached", "nothing personal was breached"), "low")
    return max(places, key=lambda at: (ORDER[at.combined], at.severity + at.likelihood))


def _place_part(part: Part, profile: Profile, policy: RiskPolicy) -> Steps:
    weights = policy.scales
    if part.name != "confidentiality" or part.overridden:
        level = RISK_ORDER[part.high]
        severity, likelihood = weights.severity.levels[level], weights.likelihood.levels[level]
        because = (f"loss of {part.name}, {level} by the rules", f"loss of {part.name}, {level} by the rules")
        return Steps(severity, likelihood, because, weights.matrix[severity - 1][likelihood - 1])
    tier = int(profile.tier[1])
    worst = TIERS[tier] if tier >= 0 else "no readable"
    severity = weights.severity.tiers.get(worst, 1)
    why = f"{worst} data"
    protected = [group for group in profile.groups or () if policy.words.groups.get(group) == "protected"]
    if protected:
        severity = min(severity + weights.severity.protected_group, 4)
        why += f" of {', '.join(sorted(protected))}"
    reach = REACH[int(profile.reach[1])]
    likelihood = weights.likelihood.reach[reach]
    how = f"exposed to: {reach}"
    if profile.readable[1] == SEALED:
        likelihood, how = 1, "the data cannot be read"
    elif profile.readable[1] < CLEAR:
        likelihood, how = likelihood + weights.likelihood.veiled, how + ", under pseudonyms"
    if not GONE.isdisjoint(profile.measures):
        likelihood, how = likelihood + weights.likelihood.came_back, how + ", returned or deleted"
    likelihood = max(likelihood, 1)
    return Steps(severity, likelihood, (why, how), weights.matrix[severity - 1][likelihood - 1])


def results(verdict: Verdict, policy: RiskPolicy) -> tuple[MethodResult, ...]:
    """Return the voices that share the two scales."""
    at = place(verdict, policy)
    open_kinds = verdict.profile.kinds is None
    return (
        *(_voice(words, at, open_kinds) for words in policy.scales.voices),
        _ico(policy.scales.ico, at, verdict),
    )


def _voice(words: VoiceWords, at: Steps, open_kinds: bool) -> MethodResult:
    severity, likelihood = words.severity[at.severity - 1], words.likelihood[at.likelihood - 1]
    steps: tuple[str, ...] = (
        f"Severity {at.severity} of 4, {severity}: {at.because[0]}.",
        f"Likelihood {at.likelihood} of 4, {likelihood}: {at.because[1]}.",
    )
    if open_kinds:
        steps += ("The kinds of data are not known: taken at worst.",)
        return MethodResult(words.id, None, None, steps)
    if words.bands is None:
        return MethodResult(words.id, None, f"severity {severity}, likelihood {likelihood}", steps)
    top = words.top is not None and at.severity == at.likelihood == 4
    band = str(words.top) if top else words.bands[at.combined]  # type: ignore[index]
    return MethodResult(words.id, None, band, (*steps, f"Both together: {band}."))


def _ico(words: IcoWords, at: Steps, verdict: Verdict) -> MethodResult:
    if not verdict.parts:
        return MethodResult("ico", None, words.answers["low"], ("Is it a personal data breach? No.",))
    sure = any(part.sure for part in verdict.parts)
    step = words.steps[at.severity + at.likelihood]
    undecided = verdict.low != verdict.high
    answer = "open" if undecided else at.combined
    high = "yes" if verdict.low == HIGH else "not yet known" if verdict.high == HIGH else "no"
    steps = (
        f"Is it a personal data breach? {'Yes' if sure else 'Not yet known'}.",
        f"How likely are significant consequences? {'Not yet known, at worst ' if undecided else ''}{step}.",
        f"Is the risk high? {high.capitalize()} by the rules.",
    )
    return MethodResult("ico", None, words.answers[answer], steps)  # type: ignore[index]
