"""`python -m tests.chaos.letters`: two hundred kills on a million letters in each mode; --quick is short."""

from __future__ import annotations

import argparse

from tests.chaos.letters.run import run


def main() -> None:
    """Print one line per mode."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--people", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--mode")
    given = parser.parse_args()
    people = given.people or (20_000 if given.quick else 1_000_000)
    kills = given.kills or (10 if given.quick else 200)
    modes = [given.mode] if given.mode else ["at-most-one-duplicate-batch", "zero"]
    for mode in modes:
        figures = run(people=people, kills=kills, mode=mode, batch=200 if given.quick else 1000)
        print("killed at:", ", ".join(f"{point} {count}" for point, count in figures.points.most_common()))
        print(figures.line(), flush=True)


if __name__ == "__main__":
    main()
