"""Senders of letters killed in the midst of them: nobody may be forgotten, and nobody told twice."""

from __future__ import annotations

from tests.chaos.letters.run import run

MODES = ("at-most-one-duplicate-batch", "zero")  # those that go on by themselves


def main(*, quick: bool, people: int | None = None, kills: int | None = None, modes: tuple[str, ...] = MODES) -> None:
    """Print one line per mode."""
    people = people or (5_000 if quick else 1_000_000)
    for mode in modes:
        figures = run(people=people, kills=kills or (8 if quick else 200), mode=mode, batch=50 if quick else 1000)
        print("killed at:", ", ".join(f"{point} {count}" for point, count in figures.points.most_common()))
        print(figures.line(), flush=True)
