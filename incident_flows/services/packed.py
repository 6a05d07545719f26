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


def unpack(data: bytes) -> list[Packed]:
    """Return what `pack` was given."""
    found: list[Packed] = orjson.loads(zlib.decompress(data))
    return found
