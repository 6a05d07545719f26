"""Counts as one bar of parts, drawn as SVG; the same numbers stand beside it as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH = 600.0  # of the bar, in the drawing's own units
LEAST = 4.0  # a part that is there at all can be seen
ORDER = ("sent", "delivered-to-outbox", "scheduled", "claimed", "planned", "in-doubt", "failed", "withdrawn")


@dataclass(frozen=True)
class Part:
    """One part of a bar.

    Attributes:
        x: Where it begins.
        share: Of the whole, 0 to 1.
    """

    name: str
    count: int
    x: float
    width: float
    share: float


def bar(counts: Mapping[str, int], *, order: Sequence[str] = ORDER) -> list[Part]:
    """Return the parts of one bar over all counts above zero, in a fixed order; none where nothing is counted.

    >>> [(part.name, part.x, part.width) for part in bar({"planned": 3, "sent": 1, "failed": 0})]
    [('sent', 0.0, 150.0), ('planned', 150.0, 450.0)]
    """
    named = [name for name in order if counts.get(name)]
    named += sorted(name for name in counts if counts[name] and name not in order)
    total = sum(counts[name] for name in named)
    wide = [max(LEAST, WIDTH * counts[name] / total) for name in named]
    scale = WIDTH / sum(wide) if wide else 1.0
    parts: list[Part] = []
    x = 0.0
    for name, width in zip(named, wide, strict=True):
        parts.append(Part(name, counts[name], round(x, 2), round(width * scale, 2), counts[name] / total))
        x += width * scale
    return parts
