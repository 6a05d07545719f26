"""After a change of the law: those it touches are answered anew, the others left alone, nobody is missed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import PermissionDeniedError
from incident_flows.knowledge.facts_files import change_from, merged
from incident_flows.knowledge.lawbook import playbooks_root
from incident_flows.knowledge.library import Library
from incident_flows.services.reassess import reassess_all
from incident_flows.services.update import change_facts

AUTHORITY = "uk-gdpr/tell-authority@gb-ico"


@pytest.fixture
def playbooks(tmp_path: Path) -> Path:
    """A copy of the shipped playbooks that a test may change."""
    return Path(shutil.copytree(playbooks_root(), tmp_path / "playbooks"))


@pytest.fixture
def own(house, playbooks: Path, tmp_path: Path):
    """The house, working with a copy of the playbooks and a cache of its own."""
    house.desk.library = Library.load(cache=tmp_path / "cache", root=playbooks)
    return house


def edit(house, name: str, old: str, new: str) -> None:
    """Change a law file and load the lawbook anew, as the next command would."""
    path = house.desk.library.root / "law" / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    house.desk.library = Library.load(cache=house.desk.library.cache, root=house.desk.library.root)


def again(house, **more):
    return reassess_all(house.desk, actor=house.person(), now=house.advance(minutes=5), workers=0, **more)


def due(house, ref: str):
    with house.desk.database.read() as tx:
        return next(row.due_at for row in tx.obligations.list(ref) if row.oid == AUTHORITY)


def test_under_the_same_lawbook_nobody_is_asked(own) -> None:
    own.open("aimigos-studio")
    report = again(own)
    assert (report.open, report.skipped, report.same, report.changed) == (1, 1, 0, {})


def test_a_changed_period_moves_the_clock_of_those_it_touches_only(own) -> None:
    touched, other = own.open("aimigos-studio"), own.open("nero-ag")
    before = due(own, touched)
    edit(own, "uk-gdpr.yaml", "period: 72 hours", "period: 71 hours")
    report = again(own)
    assert list(report.changed) == [touched]
    assert AUTHORITY in report.changed[touched]
    assert (before - due(own, touched)).total_seconds() == 3600
    with own.desk.database.read() as tx:
        assert tx.incidents.get(other).assessment_version == 1
        assert tx.incidents.get(touched).assessment_version == 2


def test_a_change_that_cannot_reach_an_incident_is_skipped_without_asking(own) -> None:
    own.open("aimigos-studio")
    edit(own, "jp-appi.yaml", "id: jp-appi", "# a remark\nid: jp-appi")
    report = again(own)
    assert (report.skipped, report.same, report.changed) == (1, 0, {})


def test_a_change_without_effect_is_asked_once_and_then_remembered(own) -> None:
    ref = own.open("aimigos-studio")
    edit(own, "uk-gdpr.yaml", "id: uk-gdpr", "# a remark\nid: uk-gdpr")
    first, second = again(own), again(own)
    assert (first.skipped, first.same) == (0, 1)
    assert (second.skipped, second.same) == (1, 0)
    with own.desk.database.read() as tx:
        assert tx.incidents.get(ref).assessment_version == 1, "the same answer is not stored twice"


def test_what_was_remembered_counts_no_more_after_another_change(own) -> None:
    ref = own.open("aimigos-studio")
    edit(own, "uk-gdpr.yaml", "id: uk-gdpr", "# a remark\nid: uk-gdpr")
    again(own)
    edit(own, "uk-gdpr.yaml", "period: 72 hours", "period: 71 hours")
    assert list(again(own).changed) == [ref]


def test_a_regime_that_newly_reaches_an_incident_is_noticed(own) -> None:
    ref = own.open("aimigos-studio")
    edit(own, "jp-appi.yaml", "place: JP", "place: JP\napplies: {always: true}")
    report = again(own)
    assert any(id_.startswith("jp-appi/") for id_ in report.changed[ref])


def test_a_regime_that_reaches_an_incident_no_more_is_noticed(own) -> None:
    ref = own.open("aimigos-studio")
    text = (own.desk.library.root / "law" / "uk-gdpr.yaml").read_text("utf-8")
    applies = next((line for line in text.splitlines() if line.startswith("applies:")), "place: GB")
    edit(own, "uk-gdpr.yaml", applies, "applies: {people_in: JP}" if "applies" in applies else "place: JP")
    assert AUTHORITY in again(own).changed[ref]


def test_a_change_of_policy_asks_everybody(own) -> None:
    own.open("aimigos-studio")
    path = own.desk.library.root / "policies" / "targets.yaml"
    path.write_text(path.read_text("utf-8").replace("people: {hours: 72}", "people: {hours: 71}"), "utf-8")
    own.desk.library = Library.load(cache=own.desk.library.cache, root=own.desk.library.root)
    assert len(again(own).changed) == 1


def test_without_a_cache_everybody_is_asked_and_nothing_is_missed(own) -> None:
    own.open("aimigos-studio")
    edit(own, "jp-appi.yaml", "id: jp-appi", "# a remark\nid: jp-appi")
    own.desk.library = replace(own.desk.library, cache=None)
    assert (again(own).same, again(own).same) == (1, 1)


def test_facts_learned_since_are_not_taken_for_the_answered_ones(own) -> None:
    ref = own.open("aimigos-studio")
    edit(own, "uk-gdpr.yaml", "id: uk-gdpr", "# a remark\nid: uk-gdpr")
    again(own)
    with own.desk.database.write() as tx:  # facts stored without an answer, as a crash might leave them
        stored = tx.incidents.facts(ref)
        change = change_from(["moments.aware_at=2026-11-21T18:00:00+01:00"])
        tx.incidents.add_facts(
            ref, merged(stored.facts, change), change, own.now, own.now, "anna", "a note found later"
        )
    assert list(again(own).changed) == [ref]
    with own.desk.database.read() as tx:
        assert tx.incidents.assessment(ref).facts_version == 2


def test_an_incident_whose_facts_change_afterwards_is_asked_again(own) -> None:
    ref = own.open("aimigos-studio")
    edit(own, "uk-gdpr.yaml", "id: uk-gdpr", "# a remark\nid: uk-gdpr")
    again(own)
    change_facts(
        own.desk,
        ref,
        change_from(["people.by_place.GB=901", "people.total=1021"]),
        actor=own.person(),
        now=own.advance(minutes=1),
        source="recount",
    )
    assert again(own).skipped == 1, "the update itself answered it under this lawbook"


def test_closed_incidents_are_left_alone(own) -> None:
    ref = own.open("aimigos-studio")
    with own.desk.database.write() as tx:
        tx.incidents.close(ref, own.now)
    edit(own, "uk-gdpr.yaml", "period: 72 hours", "period: 71 hours")
    assert again(own).open == 0


def test_a_limit_asks_so_many_and_the_next_run_goes_on(own) -> None:
    refs = [own.open("aimigos-studio") for _ in range(3)]
    edit(own, "uk-gdpr.yaml", "period: 72 hours", "period: 71 hours")
    first, second = again(own, limit=2), again(own, limit=2)
    assert [*first.changed, *second.changed] == refs


def test_progress_is_told(own) -> None:
    own.open("aimigos-studio")
    edit(own, "uk-gdpr.yaml", "period: 72 hours", "period: 71 hours")
    told: list[tuple[int, int]] = []
    again(own, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 1)]


def test_helper_processes_come_to_the_same_report(own) -> None:
    own.open("aimigos-studio")
    own.open("nero-ag")
    edit(own, "uk-gdpr.yaml", "period: 72 hours", "period: 71 hours")
    report = reassess_all(own.desk, actor=own.person(), now=own.advance(minutes=5), workers=2)
    assert len(report.changed) == 1
    assert report.lines()[1].endswith(AUTHORITY)


def test_stored_facts_that_fit_no_more_are_reported_and_stop_nobody_else(own) -> None:
    bad, good = own.open("aimigos-studio"), own.open("aimigos-studio")
    with own.desk.database.write() as tx:
        stored = tx.incidents.facts(bad)
        tx.incidents.add_facts(
            bad, {**stored.facts, "role": "owner"}, {}, own.now, own.now, "anna", "by hand"
        )
    edit(own, "uk-gdpr.yaml", "period: 72 hours", "period: 71 hours")
    report = again(own)
    assert list(report.changed) == [good]
    assert "do not fit" in report.failed[bad]


def test_the_run_is_in_the_journal(own) -> None:
    own.open("aimigos-studio")
    edit(own, "uk-gdpr.yaml", "period: 72 hours", "period: 71 hours")
    again(own)
    with own.desk.database.read() as tx:
        acts = [entry.act for entry in tx.journal.last()]
    assert "reassessed" in acts


def test_an_auditor_may_not(own) -> None:
    with pytest.raises(PermissionDeniedError):
        reassess_all(own.desk, actor=Actor("eve", "eve", frozenset({"auditor"})), now=own.now)
