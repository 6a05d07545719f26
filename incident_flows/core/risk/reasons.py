"""The sentences of an assessment: what happened, which rules decided, what did not count."""

from __future__ import annotations

from incident_flows.core.facts import Facts
from incident_flows.core.risk.bridge import UNLIKELY, Part, Verdict
from incident_flows.core.risk.factors import counted, listed
from incident_flows.core.risk.policy import RiskPolicy
from incident_flows.core.risk.profile import CLEAR, SEALED
from incident_flows.core.risk.rules import YES
from incident_flows.core.risk.scales import place
from incident_flows.core.situation import RISK_ORDER

REACHED = {
    "none": "were exposed to nobody",
    "trusted-recipient": "reached a trusted recipient",
    "known-recipient": "reached known recipients",
    "unknown-recipient": "reached an unknown recipient",
    "public": "stood in public",
    "hostile": "are in hostile hands",
}
TAKEN = {True: "they were seen or taken", False: "no sign that anybody saw or took them", None: ""}
CAUSES = {
    "malicious-outsider": "an outsider who meant harm",
    "malicious-insider": "an insider who meant harm",
    "mistake": "a mistake",
    "failure": "a failure",
}
PROTECTED = {
    "none": "they were not protected",
    "encrypted": "they were encrypted",
    "hashed-salted": "hashed with salt",
    "hashed": "hashed without salt",
    "pseudonymised": "they were pseudonymised",
}
SAYS = {"confidentiality": "Leak", "availability": "Loss of availability", "integrity": "Loss of integrity"}
SAME = {"low": 0, "risk": 1, "high": 2}
MEDIUM = 1.0


def because(facts: Facts, verdict: Verdict, policy: RiskPolicy) -> tuple[str, ...]:
    """Return the reasons for the engine's own level, one sentence each."""
    lines = [_what_happened(facts, verdict)]
    if not verdict.parts:
        lines.append("No part of it is a breach of personal data: nothing leaked, was altered or was lost.")
    for part in verdict.parts:
        lines.extend(_part(part, policy))
    if verdict.low != verdict.high:
        missing = _missing(facts)
        lines.append(f"Not known: {', '.join(missing)}." if missing else "What is known leaves it open.")
    if verdict.high == UNLIKELY and verdict.profile.bands[1] >= MEDIUM and verdict.parts:
        band = policy.enisa.bands[int(verdict.profile.bands[1])].name
        lines.append(
            f"ENISA's formula gives {band}, for it weighs the data even where the harm was averted; the "
            "ground above is the documented reason to go below it."
        )
    lines.extend(_measures(facts, policy))
    lines.extend(f"The facts contradict each other: {conflict}." for conflict in verdict.profile.conflicts)
    return tuple(dict.fromkeys(lines))


def flags(facts: Facts, verdict: Verdict, policy: RiskPolicy) -> tuple[str, ...]:
    """Return what a reader must notice beside the level."""
    profile, found = verdict.profile, []
    if profile.people[0] > policy.enisa.many_people:
        found.append("more-than-100-people")
    if profile.readable[1] == SEALED:
        found.append("data-unintelligible")
    if profile.conflicts:
        found.append("facts-contradict")
    if profile.strange_kinds or profile.strange_groups:
        found.append("word-not-in-policy")
    if profile.ongoing:
        found.append("still-going-on")
    if verdict.high == UNLIKELY and profile.bands[1] >= MEDIUM and verdict.parts:
        found.append("below-enisa")
    scale = place(verdict, policy).combined
    if verdict.low == verdict.high and profile.kinds is not None and SAME[scale] != verdict.high:
        found.append("voices-differ")
    if facts.data.protection == "pseudonymised" and profile.kinds and "name" in profile.kinds:
        found.append("pseudonymised-yet-names")
    return tuple(found)


def deciding(verdict: Verdict) -> tuple[str, ...]:
    """Return the ids of the rules and grounds that the level rests on."""
    ids: list[str] = []
    for part in verdict.parts:
        if part.answered is not None:
            ids.append(part.answered.rule.id)
        ids.extend(entry.rule.id for entry in part.fired if entry.level == part.high)
    return tuple(dict.fromkeys(ids))


def _what_happened(facts: Facts, verdict: Verdict) -> str:
    profile = verdict.profile
    whom = listed(facts.people.groups) if facts.people.groups else ""
    data = "Data of unknown kind" if facts.data.kinds is None else listed(facts.data.kinds)
    about = f"{data} of {counted(profile)}" + (f" ({whom})" if whom else "")
    reached = REACHED.get(facts.breach.exposure or "", "reached nobody knows whom")
    if profile.confidentiality != YES and facts.breach.exposure is None:
        reached = "are concerned"
    elif profile.confidentiality != YES and facts.breach.exposure == "hostile":
        reached = "were within an attacker's reach"
    clauses = [f"{about} {reached}"]
    clauses.append(TAKEN[facts.breach.acquired])
    clauses.append(_protection(facts, profile.readable))
    if facts.breach.cause is not None:
        clauses.append(f"the cause was {CAUSES[facts.breach.cause]}")
    if facts.data.unavailable_hours:
        clauses.append(f"they were unavailable for {facts.data.unavailable_hours:g} hours")
    if facts.data.backup is not None and "availability" in (facts.breach.kinds or ()):
        backup = facts.data.backup
        clauses.append("there is no backup" if backup == "none" else f"the backup is {backup}")
    sentence = "; ".join(clause for clause in clauses if clause)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _protection(facts: Facts, readable: tuple[float, float]) -> str:
    protection, key = facts.data.protection, facts.data.key_exposed
    if protection is None:
        return "they were readable" if readable[0] == CLEAR else ""
    words = PROTECTED[protection]
    if protection in ("encrypted", "pseudonymised"):
        words += {None: ", and whether the key is safe is not known", True: ", but the key is out"}.get(
            key, " and the key is safe"
        )
    return words


def _part(part: Part, policy: RiskPolicy) -> list[str]:
    """Return the sentences of one part: the rules at its level, or the ground that answers them."""
    name = SAYS[part.name] if part.sure else f"{SAYS[part.name]}, if there was one"
    lines = []
    if part.answered is not None and part.high <= part.answered.level:
        lines.append(f"{name}: {part.answered.rule.because}")
    decided = [entry for entry in part.fired if entry.level == part.high]
    if part.answered is None or part.high > part.answered.level:
        if decided:
            lines.extend(f"{name}: {entry.rule.because}" for entry in decided)
        elif part.low == part.high:
            lines.append(f"{name}: {policy.floor.because}")
    if part.low != part.high:
        worst = next((entry for entry in part.left_open if entry.level == part.high), None)
        if not decided and worst is not None:
            lines.append(f"{name}: it could be {RISK_ORDER[part.high]}: {worst.rule.because}")
        if part.open_ground is not None and part.low == part.open_ground.level:
            lines.append(f"{name}: it could be {RISK_ORDER[part.low]}: {part.open_ground.rule.because}")
        elif not part.sure:
            lines.append(f"Whether there was a {SAYS[part.name].lower()} at all is not known.")
    return lines


def _missing(facts: Facts) -> list[str]:
    looked_at: dict[str, object] = {
        "breach.kinds": facts.breach.kinds,
        "breach.exposure": facts.breach.exposure,
        "breach.acquired": facts.breach.acquired,
        "breach.cause": facts.breach.cause,
        "data.kinds": facts.data.kinds,
        "data.protection": facts.data.protection,
        "people.total": facts.people.total,
        "people.groups": facts.people.groups,
    }
    if facts.data.protection in ("encrypted", "pseudonymised", "hashed-salted"):
        looked_at["data.key_exposed"] = facts.data.key_exposed
    if facts.breach.kinds is None or {"availability", "integrity"} & set(facts.breach.kinds):
        looked_at["data.backup"] = facts.data.backup
        looked_at["data.unavailable_hours"] = facts.data.unavailable_hours
    return [path for path, value in looked_at.items() if value is None]


def _measures(facts: Facts, policy: RiskPolicy) -> list[str]:
    lines = []
    for word in facts.harm.measures or ():
        measure = policy.measures.get(word)
        if measure is None or measure.effect == "none":
            why = measure.because if measure is not None else "the policy does not know it"
            lines.append(f"Does not count: {word}, since {why}.")
        elif measure.effect == "partly":
            lines.append(f"Counts in part: {word}; {measure.because}.")
    return lines
