"""Every row of the fact base for the rest of the world is a duty, refines one, or is left out with a reason.

`world_rows.csv` lists the rows: id, place, how sure the fact base is, and whether it was read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from incident_flows.core.law import Lawbook, Version
from incident_flows.knowledge.lawbook import load_lawbook

SURE = ("low", "medium", "high")
READ = ("recalled", "mixed", "read")

with (Path(__file__).parent / "world_rows.csv").open(encoding="utf-8") as _file:
    ROWS = {row["id"]: row for row in csv.DictReader(_file)}


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


def test_the_list_holds_all_rows() -> None:
    assert len(ROWS) == 179
    assert len({row["jurisdiction"] for row in ROWS.values()}) == 86


@pytest.mark.parametrize("row", sorted(ROWS))
def test_every_row_is_written_or_left_out_with_a_reason(row: str) -> None:
    written = any(row == version.source_id or row in version.also_from for _, version in versions())
    because = lawbook().excluded.get(row)
    assert written or because, f"{row}: stands in no source_id or also_from, and no reason is given"
    assert not (written and because), f"{row}: is written and left out at the same time"
    if because is not None:
        assert because.strip(), f"{row}: is left out without a reason"


@pytest.mark.parametrize("row", sorted(ROWS))
def test_no_version_claims_more_than_its_row(row: str) -> None:
    for duty, version in versions():
        if version.source_id == row:
            sure, read = ROWS[row]["confidence"], ROWS[row]["basis"]
            assert SURE.index(version.source.confidence) <= SURE.index(sure), f"{duty}: more than {sure}"
            assert READ.index(version.source.basis) <= READ.index(read), f"{duty}: more than {read}"


def test_whatever_is_not_sure_says_why() -> None:
    silent = [
        f"{duty} ({version.source_id})"
        for duty, version in versions()
        if version.source_id in ROWS and version.source.confidence != "high" and not version.source.doubts
    ]
    assert silent == []
