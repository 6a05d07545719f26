"""Where reminders lie: ladders, compressed when a deadline moves; chains; calls for an approval."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incident_flows.core.escalation import (
    APART,
    ApprovalCalls,
    Ladder,
    Rung,
    approval_call,
    chain_next,
    is_near,
    ladder_for,
    overdue_after,
    steps_for,
)

START = datetime(2026, 11, 20, 17, tzinfo=UTC)
END = datetime(2026, 11, 23, 17, tzinfo=UTC)
LADDER = Ladder(
    rungs=(
        Rung(name="half", share=0.5, text="half of the time is gone"),
        Rung(name="t-24h", before_minutes=1440, text="24 hours left"),
        Rung(name="t-4h", before_minutes=240, text="4 hours left"),
        Rung(name="due", before_minutes=0, text="the time is up"),
    )
)


def _plan(planned_at: datetime, end_at: datetime = END, moved_from: datetime | None = None) -> dict[str, str]:
    steps = steps_for(LADDER, start_at=START, end_at=end_at, planned_at=planned_at, moved_from=moved_from)
    return {step.name: f"{step.due_at:%d %H:%M}" for step in steps}


def test_a_ladder_lies_relative_to_the_deadline() -> None:
    assert _plan(START) == {"half": "22 05:00", "t-24h": "22 17:00", "t-4h": "23 13:00", "due": "23 17:00"}


def test_a_share_that_is_past_is_taken_of_what_is_left() -> None:
    assert _plan(datetime(2026, 11, 23, 5, tzinfo=UTC)) == {
        "half": "23 11:00",
        "t-4h": "23 13:00",
        "due": "23 17:00",
    }


def test_a_deadline_that_moves_nearer_is_told_at_once_and_its_ladder_compressed() -> None:
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    sooner = datetime(2026, 11, 22, 19, tzinfo=UTC)
    assert _plan(now, sooner, moved_from=END) == {
        "moved": "22 09:00",
        "half": "22 14:00",
        "t-4h": "22 15:00",
        "due": "22 19:00",
    }


def test_a_deadline_that_moves_away_calls_nobody_for_it() -> None:
    later = END + timedelta(days=2)
    assert "moved" not in _plan(START + timedelta(hours=1), later, moved_from=END)


def test_a_deadline_already_past_is_called_at_once_and_goes_on_as_overdue() -> None:
    (step,) = steps_for(LADDER, start_at=START, end_at=END, planned_at=END + timedelta(hours=5))
    assert (step.name, step.due_at) == ("due", END)
    after = overdue_after(step.detail["overdue"], end_at=END)
    assert after is not None
    assert (after.name, after.due_at) == ("overdue-1", END + timedelta(hours=1))


@given(
    left=st.integers(min_value=1, max_value=20_000), gone=st.integers(min_value=0, max_value=20_000),
    moved=st.booleans(),
)  # fmt: skip
def test_whatever_moves_no_step_lies_before_its_planning_or_after_the_end(
    left: int, gone: int, moved: bool
) -> None:
    planned = START + timedelta(minutes=gone)
    end = planned + timedelta(minutes=left)
    before = end + timedelta(hours=3) if moved else None
    steps = steps_for(LADDER, start_at=START, end_at=end, planned_at=planned, moved_from=before)
    assert all(planned <= step.due_at <= end for step in steps)
    assert [step.due_at for step in steps] == sorted({step.due_at for step in steps})
    assert steps[-1].name == "due"
    squeezed = [step for step in steps if "counted from" in step.detail["text"]]
    assert all(
        abs(step.due_at - other.due_at) >= APART for step in squeezed for other in steps if other != step
    )


def test_the_most_particular_ladder_is_taken() -> None:
    ladders = {
        "default": LADDER,
        "people": Ladder(rungs=()),
        "eu-gdpr/tell-people": Ladder(rungs=LADDER.rungs[:1]),
    }
    assert ladder_for(ladders, ("eu-gdpr/tell-people", "law", "people")).rungs == LADDER.rungs[:1]
    assert ladder_for(ladders, ("uk-gdpr/tell-people", "law", "people")).rungs == ()
    assert ladder_for(ladders, ("uk-gdpr/tell-authority", "law", "authority")) == LADDER


def test_a_chain_counts_its_rows() -> None:
    assert [chain_next("t-4h"), chain_next("t-4h/9")] == ["t-4h/1", "t-4h/10"]


@pytest.mark.parametrize(("hours", "near"), [(13, False), (12, True), (-1, True)])
def test_near_is_within_the_waking_hours_of_the_ladder(hours: int, near: bool) -> None:
    assert is_near(END, at=END - timedelta(hours=hours), wake_within_minutes=720) is near


def test_an_approval_is_called_once_it_waited_and_its_deadline_is_near() -> None:
    calls = ApprovalCalls(after_minutes=60, within_minutes=1440, every_minutes=60, times=2)
    early, late = END - timedelta(hours=60), END - timedelta(hours=5)
    first = approval_call(calls, notice_ref="N-0001", waiting_since=early, end_at=END)
    assert first is not None
    assert first.due_at == END - timedelta(hours=24)
    near = approval_call(calls, notice_ref="N-0001", waiting_since=late, end_at=END)
    assert near is not None
    assert near.due_at == END - timedelta(hours=4)
    second = approval_call(calls, notice_ref="N-0001", waiting_since=late, end_at=END, number=1)
    assert second is not None
    assert (second.name, second.due_at) == ("approval-N-0001-2", END - timedelta(hours=3))
    assert approval_call(calls, notice_ref="N-0001", waiting_since=late, end_at=END, number=2) is None
