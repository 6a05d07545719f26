"""`make chaos`: the simulated year of reminders (long run only), kills on a million letters, then over whole lives.

Each prints its figures in one line. `python -m tests.chaos.year --quick` plays the year alone, in short.
"""

from __future__ import annotations

import argparse

from tests.chaos.letters import main as letters
from tests.chaos.life import run
from tests.chaos.year import main as year


def main() -> None:
    """Run both harnesses and print one line each, the sum last."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    if not quick:
        year(quick=False)
    letters(quick=quick)
    figures = run(kills=100 if quick else 1000, say=None if quick else print)
    print("killed at:", ", ".join(f"{point} {count}" for point, count in figures.points.most_common()))
    print(figures.line())


if __name__ == "__main__":
    main()
