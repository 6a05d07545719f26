"""Views by factors: the EDPB's list for the GDPR, and HIPAA's four factors. Voices that name, not score."""

from __future__ import annotations

from incident_flows.core.facts import Facts
from incident_flows.core.risk.bridge import Verdict
from incident_flows.core.risk.policy import RiskPolicy
from incident_flows.core.risk.profile import CLEAR, INFINITE, SEALED, Profile
from incident_flows.core.risk.result import MethodResult
from incident_flows.core.risk.rules import NO, REACH, YES
from incident_flows.core.risk.scales import GONE, place

EASE = {0.25: "very hard", 0.5: "hard", 0.75: "possible with some research", 1.0: "immediate"}
UNKNOWN = "not known"


def listed(words: tuple[str, ...] | None) -> str:
    """Return words as they stand in a sentence.

    >>> listed(("name", "email", "phone"))
    'name, email and phone'
    """
    if words is None:
        return UNKNOWN
    if not words:
        return "none"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def counted(profile: Profile) -> str:
    """Return the number of people in words."""
    low, high = profile.people
    if low == high:
        return f"{low:.0f} {'person' if low == 1 else 'people'}"
    if high == INFINITE:
        return "an unknown number of people" if low == 0 else f"at least {low:.0f} people"
    return f"between {low:.0f} and {high:.0f} people"


def edpb(facts: Facts, verdict: Verdict, policy: RiskPolicy) -> MethodResult:
    """Return the factors the EDPB lists, as the facts fill them."""
    profile, at = verdict.profile, place(verdict, policy)
    organisation = facts.organisation
    traits = (*(organisation.sectors or ()), *(organisation.statuses or ()))
    worst = "" if profile.kinds is None else f"; the worst of them can do {_harm(profile)}"
    steps = (
        f"Kind of breach: {listed(facts.breach.kinds)}.",
        f"Nature, sensitivity and volume of the data: {listed(facts.data.kinds)}{worst}.",
        f"Ease of identification: {EASE.get(verdict.reading.ease[1], UNKNOWN)}.",
        f"Consequences: recipients {facts.breach.exposure or UNKNOWN}, seen or taken "
        f"{_said(facts.breach.acquired)}, intent to harm {_truth(profile.intent)}.",
        f"Special traits of the people: {listed(facts.people.groups)}.",
        f"Special traits of the controller: {listed(traits) if traits else UNKNOWN}.",
        f"Number of people: {counted(profile)}; one can be enough.",
        f"Severity {at.severity} of 4 and likelihood {at.likelihood} of 4 overall.",
    )
    return MethodResult("edpb-factors", None, None if profile.kinds is None else at.combined, steps)


def hipaa(facts: Facts, verdict: Verdict) -> MethodResult:
    """Return the four factors of 45 CFR 164.402(2); low probability of compromise must be shown."""
    profile = verdict.profile
    gone = not GONE.isdisjoint(profile.measures)
    sealed = profile.readable[1] == SEALED
    reach = REACH[int(profile.reach[1])] if profile.reach[0] == profile.reach[1] else UNKNOWN
    unseen = profile.not_acquired and (gone or "remote-wipe-done" in profile.measures or reach == "none")
    if profile.confidentiality == NO:
        band = "no disclosure"
    elif sealed:
        band = "secured data"
    elif unseen or (gone and reach in ("none", "trusted-recipient")):
        band = "low probability shown"
    else:
        band = "low probability not shown"
    readable = "readable" if profile.readable[0] == CLEAR else "unreadable" if sealed else "perhaps readable"
    measures = listed(facts.harm.measures)
    steps: tuple[str, ...] = (
        f"Nature and extent: {listed(facts.data.kinds)}, {readable}; identification "
        f"{EASE.get(verdict.reading.ease[1], UNKNOWN)}.",
        f"Who used or received them: {reach}.",
        f"Actually acquired or viewed: {_said(facts.breach.acquired)}.",
        f"Risk mitigated: {measures}.",
    )
    if profile.kinds is not None and profile.kinds.isdisjoint(("health", "health-insurance")):
        steps += ("No health information is named; the factors are shown for comparison.",)
    return MethodResult("hipaa-4", None, band, steps)


def _harm(profile: Profile) -> str:
    words = ("nuisance", "significant nuisance", "harm to money or movements", "grave harm")
    tier = int(profile.tier[1])
    return words[tier] if tier >= 0 else "nothing while it stays unreadable"


def _said(value: bool | None) -> str:
    return UNKNOWN if value is None else "yes" if value else "no"


def _truth(value: int) -> str:
    return "yes" if value == YES else "no" if value == NO else UNKNOWN
