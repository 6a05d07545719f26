"""Every row on Europe and the United Kingdom is a duty, refines one, or is left out with a reason.

`eu_uk_rows.csv` lists the rows: id, and how sure the fact base is.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from incident_flows.core.law import Lawbook, Version
from incident_flows.knowledge.lawbook import load_lawbook

SURE = ("low", "medium", "high")
PROPOSALS = ("omnibus-33-1-96h", "omnibus-sep", "uk-csr-bill-24h", "uk-csr-bill-72h", "uk-csr-bill-customers")
ENDED_BY_THE_GDPR = (
    "de-bdsg-old-42a",
    "de-tmg-15a",
    "de-bdsg-old-11-processor",
    "dir-95-46-none",
    "nl-wbp-34a",
    "at-dsg2000-24-2a",
    "uk-dpa1998-none",
)

with (Path(__file__).parent / "eu_uk_rows.csv").open(encoding="utf-8") as _file:
    ROWS = {row["id"]: row["confidence"] for row in csv.DictReader(_file)}


@cache
def lawbook() -> Lawbook:
    return load_lawbook()


@cache
def versions() -> tuple[tuple[str, Version], ...]:
    def walk() -> Iterator[tuple[str, Version]]:
        for regime in lawbook().regimes.values():
            for key, duty in regime.duties.items():
                for version in duty.history:
                    yield f"{regime.id}/{key}", version

    return tuple(walk())


def written_from(row: str) -> list[tuple[str, Version]]:
    return [(duty, one) for duty, one in versions() if row == one.source_id or row in one.also_from]


def test_the_list_holds_all_rows() -> None:
    assert len(ROWS) == 90


@pytest.mark.parametrize("row", sorted(ROWS))
def test_every_row_is_written_or_left_out_with_a_reason(row: str) -> None:
    because = lawbook().excluded.get(row)
    assert written_from(row) or because, f"{row}: stands in no source_id or also_from, and no reason is given"
    assert not (written_from(row) and because), f"{row}: is written and left out at the same time"


@pytest.mark.parametrize("row", sorted(ROWS))
def test_no_version_claims_more_than_its_row(row: str) -> None:
    for duty, version in written_from(row):
        claimed = version.source.confidence
        assert SURE.index(claimed) <= SURE.index(ROWS[row]), f"{duty}: {claimed}, but {row} is {ROWS[row]}"


@pytest.mark.parametrize("row", PROPOSALS)
def test_a_bill_is_never_live_law(row: str) -> None:
    for duty, version in written_from(row):
        assert version.status == "proposal", duty
        found = lawbook().duty(duty)
        assert found is not None
        assert found[1].version_on(date(2026, 11, 22)) is None, duty


@pytest.mark.parametrize("row", ENDED_BY_THE_GDPR)
def test_the_law_before_the_gdpr_ends_the_day_before_it(row: str) -> None:
    for duty, version in written_from(row):
        assert version.applies_until == date(2018, 5, 24), duty
