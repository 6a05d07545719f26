"""The chance to miss: more to do or less time makes it larger; experience counts once there is enough."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from incident_flows.services.draft import draft
from incident_flows.services.forecast import Estimate, Forecast, chance_to_miss
from incident_flows.services.show import clocks

AEPD = "eu-gdpr/tell-authority@es-aepd"
MINUTES = st.floats(min_value=1, max_value=50_000)


def test_two_tasks_in_a_row_by_hand() -> None:
    # Medians 60 and 120 min, nine in ten within 360 and 720: means 159.4 and 318.9, so 478.3 in all; variances
    # 154,120 and 616,480. So the logarithm has variance ln(1 + 770,600 / 478.3²) = 1.474 and middle 5.433.
    both = [Estimate(60, 360), Estimate(120, 720)]
    assert round(chance_to_miss(both, minutes_left=24 * 60), 2) == 0.06
    assert round(chance_to_miss(both, minutes_left=4 * 60), 2) == 0.48


@given(usually=MINUTES, factor=st.floats(min_value=1.1, max_value=20), left=MINUTES, more=MINUTES)
def test_less_time_and_more_to_do_never_make_it_likelier_to_be_met(
    usually: float, factor: float, left: float, more: float
) -> None:
    todo = [Estimate(usually, usually * factor)]
    chance = chance_to_miss(todo, minutes_left=left)
    assert 0 <= chance <= 1
    assert chance_to_miss(todo, minutes_left=left / 2) >= chance
    assert chance_to_miss(todo, minutes_left=0) == 1
    assert chance_to_miss([], minutes_left=left) == 0


def _aepd(house: Any) -> dict[str, Any]:
    (row,) = [one for one in clocks(house.desk, None, now=house.now) if one["obligation"] == AEPD]
    return row


def test_a_clock_carries_its_chance_which_grows_as_time_goes_and_falls_as_work_is_done(house: Any) -> None:
    ref = house.open("aimigos-studio")
    early = _aepd(house)["chance_to_miss"]
    house.advance(hours=26)
    late = _aepd(house)["chance_to_miss"]
    assert 0 < early < late < 1
    draft(house.desk, ref, AEPD, actor=house.person(), now=house.now, phased=True)
    assert _aepd(house)["chance_to_miss"] < late
    house.advance(hours=20)
    assert _aepd(house)["chance_to_miss"] == 1.0


def test_what_is_still_to_do_follows_from_the_notices() -> None:
    class Row:
        incident_ref, oid, status, decided, addressee_kind = (
            "INC-2026-0001",
            AEPD,
            "undetermined",
            None,
            "people",
        )

    def todo(*states: tuple[str, bool]) -> list[str]:
        return Forecast({}, {("INC-2026-0001", AEPD): states} if states else {}).todo(Row)

    assert todo() == ["decide", "draft", "complete", "approve", "send-people"]
    assert todo(("draft", True)) == ["decide", "complete", "approve", "send-people"]
    assert todo(("awaiting-approval", False)) == ["decide", "approve", "send-people"]
    assert todo(("sending", False)) == ["decide", "send-people"]


def test_experience_counts_from_the_fifth_time_on(house: Any) -> None:
    ref = house.open("aimigos-studio")

    def add(number: int) -> None:
        with house.desk.database.write() as tx:
            row = tx.notices.add(
                ref, oid=f"past-{number}", kind="authority", phase="initial", language="en", subject="s", text="t",
                sha256="0" * 64, drafted_by="anna", drafted_at=house.now, state="approved",
            )  # fmt: skip
            approved = house.now + timedelta(minutes=10 + number)
            tx.notices.move(row.id, "approved", "sending", approved_by="boris", approved_at=approved)
            tx.notices.move(row.id, "sending", "sent", sent_at=approved + timedelta(minutes=2))

    for number in range(5):
        with house.desk.database.read() as tx:
            assert Forecast.of(tx, house.desk).estimates["approve"].usually == 120
        add(number)
    with house.desk.database.read() as tx:
        estimates = Forecast.of(tx, house.desk).estimates
    assert (estimates["approve"].usually, estimates["send"].usually) == (12, 2)
    assert estimates["draft"].usually == 60
