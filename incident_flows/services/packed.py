"""How a block of people stands before it is sealed: a list per person, as JSON, compressed.

The list: address, name, language, place, second address, lines of the postal address, guardian's name,
guardian's address, whether a minor; what is empty at the end is left out.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import orjson

Packed = list[Any]


def pack(people: Sequence[Packed]) -> bytes:
    """Return a block's people as they are sealed."""
    return zlib.compress(orjson.dumps(people), 1)


def guarded_in(people: Sequence[Packed]) -> int:
    """Return how many people are written to through a guardian; one known to be of age is not."""
    return sum(
        len(one) > 6 and (_has_guardian(one) if len(one) < 9 or one[8] is None else one[8]) for one in people
    )


def alone_in(people: Sequence[Packed]) -> int:
    """Return how many minors have no guardian on the list."""
    return sum(len(one) > 8 and one[8] is True and not _has_guardian(one) for one in people)


def _has_guardian(one: Packed) -> bool:
    return bool(one[6] or (len(one) > 7 and one[7]))


def unpack(data: bytes) -> list[Packed]:
    """Return what `pack` was given."""
    found: list[Packed] = orjson.loads(zlib.decompress(data))
    return found
