"""Every row on the United States is a duty with the row's number, unit, start and threshold, or is left out.

`us_rows.csv` lists the rows: a state's notice to residents, to each regulator, to credit bureaus, the
processor's duty and the sector overlays; and each recipient of a federal instrument. Where the law gives no
number, value is empty.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from incident_flows.core.conditions import parse_condition
from incident_flows.core.law import Duty, Lawbook, Regime, Version
from incident_flows.knowledge.lawbook import load_lawbook, walk

TODAY = date(2026, 11, 22)
SURE = ("low", "medium", "high")
OF_RESIDENTS = (
    "residents",
    "residents_notified",
    "residents_at_one_time",
    "individuals_in_state_notified",
    "residents of one state",
)

DISCOVERY = {"detected_at", "aware_at"}
STARTS = {
    "discovery": DISCOVERY,
    "discovery_or_notification": DISCOVERY,
    "discovery_or_reason_to_believe": DISCOVERY,
    "discovery_of_circumstances_requiring_notice": DISCOVERY,
    "cybersecurity_event": DISCOVERY,
    "determination_or_reason_to_believe": {"determined_at", "aware_at"},
    "determination_or_notification": {"determined_at", "aware_at"},
    "knows_or_has_reason_to_know": {"aware_at"},
    "entity_learns_of_acquisition": {"aware_at"},
    "reasonable_belief_of_reportable_incident": {"aware_at"},
    "reasonable_belief": {"aware_at"},
    "reasonable_belief_major": {"aware_at"},
    "becoming_aware": {"aware_at"},
    "provider_becoming_aware": {"aware_at"},
    "detection": {"detected_at"},
    "identification": {"detected_at"},
    "identification_of_incident": {"detected_at"},
    "investigation_complete": {"assessed_at"},
    "aware_and_scope_identified": {"assessed_at"},
    "no_harm_determination": {"assessed_at"},
    "materiality_determination": {"material_at"},
    "payment": {"ransom_paid_at"},
    "payment_made": {"ransom_paid_at"},
    "ocabr_reply": {"order_received_at"},
    "individual_notice": {"people_told_at"},
    "individual_notice_sent": {"people_told_at"},
    "individual_notice_distributed": {"people_told_at"},
}
DETERMINED = {"determined_at"}
# Before the residents, or with them: a clock that waits for their notice would come too late.
BEFORE_RESIDENTS = ("us-MD/attorney-general", "us-NJ/division-of-state-police")
# A second number that the row states beside its own threshold.
MORE_NUMBERS = {
    "us-OK/attorney-general": {("gte", 1000)},  # credit bureaus
    "us-OR/attorney-general-2": {("gt", 250)},
    "us-IL/consumer-reporting-agencies": {("gt", 1000)},  # state agencies
    "us-ME/superintendent-of-insurance": {("gte", 250)},
    "us-SC/director-of-insurance": {("gte", 250)},
}

with (Path(__file__).parent / "us_rows.csv").open(encoding="utf-8", newline="") as _file:
    ROWS = {row["source_id"]: row for row in csv.DictReader(_file)}
WRITTEN = {id_: row for id_, row in ROWS.items() if row["owed"] in ("yes", "proposal")}


@cache
def lawbook() -> Lawbook:
    return load_lawbook()


@cache
def versions() -> tuple[tuple[Regime, Duty, Version], ...]:
    def all_() -> Iterator[tuple[Regime, Duty, Version]]:
        for regime in lawbook().regimes.values():
            if regime.id.startswith("us-"):
                for duty in regime.duties.values():
                    for version in duty.history:
                        yield regime, duty, version

    return tuple(all_())


def written_from(row: str) -> list[tuple[Regime, Duty, Version]]:
    return [found for found in versions() if found[2].source_id == row or row in found[2].also_from]


def present(row: str) -> tuple[Regime, Version]:
    """The version that states the row as it stands on the day the fact base was made."""
    found = [(regime, one) for regime, _, one in versions() if one.source_id == row and one.covers(TODAY)]
    assert len(found) == 1, f"{row}: {len(found)} versions"
    return found[0]


def test_the_list_holds_all_jurisdictions_and_instruments() -> None:
    assert len({id_.split("/")[0] for id_ in ROWS if not id_.startswith("us-federal/")}) == 54
    assert len({id_.split("/")[1] for id_ in ROWS if id_.startswith("us-federal/")}) == 21


@pytest.mark.parametrize("row", sorted(ROWS))
def test_every_row_is_written_or_left_out_with_a_reason(row: str) -> None:
    because = lawbook().excluded.get(row)
    assert bool(written_from(row)) != bool(because), (
        f"{row}: write it, or give the reason for leaving it out; not both"
    )


@pytest.mark.parametrize("row", sorted(ROWS))
def test_no_version_claims_more_than_its_row(row: str) -> None:
    for regime, _, version in written_from(row):
        assert SURE.index(version.source.confidence) <= SURE.index(ROWS[row]["confidence"]), regime.id


@pytest.mark.parametrize("row", [id_ for id_, row in ROWS.items() if row["owed"] == "no"])
def test_rows_without_a_duty_say_so(row: str) -> None:
    assert present(row)[1].status == "no-duty"


@pytest.mark.parametrize("row", [id_ for id_, row in ROWS.items() if row["owed"] == "proposal"])
def test_what_is_not_in_force_is_never_live(row: str) -> None:
    assert present(row)[1].status == "proposal"


@pytest.mark.parametrize("row", sorted(WRITTEN))
def test_the_period_is_the_rows_in_the_rows_unit(row: str) -> None:
    _, version = present(row)
    plain = {
        str(clock.period).replace(" ", "-") for clock in version.clock if clock.period and clock.when is None
    }
    value, unit = WRITTEN[row]["value"], WRITTEN[row]["unit"]
    if value:
        every = {str(clock.period).replace(" ", "-") for clock in version.clock if clock.period}
        assert f"{value}-{unit if value != '1' else unit.removesuffix('s')}" in every
    elif row != "us-federal/fcc_breach/FCC_USSS_FBI_portal-annual":  # a date of the calendar: 1 February
        assert plain == set(), "the law gives no number"


@pytest.mark.parametrize("row", sorted(WRITTEN))
def test_business_days_are_counted_on_the_federal_calendar(row: str) -> None:
    for clock in present(row)[1].clock:
        if clock.period is not None and clock.period.unit == "business-days":
            assert clock.calendar == "US"


@pytest.mark.parametrize(
    "row",
    [
        id_
        for id_, row in WRITTEN.items()
        if row["start"] in STARTS or row["start"].startswith(("determination", "confirmation"))
    ],
)
def test_the_clock_starts_where_the_row_says(row: str) -> None:
    _, version = present(row)
    wanted = STARTS.get(WRITTEN[row]["start"], DETERMINED)
    if row in BEFORE_RESIDENTS:
        wanted = DISCOVERY
    if row.startswith("us-federal/hipaa_breach_rule") or row.startswith("us-federal/part2_sud"):
        wanted = wanted | {"should_have_known_at"}  # reasonable diligence would have shown it
    if row == "us-federal/circia/CISA-supplemental":
        wanted = set()
    if not version.clock:
        assert not wanted
        return
    first = version.clock[0].starts
    assert set(first.first_known or (first.moment,)) == wanted


@pytest.mark.parametrize("row", sorted(WRITTEN))
def test_the_threshold_has_the_rows_operator_number_and_scope(row: str) -> None:
    regime, version = present(row)
    facts = WRITTEN[row]
    tests = [] if version.when is None else list(walk(parse_condition(version.when, place=regime.place)))
    found = {
        (test.test, sign, limit)
        for test in tests
        if test.test in ("residents", "people")
        for sign, limit in test.argument.items()
        if sign != "place"
    } - {("residents", "gte", 1)}
    more = MORE_NUMBERS.get(row, set())
    wanted = set()
    if facts["count"] and (facts["op"], facts["count"]) != ("gte", "1"):
        what = "residents" if facts["scope"] in OF_RESIDENTS else "people"
        wanted = {(what, facts["op"], int(facts["count"]))}
    assert wanted <= found
    assert {(sign, limit) for _, sign, limit in found - wanted} <= more


@pytest.mark.parametrize(
    "state", sorted({id_.split("/")[0] for id_ in ROWS if not id_.startswith("us-federal/")})
)
def test_a_state_never_speaks_of_people_elsewhere_only(state: str) -> None:
    regime = lawbook().regimes[state.lower()]
    assert regime.place == f"US-{state[3:]}"
    assert regime.zone
    for key, duty in regime.duties.items():
        for version in duty.history:
            if version.status != "no-duty":
                tests = {test.test for test in walk(parse_condition(version.when, place=regime.place))}
                assert tests & {"residents", "people_in", "established"}, key
