"""One incident as conditions see it: facts, places and risk, asked in three values.

A `Situation` answers questions such as "how many of the people live in California, at least and at
most?". It holds no law; places and their groups come from `playbooks/authorities/places.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Literal

from incident_flows.core.facts import Facts
from incident_flows.core.truth import Outcome, decided, no, unknown, yes

RiskLevel = Literal["unlikely", "risk", "high"]
RISK_ORDER: tuple[RiskLevel, ...] = ("unlikely", "risk", "high")


def inside(code: str, area: str, groups: Mapping[str, frozenset[str]]) -> bool:
    """Return whether place `code` lies in `area`, a place or a group.

    `DE-BW` lies in `DE`, and in every group that holds `DE-BW` or `DE`.
    """
    if code == area or code.startswith(area + "-"):
        return True
    members = groups.get(area)
    return members is not None and (code in members or code.partition("-")[0] in members)


def around(code: str, area: str, groups: Mapping[str, frozenset[str]]) -> bool:
    """Return whether `code` is a wider place holding `area`, so that part of it may lie inside."""
    if area in groups:
        return any(member.startswith(code + "-") for member in groups[area])
    return area.startswith(code + "-")


def touches(code: str, area: str, groups: Mapping[str, frozenset[str]]) -> bool:
    """Return whether `code` lies in `area` or holds a part of it."""
    return inside(code, area, groups) or around(code, area, groups)


@dataclass(frozen=True, slots=True)
class RiskBounds:
    """Where the risk to people lies; both ends inclusive, equal when it is determined."""

    at_least: RiskLevel = "unlikely"
    at_most: RiskLevel = "high"


@dataclass(frozen=True)
class Situation:
    """Facts with what is needed to ask them questions.

    Attributes:
        facts: As known at one moment.
        groups: Place groups by name, such as EEA, each a set of place codes.
        risk: Bounds on the risk to people.
        as_of: The date whose law applies.
    """

    facts: Facts
    groups: Mapping[str, frozenset[str]]
    as_of: date
    risk: RiskBounds = RiskBounds()
    _reach: dict[tuple[str, str], Outcome] = field(default_factory=dict, compare=False, repr=False)

    def inside(self, code: str, area: str) -> bool:
        """Return whether place `code` lies in `area`, a place or a group."""
        return inside(code, area, self.groups)

    def around(self, code: str, area: str) -> bool:
        """Return whether `code` is a wider place holding `area`, so that part of it may lie inside."""
        return around(code, area, self.groups)

    def established(self, area: str) -> Outcome:
        """Answer: has the organisation an establishment in `area`?"""
        return self._remember("established", area)

    def people_in(self, area: str) -> Outcome:
        """Answer: does at least one of the people live in `area`?"""
        return self._remember("people", area)

    def markets(self, area: str) -> Outcome:
        """Answer: does the organisation offer its services in `area`?"""
        places = self.facts.organisation.markets
        if places is None:
            return unknown("organisation.markets")
        return decided(
            any(self.inside(place, area) or self.around(place, area) for place in places),
            f"it offers services in {', '.join(places) or 'no place'}",
        )

    def _remember(self, kind: str, area: str) -> Outcome:
        key = (kind, area)
        if key not in self._reach:
            self._reach[key] = self._established(area) if kind == "established" else self._people_in(area)
        return self._reach[key]

    def _established(self, area: str) -> Outcome:
        establishments = self.facts.organisation.establishments
        if establishments is None:
            return unknown("organisation.establishments")
        inside = [spot.place for spot in establishments if self.inside(spot.place, area)]
        if inside:
            return yes(f"established in {', '.join(inside)}")
        if any(self.around(spot.place, area) for spot in establishments):
            return unknown("organisation.establishments")
        return no(f"no establishment in {area}")

    def _people_in(self, area: str) -> Outcome:
        least, most = self.people_count(area)
        if least > 0:
            return yes(
                f"{least} or more of the people live in {area}"
                if most != least
                else f"{least} of the people live in {area}"
            )
        if most == 0:
            return no(f"none of the people live in {area}")
        return unknown(
            "people.by_place"
            if self.facts.people.by_place is None or self.placed_wider(area)
            else "people.total"
            if self.facts.people.total is None
            else "people.by_place"
        )

    def placed_wider(self, area: str) -> bool:
        """Return whether people are counted in a wider place that may lie partly in `area`."""
        by_place = self.facts.people.by_place or {}
        return any(count and self.around(code, area) for code, count in by_place.items())

    @cached_property
    def moments(self) -> Mapping[str, datetime]:
        """The single moments that are known, by name."""
        return self.facts.moments.known()

    @cached_property
    def total(self) -> tuple[int, int | None]:
        """All the people: at least, at most (None: no upper bound)."""
        people = self.facts.people
        placed = sum(people.by_place.values()) if people.by_place else 0
        if people.total is None:
            return placed, None
        return max(people.total.at_least, placed), people.total.at_most

    def people_count(self, area: str) -> tuple[int, int | None]:
        """Return how many of the people live in `area`: at least, at most (None: no upper bound).

        People counted only for a wider place, or for none, may live in `area` or elsewhere.
        """
        by_place = self.facts.people.by_place
        total_most = self.total[1]
        if by_place is None:
            return 0, total_most
        inside = sum(count for code, count in by_place.items() if self.inside(code, area))
        if total_most is None:
            return inside, None
        elsewhere = sum(
            count
            for code, count in by_place.items()
            if not self.inside(code, area) and not self.around(code, area)
        )
        return inside, total_most - elsewhere
