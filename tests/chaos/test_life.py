"""A short run of the kill harness; `make chaos` is the long one."""

from __future__ import annotations

from tests.chaos.life import run


def test_thirty_kills_over_whole_lives_lose_nothing_and_double_nothing() -> None:
    figures = run(kills=30, seed=7)
    assert figures.kills == 30
    assert (figures.missed, figures.doubled, figures.lost) == (0, 0, 0), figures.line()
    assert len(figures.points) >= 6, "the kills are spread over the lifecycle"
