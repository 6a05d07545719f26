"""The risk to people: methods as voices, written rules as the bridge, a person's finding last."""

from __future__ import annotations

from functools import partial

from incident_flows.core.facts import Facts
from incident_flows.core.risk import aepd, enisa, factors, reasons, scales
from incident_flows.core.risk.bridge import Verdict, judge
from incident_flows.core.risk.policy import RiskPolicy
from incident_flows.core.risk.result import OWED_TO, Level, Risk, level_between
from incident_flows.core.risk.whatif import explain as explain_facts
from incident_flows.core.situation import RISK_ORDER

FOUND = {"unlikely": 0, "risk": 1, "high-risk": 2}


def assess_risk(facts: Facts, policy: RiskPolicy, *, confirmed: bool = False, explain: bool = True) -> Risk:
    """Return the risk to people, with every method's steps and the reasons for the level.

    The level is the one the rules lead to, unless a person found another (`facts.harm.expected`). A finding
    at or above what the rules leave open is taken; one below it is taken only with reasons and a second
    person.

    Args:
        facts: As known; what is missing is unknown and never lowers the level.
        policy: Words, weights and rules.
        confirmed: Whether a second person confirmed a finding below the rules' level.
        explain: Whether `would_change` and `questions` may be asked for; they are worked out on demand.

    Law:
        Regulation (EU) 2016/679, Art. 33(1) and 34(1): unlikely, risk, high risk.
    """
    verdict = judge(facts, policy)
    proposal = level_between(RISK_ORDER[verdict.low], RISK_ORDER[verdict.high])
    because = reasons.because(facts, verdict, policy)
    flags = reasons.flags(facts, verdict, policy)
    low, high, level = verdict.low, verdict.high, proposal
    found: int | None = None
    if facts.harm.expected is not None:
        taken, line, flag = _finding(facts, verdict, proposal, confirmed=confirmed)
        because, flags = (*because, line), (*flags, flag)
        if taken:
            low = high = found = FOUND[facts.harm.expected]
            level = RISK_ORDER[found]
    return Risk(
        level=level,
        at_least=RISK_ORDER[low],
        at_most=RISK_ORDER[high],
        owed_to=OWED_TO[level],
        methods=(
            enisa.result(verdict.profile, verdict.reading, policy),
            factors.edpb(facts, verdict, policy),
            aepd.result(facts, verdict.profile, policy),
            *scales.results(verdict, policy),
            factors.hipaa(facts, verdict),
        ),
        because=because,
        proposal=proposal,
        flags=flags,
        rules=reasons.deciding(verdict),
        policy_version=policy.version,
        _explain=partial(explain_facts, facts, policy, found) if explain else None,
    )


def _finding(facts: Facts, verdict: Verdict, proposal: Level, *, confirmed: bool) -> tuple[bool, str, str]:
    """Return whether a person's finding is taken, the sentence that says so, and a flag."""
    expected, reason = str(facts.harm.expected), (facts.harm.because or "").strip()
    who = facts.harm.by or "A person"
    why = f", because {reason.rstrip('.')}" if reason else ", without giving reasons"
    if expected == "unlikely" and not reason and proposal != "unlikely":
        return (
            False,
            f"{who} found {expected} without giving reasons; the burden is on the controller, so it is not taken "
            "without them.",
            "finding-without-reasons",
        )
    if FOUND[expected] >= verdict.low:
        line = f"{who} found {expected}{why}; the facts leave that open, so it is the level."
        return True, line, "person-found"
    lowest = RISK_ORDER[verdict.low]
    if not reason:
        return (
            False,
            f"{who} found {expected}, below {lowest}, without giving reasons; a finding that lowers the "
            "level is not taken without them.",
            "finding-without-reasons",
        )
    if not confirmed:
        return (
            False,
            f"{who} found {expected}{why}; that is below {lowest}, and lowering needs a second person, so "
            f"the level stays {proposal}.",
            "needs-second-person",
        )
    return (
        True,
        f"{who} found {expected}{why}; that is below {lowest}, and a second person confirmed it.",
        "lowered-by-two",
    )
