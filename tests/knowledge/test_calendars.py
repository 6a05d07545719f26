"""Working days by place: lists, other weekends, closures, doubts, and what they cost to load."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pytest

from incident_flows.core.deadlines import deadline_for
from incident_flows.core.law import Period
from incident_flows.core.open_days import WEEKDAYS, Footnotes, OpenDays
from incident_flows.errors import KnowledgeError
from incident_flows.knowledge.calendars import Calendars
from incident_flows.knowledge.files import read_yaml

FILE = Path(__file__).resolve().parents[2] / "playbooks" / "policies" / "calendars.yaml"
FRIDAY_AND_SATURDAY = (
    *("SA", "QA", "BH", "KW", "OM", "JO", "EG", "DZ", "BD", "IL"),
    *("MY-02", "MY-03", "MY-11"),
)
ROW = {"source": "this test", "read_on": "2026-11-22"}


@cache
def shipped() -> Calendars:
    return Calendars(read_yaml(FILE).data)


def calendar(code: str, **rules: Any) -> OpenDays:
    """Return a calendar of the shipped rules, or of the rules given."""
    return (Calendars({"format": 1, **rules}) if rules else shipped()).open_days(code)


def closed(code: str, day: str) -> str | None:
    return calendar(code).closed_because(date.fromisoformat(day))


def closed_weekdays(code: str) -> set[str]:
    """Return the weekdays closed in a summer week of 2026."""
    days = (date(2026, 6, 1) + timedelta(days=step) for step in range(7))
    return {name for day in days if (name := calendar(code).closed_because(day)) in WEEKDAYS}


@pytest.mark.parametrize(
    ("code", "day", "because"),
    [
        ("DE-BW", "2026-06-04", "Corpus Christi"),
        ("DE-BE", "2026-06-04", None),
        ("DE-BE", "2026-03-09", None),  # 8 March is a Sunday and moves nowhere
        ("DE-NW", "2026-12-24", None),
        ("PL", "2026-12-24", "Christmas Eve"),
        ("PL", "2024-12-24", None),
        ("IT", "2026-04-03", None),
        ("IT", "2026-04-06", "Easter Monday"),
        ("ES-MD", "2026-04-02", "Maundy Thursday"),
        ("ES-MD", "2026-04-06", None),
        ("GB-ENG", "2026-12-28", "Boxing Day (observed)"),
        ("GB-SCT", "2027-01-04", "New Year Holiday (observed)"),
        ("GB-ENG", "2027-01-04", None),
        ("GB-SCT", "2026-04-06", None),
        ("GB-NIR", "2026-07-13", "Battle of the Boyne (observed)"),
        ("GB-ENG", "2026-07-13", None),
        ("GG", "2026-05-04", "May Day Bank Holiday"),
        ("IM", "2026-06-05", "TT Bank Holiday"),
        ("XK", "2026-02-17", "Independence Day"),
        ("BR", "2026-11-20", "National Day of Zumbi and Black Awareness"),
        ("BY", "2026-04-20", "Day off (substituted from 04/25/2026)"),
        ("BY", "2026-04-25", None),  # the Saturday worked instead
        ("KZ", "2026-10-26", "Republic Day (observed)"),
        ("DE-NW", "2026-11-21", "Saturday"),
    ],
)
def test_each_place_has_its_own_days(code: str, day: str, because: str | None) -> None:
    assert closed(code, day) == because
    assert calendar(code).is_open(date.fromisoformat(day)) is (because is None)


def test_the_united_states_have_eleven_federal_holidays_with_their_observed_days() -> None:
    listed = [
        date(year, 1, 1) + timedelta(days=step)
        for year in (2026, 2027)
        for step in range(365)
        if (date(year, 1, 1) + timedelta(days=step)).weekday() < 5
    ]
    assert [day.isoformat() for day in listed if not calendar("US").is_open(day)] == [
        "2026-01-01",
        "2026-01-19",
        "2026-02-16",
        "2026-05-25",
        "2026-06-19",
        "2026-07-03",
        "2026-09-07",
        "2026-10-12",
        "2026-11-11",
        "2026-11-26",
        "2026-12-25",
        "2027-01-01",
        "2027-01-18",
        "2027-02-15",
        "2027-05-31",
        "2027-06-18",
        "2027-07-05",
        "2027-09-06",
        "2027-10-11",
        "2027-11-11",
        "2027-11-25",
        "2027-12-24",
        "2027-12-31",
    ]


@pytest.mark.parametrize(
    ("code", "day"),
    [
        ("US-CA", "2026-03-31"),  # Cesar Chavez Day, of California alone
        ("US-CA", "2026-11-27"),  # day after Thanksgiving, of the state alone
        ("US-VT", "2026-03-03"),  # Town Meeting Day
        ("US-VT", "2026-10-12"),  # Columbus Day, which Vermont does not keep
    ],
)
def test_a_state_is_closed_only_where_the_federation_is_too(code: str, day: str) -> None:
    assert closed(code, day) is None
    assert closed(code, "2026-11-26") == "Thanksgiving Day"
    assert calendar(code).source == f"holidays {holidays.__version__} {code}, only where US is closed too"


@pytest.mark.parametrize(
    ("codes", "weekend"),
    [
        (FRIDAY_AND_SATURDAY, {"Friday", "Saturday"}),
        (("AE", "AE-DIFC", "TR", "MA", "TN", "PK", "ID", "MY-10", "DE", "US", "BR"), {"Saturday", "Sunday"}),
        (("AE-SH",), {"Friday", "Saturday", "Sunday"}),
        (("NP",), {"Saturday"}),
        (("BN",), {"Friday", "Sunday"}),
    ],
)
def test_weekends_are_those_of_the_place(codes: tuple[str, ...], weekend: set[str]) -> None:
    for code in codes:
        assert closed_weekdays(code) == weekend, code


def test_weekends_agree_with_the_holidays_package_except_where_our_source_says_otherwise() -> None:
    for code in (*FRIDAY_AND_SATURDAY[:10], "AE", "BN", "TR", "MA", "TN", "PK", "ID"):
        days = {WEEKDAYS[day] for day in holidays.country_holidays(code).weekend}
        assert closed_weekdays(code) == days, code
    assert {WEEKDAYS[day] for day in holidays.country_holidays("NP").weekend} != closed_weekdays("NP")


def test_a_year_before_a_weekend_row_begins_is_not_covered() -> None:
    assert calendar("AE").covers(2022)
    assert not calendar("AE").covers(2021)


@pytest.mark.parametrize(
    "code", ["DE-BW", "GB-ENG", "US", "BR", "PL", "AE-DIFC", "GG", "XK", "IM", "JE", "GI"]
)
def test_known_calendars_cover_the_coming_years(code: str) -> None:
    assert all(calendar(code).covers(year) for year in range(2024, 2031))
    assert calendar(code).code == code
    assert f"holidays {holidays.__version__}" in calendar(code).source


@pytest.mark.parametrize("code", ["EU", "XX", "XX-YY", "unheard-of"])
def test_an_unknown_calendar_has_weekends_only_and_covers_nothing(code: str) -> None:
    unknown = calendar(code)
    assert not any(unknown.covers(year) for year in range(2020, 2035))
    assert unknown.closed_because(date(2026, 12, 25)) is None
    assert unknown.closed_because(date(2026, 12, 26)) == "Saturday"
    assert unknown.source == f"weekends only, no list of holidays for {code}"


def test_a_list_that_ends_covers_nothing_after_it() -> None:
    last = holidays.country_holidays("LK").end_year
    assert calendar("LK").covers(last)
    assert not calendar("LK").covers(last + 1)


def test_a_region_without_a_list_has_that_of_its_country() -> None:
    assert closed("AE-DIFC", "2026-12-02") == "National Day"
    assert "AE (no list of its own for AE-DIFC)" in calendar("AE-DIFC").source


def test_an_estimated_holiday_counts_as_a_working_day() -> None:
    eid = date(2026, 5, 27)
    kazakh = calendar("KZ")
    assert kazakh.is_open(eid)
    assert isinstance(kazakh, Footnotes)
    assert kazakh.doubt(eid) == "Eid al-Adha (estimated)"
    assert kazakh.doubt(date(2026, 10, 26)) is None


def test_estimated_holidays_are_known_in_any_language_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "ar")
    egyptian = calendar("EG", known_gaps=["a list of its own"])
    assert isinstance(egyptian, Footnotes)
    assert egyptian.doubt(date(2029, 4, 24)) == "Eid al-Adha (estimated)"
    assert egyptian.is_open(date(2029, 4, 24))


# Closures that only move the last day


@pytest.mark.parametrize(("shut", "due"), [("2026-10-28", "2026-10-29"), ("2026-12-24", "2026-12-28")])
def test_a_closed_headquarters_in_brasilia_moves_the_last_day_only(shut: str, due: str) -> None:
    zone, brazil, closing = ZoneInfo("America/Sao_Paulo"), calendar("BR"), date.fromisoformat(shut)
    assert brazil.is_open(closing)
    start = datetime.combine(closing, datetime.min.time(), tzinfo=zone) - timedelta(days=1)
    end = deadline_for(Period.parse("1 business-day"), start_at=start, zone=zone, open_days=brazil, roll=True)
    assert end.due_on == date.fromisoformat(due)
    assert any("headquarters" in note for note in end.notes)


@pytest.mark.parametrize("day", ["2026-12-29", "2026-12-31", "2027-01-01", "2027-01-03"])
def test_japanese_offices_rest_over_the_turn_of_the_year(day: str) -> None:
    japan = calendar("JP")
    assert isinstance(japan, Footnotes)
    assert japan.shut_as_last_day(date.fromisoformat(day)) == "offices are closed over the turn of the year"
    for outside in (date(2026, 12, 28), date(2027, 1, 4), date(2026, 7, 1)):
        assert japan.shut_as_last_day(outside) is None


# Corrections by date


def test_a_dated_closure_closes_its_day() -> None:
    row = {"calendar": "US", "on": "2026-12-24", "moves": "day", "because": "closed by order", **ROW}
    end = deadline_for(
        Period.parse("4 business-days"),
        start_at=datetime(2026, 12, 23, 12, tzinfo=ZoneInfo("America/New_York")),
        zone=ZoneInfo("America/New_York"),
        counting="sec-8k",
        open_days=calendar("US", closures=[row]),
    )
    assert end.due_on == date(2026, 12, 31), "one day later than without the closure"
    assert "Thu 2026-12-24 is no working day: closed by order." in end.notes
    assert any(note.endswith("US, corrected 2026-11-22.") for note in end.notes)


def test_an_opening_works_on_a_listed_day_and_ends_with_its_row() -> None:
    row = {"calendar": "DE", "every": "05-01", "until": "2026-12-31", "because": "works all the same", **ROW}
    worked = calendar("DE-BW", openings=[row])
    assert worked.is_open(date(2026, 5, 1))
    assert not worked.is_open(date(2028, 5, 1))
    assert not calendar("AT", openings=[row]).is_open(date(2026, 5, 1))


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        ({"closures": [{"calendar": "BR"}]}, "closures.0.source: is missing and needed"),
        ({"weekends": [{"places": ["SA"], "days": ["Fryday"], **ROW}]}, "'Fryday' is not one of"),
        ({"weekend": []}, "weekend: is no key of this format"),
        (
            {"closures": [{"calendar": "BR", "every": "13-01", "moves": "day", "because": "-", **ROW}]},
            "13-01",
        ),
        ({"closures": [{"calendar": "BR", "moves": "day", "because": "-", **ROW}]}, "on or every"),
        (
            {
                "closures": [
                    {
                        "calendar": "BR",
                        "on": "2026-01-01",
                        "until_day": "01-03",
                        "moves": "day",
                        "because": "-",
                    }
                    | ROW
                ]
            },
            "until_day",
        ),
    ],
)
def test_rules_that_cannot_be_read_are_refused(rules: Mapping[str, Any], fault: str) -> None:
    with pytest.raises(KnowledgeError, match=r"calendars\.yaml") as caught:
        Calendars({"format": 1, **rules})
    assert fault in str(caught.value)


def test_every_shipped_row_has_its_source_and_the_day_it_was_read() -> None:
    rules = read_yaml(FILE).data
    rows = [row for key in ("weekends", "closures", "openings", "never_wider") for row in rules[key]]
    assert len(rows) >= 10
    for row in rows:
        assert row["source"].startswith("Fact base, ")
        assert date.fromisoformat(row["read_on"]) >= date(2026, 11, 22)


# Versions and cost


def test_versions_name_the_lists_and_the_zone_data_in_force(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    versions = shipped().versions()
    assert versions["holidays"] == holidays.__version__
    assert versions["tzdata"]
    assert versions["zones"].split()[0] in ("system", "tzdata")

    monkeypatch.setattr("zoneinfo.TZPATH", ())
    assert shipped().versions()["zones"] == f"tzdata {versions['tzdata']}"

    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Berlin").touch()
    (tmp_path / "tzdata.zi").write_text("# version 2031z\nR A 1916 o - Jun 14 23s 1 S\n", "utf-8")
    monkeypatch.setattr("zoneinfo.TZPATH", (str(tmp_path),))
    assert shipped().versions()["zones"] == "system 2031z"


def test_only_the_country_asked_for_is_imported_and_only_when_asked() -> None:
    script = """
import sys
from datetime import date
from incident_flows.knowledge.calendars import Calendars
calendars = Calendars({"format": 1})
german = calendars.open_days("DE-BW")
assert "holidays" not in sys.modules, "imported before a day was asked for"
assert not german.is_open(date(2026, 6, 4))
assert "holidays" in sys.modules
assert "holidays.countries" not in sys.modules, "every country was imported"
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=FILE.parents[2])


def test_the_short_way_to_a_country_gives_the_same_list_as_the_package() -> None:
    for code, region in (("DE", "BW"), ("GB", "SCT"), ("US", None), ("IM", None), ("EG", None), ("CN", None)):
        listed = holidays.country_holidays(code, subdiv=region, years=2026, language="en_US")
        ours = Calendars({"format": 1}).open_days(f"{code}-{region}" if region else code)
        for day, names in listed.items():
            if day.weekday() < 5 and "estimated" not in names:
                assert ours.closed_because(day) is not None, (code, day, names)
