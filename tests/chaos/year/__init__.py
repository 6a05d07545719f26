"""A simulated year of deadlines under kills, outages, restarts, rivals and wrong clocks; checked from outside.

`python -m tests.chaos.year [--quick]`. Missed and doubled must be 0, and nothing later than its outage.
"""

from __future__ import annotations

from typing import Any


def main(quick: bool) -> dict[str, Any]:
    """Play the year, print what happened, and return the figures."""
    from tests.chaos.year.play import play

    return play(quick=quick)
