"""Who is told: turns across a change of clocks, overrides, deputies, quiet hours, holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from incident_flows.core.rota import Rota, call_for, quiet_until, wait_minutes

YEAR = {"from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}
NO_OFFSET = {"from": "2026-03-09T12:00:00", "until": "2026-03-09T13:00:00"}
NIGHT = [{"from": "22:00", "until": "07:00"}]


def _rota(**changes: Any) -> Rota:
    return Rota.model_validate({
        "persons": {
            "anna": {"zone": "Europe/Madrid", "email": "anna@acme.example", "deputy": "chloe",
                     "away": [{"from": "2026-12-01T00:00:00+01:00", "until": "2026-12-02T00:00:00+01:00"}]},
            "boris": {"zone": "America/New_York", "paths": ["slack://a/b/c"], "quiet": [],
                      "hours": [{"from": "09:00", "until": "17:00"}]},
            "chloe": {"zone": "Europe/London", "email": "chloe@acme.example", "holidays": "GB-ENG"},
        },
        "quiet": NIGHT,
        "levels": [
            {"name": "on-call", "rotation": {"persons": ["anna", "boris"], "first_on": "2026-03-02", "at": "09:00",
                                             "zone": "Europe/Madrid", "every_days": 7}},
            {"name": "all", "persons": ["anna", "boris", "chloe"], "after_minutes": 45},
        ],
        **changes,
    })  # fmt: skip


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _told(at: str, *, level: int = 0, near: bool = True, rota: Rota | None = None) -> tuple[str, ...]:
    call = call_for(rota or _rota(), level=level, at=_at(at), near=near)
    assert call is not None
    return call.persons


def test_the_turn_changes_at_nine_on_the_wall_also_after_the_clocks_changed() -> None:
    assert _told("2026-03-09T07:59") == ("anna",)  # 08:59 in Madrid, winter time
    assert _told("2026-03-09T08:00") == ("boris",)
    assert _told("2026-03-30T06:59") == ("boris",)  # 08:59, summer time since the day before
    assert _told("2026-03-30T07:00") == ("anna",)


def test_an_override_takes_the_turn_of_whoever_had_it() -> None:
    override = {
        "level": "on-call",
        "person": "chloe",
        "from": "2026-03-09T12:00:00Z",
        "until": "2026-03-09T18:00:00Z",
    }
    rota = _rota(overrides=[override])
    assert _told("2026-03-09T12:00", rota=rota) == ("chloe",)
    assert _told("2026-03-09T18:00", rota=rota) == ("boris",)


def test_a_deputy_is_told_for_somebody_away_and_it_says_so() -> None:
    call = call_for(_rota(), level=1, at=_at("2026-12-01T12:00"), near=True)
    assert call is not None
    assert set(call.persons) == {"boris", "chloe"}
    assert call.notes == ("chloe for anna, who is away",)


def test_a_level_without_anybody_gives_way_to_the_next() -> None:
    level = [{"name": "one", "persons": ["anna"]}, {"name": "two", "persons": ["boris"]}]
    rota = _rota(levels=level, persons={
        "anna": {"zone": "UTC", "email": "a@acme.example", "away": [YEAR]},
        "boris": {"zone": "UTC", "email": "b@acme.example"},
    })  # fmt: skip
    call = call_for(rota, level=0, at=_at("2026-05-01T12:00"), near=True)
    assert call is not None
    assert (call.level, call.persons) == (1, ("boris",))


def test_quiet_hours_hold_a_reminder_far_from_the_deadline_and_not_near_it() -> None:
    far = call_for(_rota(), level=0, at=_at("2026-03-03T23:30"), near=False)
    assert far is not None
    assert (far.persons, far.held_until) == ((), _at("2026-03-04T06:00"))  # 07:00 in Madrid
    assert _told("2026-03-03T23:30", near=True) == ("anna",)


def test_quiet_hours_end_on_the_wall_in_the_night_the_clocks_change() -> None:
    assert quiet_until(_rota(), "anna", _at("2026-03-28T22:00")) == _at("2026-03-29T05:00")
    assert quiet_until(_rota(), "anna", _at("2026-10-24T22:00")) == _at("2026-10-25T06:00")


def test_those_who_may_be_called_are_told_and_those_at_work_first() -> None:
    assert _told("2026-03-03T23:30", level=1, near=False) == ("boris",)
    assert _told("2026-03-03T15:00", level=1) == ("anna", "boris", "chloe")
    assert _told("2026-03-03T12:00", level=1) == ("anna", "chloe", "boris")  # seven in New York


def test_a_holiday_and_a_day_off_are_quiet_until_they_end_and_the_night_after_them() -> None:
    def is_holiday(calendar: str, day: date) -> bool:
        return (calendar, day) == ("GB-ENG", date(2026, 12, 25))

    rota = _rota(days_off=["2026-12-24"])
    assert quiet_until(rota, "chloe", _at("2026-12-24T12:00"), is_holiday) == _at("2026-12-26T07:00")
    assert quiet_until(rota, "boris", _at("2026-12-23T12:00")) is None


def test_a_level_waits_as_long_as_it_says_else_the_ladder_else_the_rota() -> None:
    assert (wait_minutes(_rota(), 0, None), wait_minutes(_rota(), 0, 5), wait_minutes(_rota(), 1, 5)) == (
        15,
        5,
        45,
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"levels": [{"name": "x", "persons": ["dora"]}]}, "'dora' is nobody"),
        ({"levels": [{"name": "x"}]}, "either `rotation` or `persons`"),
        ({"persons": {"anna": {"zone": "Europe/Atlantis", "email": "a@b.example"}}}, "no time zone"),
        ({"persons": {"anna": {"zone": "UTC"}}}, "no `email`"),
        ({"overrides": [{"level": "x", "person": "anna", **NO_OFFSET}]}, "timezone"),
        ({"surprise": 1}, "Extra inputs"),
    ],
)  # fmt: skip
def test_a_rota_that_does_not_hold_together_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        _rota(**change)
