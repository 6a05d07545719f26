"""One breach as the risk rules see it: every quality with its lower and upper end.

An unknown fact widens the ends; it never picks one of them. What counts only when shown (a measure, an
earlier publication, that nobody read the data) is read as *not shown* while it is unknown, since the
burden of showing it is on the controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from incident_flows.core.facts import Facts
from incident_flows.core.risk.rules import BACKUP, NO, OPEN, REACH, YES

if TYPE_CHECKING:
    from incident_flows.core.risk.policy import RiskPolicy

Ends = tuple[float, float]
INFINITE = float("inf")
SEALED, VEILED, CLEAR = 0, 1, 2
_REACH_OF = {word: (float(step), float(step)) for step, word in enumerate(REACH)}
_BACKUP_OF = {word: (float(step), float(step)) for step, word in enumerate(BACKUP)}
_ANYBODY = (1.0, 5.0)
_ANYBODY_OR_NOBODY = (0.0, 5.0)
_NOTHING: Mapping[str, bool] = {}


class Profile:
    """The qualities of one breach; pairs are (lower end, upper end), single numbers three-valued.

    Attributes:
        confidentiality, integrity, availability: Was it breached? NO, OPEN or YES.
        kinds: All data kinds of the policy that are concerned; None when unknown.
        readable_kinds: The same without what is properly hashed.
        strange_kinds, strange_groups: Whether a word the policy does not know was used.
        tier, tier_of_all: What the worst readable kind, or kind at all, can do; -1 where there is none.
        reach: Whom the data reached, as a step of `REACH`.
        readable: How readable they are, as a step of `READABLE`.
        backup, hours, ongoing: How badly and how long data were missing.
        out_of_reach: Whether it is stated that they were.
        people: How many people.
        bands: ENISA's band, put in by `enisa.read`.
    """

    __slots__ = (
        "acquired",
        "already_public",
        "availability",
        "backup",
        "bands",
        "confidentiality",
        "conflicts",
        "findings",
        "groups",
        "hours",
        "integrity",
        "intent",
        "kinds",
        "measures",
        "not_acquired",
        "ongoing",
        "out_of_reach",
        "people",
        "reach",
        "readable",
        "readable_kinds",
        "strange_groups",
        "strange_kinds",
        "tier",
        "tier_of_all",
    )

    confidentiality: int
    integrity: int
    availability: int
    intent: int
    acquired: bool
    not_acquired: bool
    already_public: bool
    ongoing: bool
    out_of_reach: bool
    kinds: frozenset[str] | None
    readable_kinds: frozenset[str] | None
    strange_kinds: bool
    strange_groups: bool
    tier: Ends
    tier_of_all: Ends
    reach: Ends
    readable: Ends
    backup: Ends
    hours: Ends
    people: Ends
    bands: Ends
    groups: frozenset[str] | None
    measures: frozenset[str]
    findings: Mapping[str, bool]
    conflicts: list[str]

    def __init__(self, facts: Facts, policy: RiskPolicy) -> None:
        breach, data, people, harm = facts.breach, facts.data, facts.people, facts.harm
        self.conflicts = []
        kinds, exposure, acquired = breach.kinds, breach.exposure, breach.acquired
        self.confidentiality = self._leaked(kinds, exposure, acquired)
        self.integrity = OPEN if kinds is None else YES if "integrity" in kinds else NO
        self.availability = self._missed(kinds, data.unavailable_hours)
        self.out_of_reach = kinds is not None and "availability" in kinds
        self.reach = self._reached(exposure, acquired)
        self.acquired = acquired is True
        self.not_acquired = acquired is False
        cause = breach.cause
        self.intent = (
            YES
            if exposure == "hostile" or cause in ("malicious-outsider", "malicious-insider")
            else OPEN
            if cause is None or exposure is None
            else NO
        )

        self.strange_kinds = self.strange_groups = False
        self.kinds = self._known(data.kinds, policy)
        self.readable_kinds = self.kinds
        self.readable = self._readability(facts, policy)
        self.tier = self._tier(self.readable_kinds, policy)
        self.tier_of_all = self.tier if self.readable_kinds == self.kinds else self._tier(self.kinds, policy)
        self.already_public = data.already_public is True
        self.backup = _BACKUP_OF.get(data.backup or "", (0.0, 2.0))
        hours = data.unavailable_hours
        self.hours = (0.0, INFINITE) if hours is None else (hours, hours)
        self.ongoing = breach.ongoing is True

        groups = people.groups
        self.groups = None if groups is None else frozenset(groups)
        if self.groups and not self.groups <= policy.words.groups.keys():
            self.strange_groups = True
        self.people = _counted(facts)
        self.measures = frozenset(harm.measures or ())
        self.findings = facts.findings or _NOTHING
        self.bands = (0.0, 3.0)

    def _leaked(self, kinds: tuple[str, ...] | None, exposure: str | None, acquired: bool | None) -> int:
        nobody = exposure == "none"
        if kinds is None:
            recipients = exposure not in (None, "none")
            if acquired or (recipients and acquired is None):
                return YES
            return NO if nobody and acquired is False else OPEN
        if "confidentiality" in kinds:
            if nobody and acquired is not False:
                if acquired:
                    self.conflicts.append("breach.exposure says none, breach.acquired says data were taken")
                    return YES
                return OPEN
            return YES
        if nobody or acquired is False:
            if acquired:
                self.conflicts.append("breach.kinds and breach.exposure name no leak, breach.acquired does")
            elif exposure not in (None, "none", "hostile"):
                self.conflicts.append("breach.kinds and breach.acquired name no leak, breach.exposure does")
            return NO
        if acquired:
            self.conflicts.append("breach.kinds names no leak, breach.acquired says data were taken")
            return YES
        return OPEN

    def _missed(self, kinds: tuple[str, ...] | None, hours: float | None) -> int:
        if kinds is None:
            return YES if hours else OPEN
        if "availability" in kinds:
            return YES
        if hours:
            self.conflicts.append("data.unavailable_hours is not 0, breach.kinds names no outage")
        return NO

    def _reached(self, exposure: str | None, acquired: bool | None) -> Ends:
        if exposure is None:
            return _ANYBODY if acquired else _ANYBODY_OR_NOBODY
        return _REACH_OF[exposure]

    def _known(self, kinds: tuple[str, ...] | None, policy: RiskPolicy) -> frozenset[str] | None:
        if kinds is None:
            return None
        found = frozenset(kinds)
        known = found & policy.words.kinds
        self.strange_kinds = len(known) != len(found)
        return known

    def _readability(self, facts: Facts, policy: RiskPolicy) -> Ends:
        """Return how readable the data are; hashing that leaves passwords unreadable drops them."""
        protection, key_exposed = facts.data.protection, facts.data.key_exposed
        if protection is None:
            return (CLEAR, CLEAR) if facts.breach.medium in ("paper", "oral") else (SEALED, CLEAR)
        if protection == "encrypted" and facts.breach.medium in ("paper", "oral"):
            self.conflicts.append(f"data.protection says encrypted, breach.medium says {facts.breach.medium}")
        if protection in ("none", "hashed"):
            return CLEAR, CLEAR
        if protection == "hashed-salted":
            hashable = policy.words.sets["hashable"]
            if self.kinds is None:
                return SEALED, CLEAR
            if not self.kinds.isdisjoint(hashable):
                self.readable_kinds = self.kinds - hashable
                return (CLEAR, CLEAR) if self.readable_kinds or self.strange_kinds else (SEALED, SEALED)
        kept = SEALED if protection == "encrypted" else VEILED
        if key_exposed is None:
            return kept, CLEAR
        return (CLEAR, CLEAR) if key_exposed else (kept, kept)

    def _tier(self, kinds: frozenset[str] | None, policy: RiskPolicy) -> Ends:
        if kinds is None:
            return -1.0, 3.0
        tiers = policy.tier_of
        worst = max((tiers[kind] for kind in kinds), default=-1.0)
        return (worst, 3.0) if self.strange_kinds else (worst, worst)


def _counted(facts: Facts) -> Ends:
    people = facts.people
    placed = sum(people.by_place.values()) if people.by_place else 0
    if people.total is None:
        return placed, INFINITE
    most = people.total.at_most
    return max(people.total.at_least, placed), INFINITE if most is None else most
