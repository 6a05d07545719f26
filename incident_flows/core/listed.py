"""What a list of people and the facts of an incident say differently about how many there are, and where. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from incident_flows.core.facts import People
from incident_flows.core.story import Difference

LIST = "the list"  # what the other side of a difference is called


def against_facts(people: People, listed: Mapping[str | None, int]) -> list[Difference]:
    """Return where a list of people contradicts the facts.

    Whoever has no known place counts towards whichever place lacks somebody; people whom the facts call
    unreachable need not be listed.

    Args:
        listed: How many people by place, None where it is not known; empty while there is no list.

    >>> found = against_facts(People(total=3, by_place={"ES": 3}), {"ES": 2, "FR": 2})
    >>> [(one.key, one.before, one.now) for one in found]
    [('list.people', 3, 4), ('list.ES', 3, 2), ('list.FR', 0, 2)]
    """
    many = sum(listed.values())
    if not many:
        return []
    found, spare = [], people.unreachable or 0
    total = people.total
    if total is not None and not total.at_least - spare <= many <= (total.at_most or many):
        exact = total.at_least == total.at_most
        said = total.at_least if exact else {"at_least": total.at_least, "at_most": total.at_most}
        found.append(Difference("list.people", "the facts", said, many))
    told = people.by_place or {}
    within: Counter[str] = Counter()
    for place, count in listed.items():
        if place is not None:
            within[next((one for one in (place, place.partition("-")[0]) if one in told), place)] += count
    spare += listed.get(None, 0)
    for place in sorted(within.keys() | told.keys()):
        before, now = told.get(place, 0), within[place]
        if now > before or now + spare < before:
            found.append(Difference(f"list.{place}", "the facts", before, now))
    return found
