"""The lawbook as lists and words: what `breach law list | show | check | diff` say."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from incident_flows.core.law import Lawbook
from incident_flows.errors import NotFoundError
from incident_flows.knowledge.law_listing import changes, excluded_rows, health, in_words, rows, situations_of
from incident_flows.knowledge.lawbook import load_lawbook

CASES = Path(__file__).parents[1] / "cases"
TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def book() -> Lawbook:
    return load_lawbook()


# list


def test_every_row_of_the_list_has_what_the_contract_names(book: Lawbook) -> None:
    wanted = {
        "duty",
        "source_id",
        "jurisdiction",
        "addressee",
        "cite",
        "status",
        "applies_from",
        "applies_until",
        "confidence",
        "read_on",
    }
    found = rows(book)
    assert all(wanted <= row.keys() for row in found)
    assert all(
        row["cite"] and row["source_id"] and row["confidence"] in ("high", "medium", "low") for row in found
    )
    assert len(found) > 500


def test_a_place_narrows_the_list_and_an_unknown_one_is_refused(book: Lawbook) -> None:
    assert {row["jurisdiction"] for row in rows(book, place="GB")} == {"GB"}
    with pytest.raises(NotFoundError, match="no regime of 'ZZ'"):
        rows(book, place="ZZ")


def test_rows_saying_no_duty_are_listed_as_such(book: Lawbook) -> None:
    assert {row["status"] for row in rows(book)} >= {"in-force", "no-duty", "proposal"}


def test_rows_left_out_have_a_reason(book: Lawbook) -> None:
    found = excluded_rows(book)
    assert {row["source_id"] for row in found} == set(book.excluded)
    assert all(len(row["because"]) > 20 for row in found)


# show


def test_a_duty_is_shown_with_conditions_clock_sources_doubts_and_situations(book: Lawbook) -> None:
    found = in_words(book, "eu-gdpr/tell-authority", cases=CASES)
    text = "\n".join(found["lines"])
    for piece in (
        "it is established in EEA or people live in EEA",
        "the risk to people is unlikely",
        "72 hours from aware_at",
        "Regulation (EU) 2016/679, Art. 33(1)",
        "https://eur-lex.europa.eu/",
        "confidence high",
        "Doubts:",
        "Tested by:",
        "row gdpr-33-1-sa",
        "Known gaps:",
    ):
        assert piece in text, piece
    assert {one["file"] for one in found["tested_by"]} >= {"eu-gdpr.yaml", "eu-gdpr-open.yaml"}
    assert all(one["title"] and one["line"] > 0 for one in found["tested_by"])


def test_every_duty_of_the_lawbook_can_be_shown(book: Lawbook) -> None:
    for regime in book.regimes.values():
        for key in regime.duties:
            assert len(in_words(book, f"{regime.id}/{key}")["lines"]) > 5


def test_confidence_below_high_stands_out(book: Lawbook) -> None:
    doubtful = next(row["duty"] for row in rows(book) if row["confidence"] == "low")
    assert "CONFIDENCE LOW" in "\n".join(in_words(book, doubtful)["lines"])


def test_without_the_folder_of_situations_nothing_is_said_of_them(book: Lawbook, tmp_path: Path) -> None:
    found = in_words(book, "eu-gdpr/tell-authority", cases=tmp_path / "none")
    assert found["tested_by"] is None
    assert "Tested by" not in "\n".join(found["lines"])


def test_a_duty_no_situation_names_says_so(book: Lawbook, tmp_path: Path) -> None:
    assert "no situation" in "\n".join(in_words(book, "eu-gdpr/tell-authority", cases=tmp_path)["lines"])


def test_a_duty_whose_id_begins_another_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "cases:\n- title: One more\n  expect: {eu-gdpr/tell-authority-more@es-aepd: owed}\n"
        "- title: The first\n"
        "  expect: {eu-gdpr/tell-authority@es-aepd: owed}\n"
    )
    assert [one["title"] for one in situations_of("eu-gdpr/tell-authority", tmp_path)] == ["The first"]


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("eu-gdpr/tell-authorty", "eu-gdpr/tell-authority"),
        ("gdpr/tell-authority", "did you mean"),
        ("", "write regime/duty"),
    ],
)
def test_a_mistyped_duty_is_refused_with_a_hint(book: Lawbook, written: str, hint: str) -> None:
    with pytest.raises(NotFoundError, match=hint):
        in_words(book, written)


# check


def test_the_shipped_lawbook_is_counted_and_its_weak_rows_named(book: Lawbook) -> None:
    found = health(book, on=TODAY)
    assert found["regimes"] == len(book.regimes)
    assert sum(found["confidence"].values()) == found["versions"] >= found["duties"]
    low = {row["duty"] for row in rows(book) if row["confidence"] == "low"}
    assert {line.partition(":")[0] for line in found["warnings"] if "confidence low" in line} == low


def test_authorities_without_a_route_are_named(book: Lawbook) -> None:
    unknown = {one.id for one in book.authorities.values() if one.route.kind == "unknown"}
    assert unknown
    assert {
        line.partition(":")[0] for line in health(book, on=TODAY)["warnings"] if "no route" in line
    } == unknown


def test_rows_read_more_than_a_year_ago_are_named_from_the_first_day_after(book: Lawbook) -> None:
    read = max(
        version.source.read_on
        for regime in book.regimes.values()
        for duty in regime.duties.values()
        for version in duty.history
    )
    at_a_year = health(book, on=read + timedelta(days=365))["warnings"]
    a_day_later = health(book, on=read + timedelta(days=366))["warnings"]
    assert sum("more than a year ago" in line for line in a_day_later) > sum(
        "more than a year ago" in line for line in at_a_year
    )


def test_a_row_read_in_the_future_is_named(book: Lawbook) -> None:
    assert any("has not come yet" in line for line in health(book, on=date(2020, 1, 1))["warnings"])


def test_rows_used_by_several_regimes_are_listed(book: Lawbook) -> None:
    assert health(book, on=TODAY)["shared_rows"]["gdpr-33-1-sa"] == ["eu-gdpr", "uk-gdpr"]


# diff


def test_a_day_without_change_has_none(book: Lawbook) -> None:
    assert changes(book, TODAY, TODAY) == []


def test_the_gdpr_begins_on_its_day(book: Lawbook) -> None:
    found = {one["duty"]: one for one in changes(book, date(2018, 5, 24), date(2018, 5, 25))}
    begun = found["eu-gdpr/tell-authority"]
    assert (begun["change"], begun["on"], begun["before"]) == ("begins", "2018-05-25", None)
    assert "72 hours from aware_at" in begun["after"]
    assert found["de-bdsg-2009/tell-people"]["change"] in ("ends", "changes")


def test_california_changes_with_the_year_2026(book: Lawbook) -> None:
    found = {one["duty"]: one for one in changes(book, date(2025, 12, 31), date(2026, 1, 1))}
    assert any(duty.startswith("us-ca/") for duty in found)


def test_chile_changes_with_december_2026(book: Lawbook) -> None:
    found = {one["duty"] for one in changes(book, date(2026, 11, 30), date(2026, 12, 1))}
    assert any(duty.startswith("cl-") for duty in found)


def test_bills_change_nothing(book: Lawbook) -> None:
    found = changes(book, date(2026, 11, 22), date(2035, 1, 1))
    assert not any(one["duty"].startswith(("eu-omnibus/", "uk-csr-bill/")) for one in found)


def test_back_in_time_the_change_is_the_other_way_round(book: Lawbook) -> None:
    found = {one["duty"]: one["change"] for one in changes(book, date(2018, 5, 25), date(2018, 5, 24))}
    assert found["eu-gdpr/tell-authority"] == "ends"
