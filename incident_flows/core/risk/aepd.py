"""The AEPD's formula of 2018: volume × kind × impact. Superseded by its guide of 2021; orientation only."""

from __future__ import annotations

from incident_flows.core.facts import Facts
from incident_flows.core.risk.policy import RiskPolicy
from incident_flows.core.risk.profile import INFINITE, Profile
from incident_flows.core.risk.result import MethodResult


def formula(volume: int, kind: int, impact: int) -> int:
    """Return the formula's number.

    >>> formula(3, 1, 10)
    30
    """
    return volume * kind * impact


def volume_of(count: float, policy: RiskPolicy) -> int:
    """Return the value for a number of records, or of people where records were not counted."""
    return max((step.value for step in policy.aepd.volume if count >= step.start), default=0)


def result(facts: Facts, profile: Profile, policy: RiskPolicy) -> MethodResult:
    """Return the formula's voice; what is unknown is taken at its worst."""
    weights = policy.aepd
    if profile.kinds is None:
        return MethodResult("aepd-2018", None, None, ("The kinds of data are not known: no factor.",))
    records = facts.data.records
    count, what = (profile.people[1], "people") if records is None else (float(records), "records")
    volume = volume_of(count, policy)
    shown = "an unknown number of" if count == INFINITE else f"{count:.0f}"
    sort = "ordinary" if profile.kinds.isdisjoint(policy.words.sets["special"]) else "sensitive"
    kind = weights.kind["sensitive" if profile.strange_kinds else sort]  # type: ignore[index]
    exposure = facts.breach.exposure or "unknown"
    impact = weights.impact[exposure]
    number = formula(volume, kind, impact)
    if number > weights.people_above:
        band = f"above {weights.people_above}"
        means = "people are told if two qualitative circumstances hold too"
    elif number > weights.authority_above:
        band = f"above {weights.authority_above}"
        means = "the authority is told if two qualitative circumstances hold too"
    else:
        band, means = f"up to {weights.authority_above}", "below the formula's line for telling the authority"
    steps = (
        f"Volume: {shown} {what}, P = {volume}.",
        f"Kind: {sort} data, factor {kind}; exposure: {exposure}, impact {impact}.",
        f"Risk = {volume} × ({kind} × {impact}) = {number}: {means}.",
    )
    return MethodResult("aepd-2018", float(number), band, steps)
