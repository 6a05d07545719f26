"""Incidents, their facts, assessments and decisions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from incident_flows.errors import IllegalTransitionError, NotFoundError, StorageError
from incident_flows.storage.database import Database
from incident_flows.storage.tables import IncidentRow

HOUR = timedelta(hours=1)
Incident = Callable[..., IncidentRow]


def test_refs_count_up_within_their_year_in_utc(database: Database, open_incident: Incident) -> None:
    new_year_in_auckland = datetime(2027, 1, 1, 1, tzinfo=timezone(timedelta(hours=13)))
    moments = [
        datetime(2026, 3, 1, tzinfo=UTC),
        new_year_in_auckland,
        datetime(2027, 1, 1, tzinfo=UTC),
        datetime(2026, 12, 31, tzinfo=UTC),
    ]
    refs = [open_incident(database, opened_at=moment).ref for moment in moments]
    assert refs == ["INC-2026-0001", "INC-2026-0002", "INC-2027-0001", "INC-2026-0003"]


def test_refs_grow_past_four_digits(database: Database, open_incident: Incident) -> None:
    with database._engine.execution_options(breach_writes=True).begin() as connection:
        connection.exec_driver_sql("INSERT INTO counter (name, value) VALUES ('INC-2026', 9999)")
    assert open_incident(database).ref == "INC-2026-10000"


def test_the_same_request_opens_one_incident(database: Database, open_incident: Incident) -> None:
    first = open_incident(database, request_key="form-1")
    again = open_incident(database, request_key="form-1", title="Another title")
    other = open_incident(database, request_key="form-2")
    assert (again, other.ref) == (first, "INC-2026-0002")
    with database.read() as tx:
        assert tx.incidents.by_request_key("form-1") == first
        assert tx.incidents.by_request_key("form-3") is None


def test_the_same_request_twice_at_once_opens_one_incident(
    database: Database, open_incident: Incident
) -> None:
    start, opened = threading.Barrier(4), list[IncidentRow]()

    def ask() -> None:
        start.wait()
        opened.append(open_incident(database, request_key="form-1"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {row.ref for row in opened} == {"INC-2026-0001"}
    assert len(opened) == 4
    assert open_incident(database).ref == "INC-2026-0002"  # no number was lost


def test_an_unknown_ref_names_the_nearest(database: Database, incident: IncidentRow) -> None:
    for wrong in ("INC-2026-1", "inc-2026-0001", "INC-2026-0011"):
        with pytest.raises(NotFoundError, match=r"did you mean INC-2026-0001\?"), database.read() as tx:
            tx.incidents.get(wrong)
    with pytest.raises(NotFoundError) as caught, database.read() as tx:
        tx.incidents.get("laptop")
    assert "mean" not in str(caught.value)


def test_the_list_is_newest_first_in_pages(database: Database, open_incident: Incident) -> None:
    refs = [open_incident(database).ref for _ in range(5)]
    with database.write() as tx:
        tx.incidents.close(refs[3], datetime(2026, 11, 21, tzinfo=UTC))
    with database.read() as tx:
        page = tx.incidents.list(limit=2)
        assert [row.ref for row in page] == [refs[4], refs[3]]
        assert [row.ref for row in tx.incidents.list(limit=2, after=page[-1].ref)] == [refs[2], refs[1]]
        assert [row.ref for row in tx.incidents.list("open")] == [refs[4], refs[2], refs[1], refs[0]]
        assert [row.ref for row in tx.incidents.list("closed")] == [refs[3]]


def test_an_incident_closes_and_opens_again(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        closed = tx.incidents.close(incident.ref, noon + HOUR)
        assert (closed.state, closed.closed_at) == ("closed", noon + HOUR)
    with pytest.raises(IllegalTransitionError, match="is closed"), database.write() as tx:
        tx.incidents.close(incident.ref, noon)
    with database.write() as tx:
        opened = tx.incidents.reopen(incident.ref)
        assert (opened.state, opened.closed_at) == ("open", None)
    with pytest.raises(IllegalTransitionError, match="is open"), database.write() as tx:
        tx.incidents.reopen(incident.ref)


def test_an_incident_keeps_its_ladder_until_somebody_changes_it(
    database: Database, incident: IncidentRow
) -> None:
    with database.write() as tx:
        tx.incidents.set_ladder(incident.ref, [{"before": "4h"}])
        tx.incidents.rename(incident.ref, "Laptop found")
        stored = tx.incidents.lock(incident.ref)
    assert (stored.ladder, stored.title) == ([{"before": "4h"}], "Laptop found")


def test_facts_are_appended_and_the_old_ones_stay(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    first = {"people": {"total": None}, "título": "ñ"}
    second = {"people": {"total": 1020}}
    with database.write() as tx:
        assert tx.incidents.add_facts(incident.ref, first, first, noon, noon + HOUR, "ana", "report") == 1
        assert (
            tx.incidents.add_facts(
                incident.ref, second, second, noon + 2 * HOUR, noon + 2 * HOUR, "bo", "log"
            )
            == 2
        )
    with database.read() as tx:
        assert tx.incidents.get(incident.ref).facts_version == 2
        assert tx.incidents.facts(incident.ref).facts == second
        assert tx.incidents.facts(incident.ref, 1).facts == first
        assert tx.incidents.facts(incident.ref, as_known_at=noon + HOUR).version == 1
        assert tx.incidents.facts(incident.ref, as_known_at=noon + 2 * HOUR).version == 2
        history = tx.incidents.facts_history(incident.ref)
        assert [(row.version, row.by, row.source) for row in history] == [
            (1, "ana", "report"),
            (2, "bo", "log"),
        ]
        assert history[0].recorded_at == noon + HOUR
    for asked in ({"version": 3}, {"as_known_at": noon - HOUR}):
        with pytest.raises(NotFoundError, match=incident.ref), database.read() as tx:
            tx.incidents.facts(incident.ref, **asked)


def test_stored_facts_and_assessments_cannot_be_changed(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        tx.incidents.add_facts(incident.ref, {}, {}, noon, noon, "ana", "report")
        tx.incidents.add_assessment(incident.ref, 1, "2026.11.1", "ab", date(2026, 11, 20), {}, {}, noon)
    for table in ("facts", "assessment"):
        with pytest.raises(StorageError), database.write() as tx:
            tx.incidents._session.connection().exec_driver_sql(f"UPDATE {table} SET version = 7")


def test_two_people_adding_facts_at_once_get_two_versions(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    start, versions = threading.Barrier(4), list[int]()

    def add() -> None:
        start.wait()
        with database.write() as tx:
            versions.append(tx.incidents.add_facts(incident.ref, {}, {}, noon, noon, "ana", "report"))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions) == [1, 2, 3, 4]


def test_assessments_are_kept_whole(database: Database, incident: IncidentRow, noon: datetime) -> None:
    result = {"risk": {"level": "high", "score": 3.25}, "obligations": []}
    with pytest.raises(NotFoundError, match="not assessed yet"), database.read() as tx:
        tx.incidents.assessment(incident.ref)
    with database.write() as tx:
        for version in (1, 2):
            assert (
                tx.incidents.add_assessment(
                    incident.ref,
                    facts_version=version,
                    lawbook_version="2026.11.1",
                    lawbook_sha256="ab" * 32,
                    law_as_of=date(2026, 11, 20),
                    versions={"tzdata": "2026.6"},
                    result=result,
                    assessed_at=noon,
                )
                == version
            )
    with database.read() as tx:
        stored = tx.incidents.assessment(incident.ref, 1)
        assert (stored.result, stored.law_as_of, stored.versions) == (
            result,
            date(2026, 11, 20),
            {"tzdata": "2026.6"},
        )
        assert [row.version for row in tx.incidents.assessment_history(incident.ref)] == [1, 2]
        assert tx.incidents.get(incident.ref).assessment_version == 2


def test_a_decision_takes_one_second_person(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        decided = tx.incidents.add_decision(
            incident.ref,
            "eu-gdpr/tell-people",
            "not-owed",
            "keys safe",
            "ana",
            noon,
            {"status": "undetermined"},
        )
        tx.incidents.add_decision(incident.ref, "risk", "high", "bank data", "ana", noon, None, "bo")
        assert tx.incidents.second(decided.id, "bo", noon + HOUR).second_by == "bo"
    with pytest.raises(IllegalTransitionError, match="seconded by bo"), database.write() as tx:
        tx.incidents.second(decided.id, "cy", noon)
    with pytest.raises(NotFoundError), database.write() as tx:
        tx.incidents.second(999, "cy", noon)
    with database.read() as tx:
        first, other = tx.incidents.decisions(incident.ref)
    assert (first.proposed, first.second_at) == ({"status": "undetermined"}, noon + HOUR)
    assert (other.proposed, other.second_by) == ({}, "bo")
