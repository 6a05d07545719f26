"""Which regimes can have anything to say about a situation, found by place without asking each of them. Pure.

Most regimes reach a breach only if the organisation is established, or people live, in one area. An index of
those areas names the few that are worth asking; every other one would answer *no*, and is not asked. The
index decides nothing: it leaves a regime out only where its own condition could not but be *no*.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from incident_flows.core.conditions import All, AnyOf, Condition, Is, Not
from incident_flows.core.situation import Situation, touches

ESTABLISHED, PEOPLE = "established", "people"
Tie = tuple[str, str]  # established or people, and the area


def ties(condition: Condition) -> frozenset[Tie] | None:
    """Return ties one of which must be there for the condition to be anything but *no*; None if none bind it.

    >>> from incident_flows.core.conditions import parse_condition
    >>> sorted(ties(parse_condition({"any": [{"established": "ES"}, {"people_in": "EEA"}]}, place="ES")))
    [('established', 'ES'), ('people', 'EEA')]
    """
    if isinstance(condition, Is):
        return _of_test(condition)
    if isinstance(condition, Not):
        return None
    found = [ties(part) for part in condition.parts]
    bound = [one for one in found if one is not None]
    if isinstance(condition, All):
        return min(bound, key=len, default=None)
    assert isinstance(condition, AnyOf)
    return frozenset().union(*bound) if len(bound) == len(found) else None


def _of_test(test: Is) -> frozenset[Tie] | None:
    if test.test == "established":
        return frozenset((ESTABLISHED, area) for area in test.argument)
    if test.test == "people_in":
        return frozenset((PEOPLE, area) for area in test.argument)
    if test.test == "residents" and (test.argument.get("gte", 0) > 0 or test.argument.get("gt", -1) >= 0):
        return frozenset({(PEOPLE, test.argument.get("place", test.place))})
    return None


class ReachIndex:
    """Regimes by the areas that tie them to a breach.

    Args:
        reaches: Each regime's condition, by its id.
        groups: Place groups by name.
    """

    def __init__(
        self, reaches: Iterable[tuple[str, Condition]], groups: Mapping[str, frozenset[str]]
    ) -> None:
        self._groups = groups
        self._always: set[str] = set()
        self._tied: dict[Tie, set[str]] = {}
        for id_, condition in reaches:
            bound = ties(condition)
            if bound is None:
                self._always.add(id_)
            for tie in bound or ():
                self._tied.setdefault(tie, set()).add(id_)
        self._anybody = {
            kind: self._always.union(*(ids for (what, _), ids in self._tied.items() if what == kind), ())
            for kind in (ESTABLISHED, PEOPLE)
        }
        self._near: dict[Tie, frozenset[str]] = {}

    def worth_asking(self, situation: Situation) -> set[str]:
        """Return the ids of all regimes that do not certainly answer *no*."""
        found = set(self._always)
        spots = situation.facts.organisation.establishments
        if spots is None:
            found |= self._anybody[ESTABLISHED]
        for spot in spots or ():
            found |= self.near(ESTABLISHED, spot.place)
        _, most = situation.total
        by_place = situation.facts.people.by_place or {}
        if most is None or most > sum(by_place.values()):
            found |= self._anybody[PEOPLE]
        else:
            for code, count in by_place.items():
                if count:
                    found |= self.near(PEOPLE, code)
        return found

    def near(self, kind: str, code: str) -> frozenset[str]:
        """Return the regimes tied to any area that holds `code` or lies in it."""
        key = (kind, code)
        if key not in self._near:
            self._near[key] = frozenset(
                id_
                for (what, area), ids in self._tied.items()
                if what == kind and touches(code, area, self._groups)
                for id_ in ids
            )
        return self._near[key]
