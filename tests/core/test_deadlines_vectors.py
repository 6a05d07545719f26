"""Every worked example of the fact base, row by row.

The expected values were typed from the fact base into tests/vectors; `also` says what the row teaches
beyond arithmetic (which start, which of two clocks), to be checked where obligations are derived.
"""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from incident_flows.core.deadlines import Deadline, deadline_for, year_end
from incident_flows.core.law import Period
from incident_flows.core.open_days import WEEKDAYS, OpenDays
from incident_flows.knowledge.calendars import Calendars
from incident_flows.knowledge.files import read_yaml

ROOT = Path(__file__).resolve().parents[2]
Row = dict[str, str]


@cache
def calendars() -> Calendars:
    return Calendars(read_yaml(ROOT / "playbooks" / "policies" / "calendars.yaml").data)


def open_days(code: str) -> OpenDays | None:
    return calendars().open_days(code) if code else None


def rows(name: str) -> list[Row]:
    with (ROOT / "tests" / "vectors" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def named(row: Row) -> str:
    return row["id"]


EU_UK = rows("eu_uk.csv")
INPUTS = {row["id"]: row for row in rows("eu_uk_inputs.csv")}
US, WORLD, NEGATIVE = rows("us.csv"), rows("world.csv"), rows("negative.csv")


def test_no_vector_is_missing() -> None:
    assert (len(EU_UK), len(US), len(WORLD), len(NEGATIVE)) == (78, 49, 51, 10)
    assert [row["id"] for row in EU_UK] == list(INPUTS)
    for table in (EU_UK, US, WORLD, NEGATIVE):
        assert len({row["id"] for row in table}) == len(table)


# EU, UK and neighbours


def trigger(row: Row) -> datetime:
    """Return the trigger, computed from local time, zone and fold, and checked against the UTC column."""
    written = row["trigger_local"].partition(" (")[0]
    local = datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(row["trigger_tz"]), fold=int(row["fold"]))
    assert local.astimezone(UTC) == datetime.fromisoformat(row["trigger_utc"])
    return local


def first_of(row: Row) -> Deadline:
    """Return the deadline of a row, or the earlier where the law has two clocks."""
    given = INPUTS[row["id"]]

    def one(period: str, start: datetime) -> Deadline:
        return deadline_for(
            Period.parse(period),
            start_at=start,
            zone=ZoneInfo(row["trigger_tz"]),
            counting=given["counting"],
            relief=given["relief"] == "yes",
            open_days=open_days(row["calendar"]),
            extend=given["extend"] == "yes",
        )

    start = datetime.fromisoformat(given["start"]) if given["start"] else trigger(row)
    ends = [one(given["period"], start)]
    if given["or_period"]:
        ends.append(one(given["or_period"], datetime.fromisoformat(given["or_start"])))
    return min(ends, key=lambda end: end.due_at)


@pytest.mark.parametrize("row", EU_UK, ids=named)
def test_every_european_vector_holds(row: Row) -> None:
    trigger(row)
    end = first_of(row)
    expected = {
        column: datetime.fromisoformat(row[column]) if row[column] else None
        for column in ("strict_utc", "rounded_1182_utc", "extended_3_5_utc", "outermost_utc")
    }

    assert end.due_at == end.strict == expected["strict_utc"]
    if INPUTS[row["id"]]["counting"] == "eu-1182":
        assert end.rounded == expected["rounded_1182_utc"]
        assert end.extended == expected["extended_3_5_utc"]  # None where the table says n/a
        assert end.outermost == expected["outermost_utc"]
    else:  # "= STRICT", and a relief of the law's own in the columns of the later readings
        assert (end.rounded, end.extended, end.outermost) == (None, None, None)
        assert expected["rounded_1182_utc"] == end.strict
        assert expected["extended_3_5_utc"] == expected["outermost_utc"] == (end.relief or end.strict)
    assert (end.relief is not None) == (row["id"] in ("EU-36", "EU-39"))


def test_rounding_would_have_given_dora_and_eidas_an_hour_they_do_not_have() -> None:
    for row_id, rounded in (("EU-38", "2026-11-16T09:00:00+00:00"), ("EU-50", "2026-11-14T22:00:00+00:00")):
        row = next(row for row in EU_UK if row["id"] == row_id)
        literal = deadline_for(
            Period.parse(INPUTS[row_id]["period"]),
            start_at=datetime.fromisoformat(row["trigger_utc"]),
            zone=ZoneInfo(row["trigger_tz"]),
            counting="eu-1182",
        )
        assert literal.rounded == datetime.fromisoformat(rounded)
        assert literal.due_at == datetime.fromisoformat(row["strict_utc"])


# United States


def us_ends(row: Row, period: str, counting: str) -> list[Deadline]:
    """Return the deadline from every start of the row: a moment, or any second of each date."""
    zone = ZoneInfo(row["zone"])
    starts = []
    for written in row["start"].split():
        if "T" in written:
            starts.append(datetime.fromisoformat(written))
            continue
        day = date.fromisoformat(written)
        starts += [datetime.combine(day, at, tzinfo=zone) for at in (time(), time(12), time(23, 59, 59))]
    return [
        deadline_for(
            Period.parse(period),
            start_at=start,
            zone=zone,
            counting=counting,
            open_days=open_days(row["calendar"]),
        )
        for start in starts
    ]


@pytest.mark.parametrize("row", US, ids=named)
def test_every_american_vector_holds(row: Row) -> None:
    ends = us_ends(row, row["period"], row["counting"])
    assert ends
    if "T" in row["due"]:
        for end in ends:
            assert end.due_at == datetime.fromisoformat(row["due"])
            assert end.due_on is None
            local = end.due_at.astimezone(ZoneInfo(row["zone"]))
            assert row["due_as_written"].startswith(f"{WEEKDAYS[local.weekday()][:3]} {local:%Y-%m-%d %H:%M}")
        return
    due = date.fromisoformat(row["due"])
    assert row["due_as_written"] == f"{WEEKDAYS[due.weekday()][:3]} {due}"
    for end in ends:
        assert end.due_on is not None
        latest = date.fromisoformat(row["no_later_than"]) if row["no_later_than"] else date.max
        assert min(end.due_on, latest) == due
        midnight = datetime.combine(end.due_on + timedelta(days=1), time(), tzinfo=ZoneInfo(row["zone"]))
        assert end.due_at == end.strict == midnight
    if row["not_the_end_of"]:
        assert all(end.due_on != due for end in us_ends(row, row["not_the_end_of"], row["counting"]))


@pytest.mark.parametrize("row", [row for row in US if row["counting"] == "year-end"], ids=named)
def test_the_year_end_may_also_be_taken_as_the_start(row: Row) -> None:
    zone = ZoneInfo(row["zone"])
    for written in row["start"].split():
        start = year_end(datetime.combine(date.fromisoformat(written), time(15), tzinfo=zone), zone)
        assert year_end(start, zone) == start
        end = deadline_for(Period.parse(row["period"]), start_at=start, zone=zone)
        assert end.due_on == date.fromisoformat(row["due"])


@pytest.mark.parametrize("row", [row for row in US if row["counting"] == "sec-8k"], ids=named)
def test_form_8_k_names_its_rule_and_its_hour(row: Row) -> None:
    for end in us_ends(row, row["period"], row["counting"]):
        assert end.rule == "sec-8k-business-days"
        assert any("17:30 Eastern" in note for note in end.notes)


# The rest of the world


def moment(written: str) -> datetime:
    """Return an instant of the table, whose weekday must be the right one."""
    text, _, weekday = written.partition(" (")
    found = datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z")
    assert WEEKDAYS[found.weekday()][:3] == weekday.rstrip(")"), written
    return found


@pytest.mark.parametrize("row", WORLD, ids=named)
def test_every_vector_of_the_world_holds(row: Row) -> None:
    zone, start, due = ZoneInfo(row["zone"]), moment(row["start"]), moment(row["due"])
    for written in (start, due):
        assert written.utcoffset() == written.astimezone(zone).utcoffset(), "stale zone data, or a wrong row"
    end = deadline_for(
        Period.parse(row["period"]),
        start_at=start,
        zone=zone,
        counting=row["counting"],
        roll=row["roll"] == "yes",
        open_days=open_days(row["calendar"]),
    )
    if row["period"].endswith(("hour", "hours")):
        assert end.due_at == end.strict == due
        assert end.due_on is None
    else:
        assert end.due_on == due.date()
        assert end.due_at == end.strict == due + timedelta(seconds=1)
    assert (end.rounded, end.extended, end.outermost, end.relief) == (None, None, None, None)


# Where the right answer is "no deadline"


@pytest.mark.parametrize("row", NEGATIVE, ids=named)
def test_words_without_a_number_give_no_period(row: Row) -> None:
    assert row["level"] in ("core", "engine")
    assert row["reason"], "what is not checked here needs its reason in the file"
    if row["standard"]:
        with pytest.raises(ValueError, match="is no period"):
            Period.parse(row["standard"])
    if row["period"]:
        end = deadline_for(
            Period.parse(row["period"]),
            start_at=datetime.fromisoformat(row["start"]),
            zone=ZoneInfo(row["zone"]),
        )
        assert end.due_at == datetime.fromisoformat(row["due"])
    assert (row["level"] == "core") == bool(row["standard"] or row["period"])
