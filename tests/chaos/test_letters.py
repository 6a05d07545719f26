"""A short run of the kill harness for letters; `python -m tests.chaos.letters` is the long one."""

from __future__ import annotations

import pytest

from tests.chaos.letters.run import run


@pytest.mark.parametrize("mode", ["at-most-one-duplicate-batch", "zero"])
def test_killed_senders_lose_nobody_and_double_no_more_than_their_mode_allows(mode: str) -> None:
    figures = run(people=3000, kills=6, mode=mode, batch=50, seed=3, latency=0.02)
    assert figures.kills >= 4, "the last ones may come too late: the letters are out"
    assert (figures.lost, figures.foreign) == (0, 0), figures.line()
    assert figures.doubled <= (0 if mode == "zero" else figures.kills * 50), figures.line()
