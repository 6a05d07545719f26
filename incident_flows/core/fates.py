"""What became of a letter after the provider took it over, by the provider's events. Pure.

Events come late, twice, and in any order. A state only moves forward by rank, so the order does not matter;
an event counts once, by a digest of our own, since the provider gives a repeated event a new id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# By rank. `delivered`: the reader's mail server took it; nobody knows whether it was read. Any sign of opening
# proves that. What follows is a failure for good, which may still be reported after an acceptance.
STATES = ("waiting", "processed", "deferred", "delivered", "dropped", "blocked", "bounced")
UNREACHED = frozenset({"dropped", "blocked", "bounced"})
_LOST = min(rank for rank, name in enumerate(STATES) if name in UNREACHED)  # and all above it
_RANK = {name: rank for rank, name in enumerate(STATES)}
_MEANS = {
    "processed": "processed",
    "deferred": "deferred",
    "delivered": "delivered",
    "open": "delivered",
    "click": "delivered",
    "spamreport": "delivered",
    "unsubscribe": "delivered",
    "group_unsubscribe": "delivered",
    "group_resubscribe": "delivered",
    "dropped": "dropped",
    "bounce": "bounced",
}
DIGEST = 8  # bytes


@dataclass(frozen=True, slots=True)
class Event:
    """One event about one copy.

    Attributes:
        nonce: Names the request the copy was in; random, ours.
        place: Which copy of it, from 0.
        rank: Of the state it reports.
        at: Unix time of the event.
        digest: Names the event for good.
    """

    nonce: str
    place: int
    rank: int
    at: int
    digest: bytes


def read_events(given: Iterable[Any]) -> tuple[list[Event], int]:
    """Return the events about copies of ours, and how many could not be read.

    Args:
        given: The provider's events as parsed; whatever else stands in them, such as the address, is not kept.
    """
    found, strange = [], 0
    for one in given:
        event = _read(one) if isinstance(one, Mapping) else None
        if event is None:
            strange += 1
        else:
            found.append(event)
    return found, strange


def _read(one: Mapping[str, Any]) -> Event | None:
    nonce, place, at = one.get("n"), one.get("i"), one.get("timestamp")
    kind = str(one.get("event"))
    word = "blocked" if kind == "bounce" and one.get("type") == "blocked" else _MEANS.get(kind)
    if word is None or not isinstance(nonce, str) or not 0 < len(nonce) <= 64:
        return None
    if not str(place).isdecimal() or isinstance(at, bool) or not isinstance(at, int) or not 0 <= at < 2**40:
        return None
    return event_of(nonce, int(str(place)), word, at)


def event_of(nonce: str, place: int, word: str, at: int) -> Event:
    """Return an event with its digest."""
    own = f"{nonce}\n{place}\n{word}\n{at}".encode()
    return Event(nonce, place, _RANK[word], at, hashlib.blake2b(own, digest_size=DIGEST).digest())


@dataclass(slots=True)
class Fates:
    """The states of a batch's copies, a byte each, and the digests of the events seen.

    Attributes:
        counted: Events that were new.
        repeated: Events that had come before.
        lost: Places of copies that are now known not to have arrived.
    """

    states: bytearray
    seen: bytearray
    counted: int = 0
    repeated: int = 0
    lost: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, count: int, states: bytes | None = None, seen: bytes | None = None) -> Fates:
        """Return the fates of `count` copies, from what is stored or with nothing known."""
        return cls(bytearray(states or bytes(count)), bytearray(seen or b""))

    def apply(self, events: Sequence[Event]) -> None:
        """Move states forward by these events; an event about a copy there is not is counted and does nothing."""
        known = {bytes(self.seen[at : at + DIGEST]) for at in range(0, len(self.seen), DIGEST)}
        states = self.states
        for event in events:
            if event.digest in known:
                self.repeated += 1
                continue
            known.add(event.digest)
            self.seen += event.digest
            self.counted += 1
            if event.place < len(states) and states[event.place] < event.rank:
                if event.rank >= _LOST > states[event.place]:
                    self.lost.append(event.place)
                states[event.place] = event.rank


def counts_of(states: bytes | bytearray) -> dict[str, int]:
    """Return how many copies are in each state, those with none left out.

    >>> counts_of(bytes([3, 3, 6, 0]))
    {'waiting': 1, 'delivered': 2, 'bounced': 1}
    """
    return {name: count for rank, name in enumerate(STATES) if (count := states.count(rank))}


def unreached(states: bytes | bytearray) -> list[tuple[int, str]]:
    """Return the places that were not reached, with the word for why."""
    return [(place, STATES[rank]) for place, rank in enumerate(states) if STATES[rank] in UNREACHED]
