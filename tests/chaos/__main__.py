"""`make chaos`: kills over the whole life of incidents, then the simulated year. The figures come last."""

from __future__ import annotations

import argparse

from tests.chaos.life import run


def main() -> None:
    """Run both harnesses and print one line each, the sum last."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    figures = run(kills=100 if quick else 1000, say=None if quick else print)
    print("killed at:", ", ".join(f"{point} {count}" for point, count in figures.points.most_common()))
    print(figures.line())


if __name__ == "__main__":
    main()
