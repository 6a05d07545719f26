"""People are stored in sealed blocks under numbers that never change; shredding leaves counts and keyed hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

import pytest

from incident_flows.errors import NotFoundError
from incident_flows.storage.database import Database
from incident_flows.storage.people import NewBlock
from incident_flows.storage.tables import IncidentRow, NoticeRow


def _digest(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()[:16]


def _block(first: int, count: int) -> NewBlock:
    digests = b"".join(_digest(first + place) for place in range(count))
    return NewBlock(first, count, b"sealed", digests, [("es", "ES", count - 1), (None, "GB", 1)])


def _store(database: Database, incident: IncidentRow, *counts: int) -> None:
    for count in counts:
        with database.write() as tx:
            tx.people.add_block(incident.id, _block(tx.people.count(incident.id), count))


def test_blocks_stand_in_line_and_count_per_incident(
    database: Database, open_incident: Callable[..., IncidentRow]
) -> None:
    first, second = open_incident(database), open_incident(database)
    _store(database, first, 1000, 7, 3)
    _store(database, second, 2)
    with database.read() as tx:
        assert (tx.people.count(first.id), tx.people.count(second.id)) == (1010, 2)
        assert tx.people.by_language_and_place(first.id) == {("es", "ES"): 1007, (None, "GB"): 3}
        assert [row.first for row in tx.people.blocks(first.id, limit=10)] == [0, 1000, 1007]
        assert [row.first for row in tx.people.blocks(first.id, after=999, limit=10)] == [1000, 1007]
        assert [row.first for row in tx.people.blocks(first.id, after=998, limit=1)] == [0]
        assert tx.people.blocks(first.id, after=1009) == []


@pytest.mark.parametrize("first", [0, 9, 11])
def test_a_block_that_leaves_a_gap_or_overlaps_is_refused(
    database: Database, incident: IncidentRow, first: int
) -> None:
    _store(database, incident, 10)
    with pytest.raises(ValueError, match="the list ends elsewhere"), database.write() as tx:
        tx.people.add_block(incident.id, _block(first, 2))


def test_one_person_is_found_by_number_and_by_digest(database: Database, incident: IncidentRow) -> None:
    _store(database, incident, 5, 5)
    across = _digest(6)[9:] + _digest(7)[:9]  # stands in the bytes, but is nobody's
    with database.read() as tx:
        assert [tx.people.find(incident.id, _digest(number)) for number in (0, 4, 5, 9)] == [0, 4, 5, 9]
        assert tx.people.find(incident.id, _digest(10)) is None
        assert tx.people.find(incident.id, across) is None
        assert [tx.people.block_of(incident.id, number).first for number in (0, 4, 5, 9)] == [0, 0, 5, 5]
        for nobody in (-1, 10):
            with pytest.raises(NotFoundError):
                tx.people.block_of(incident.id, nobody)


def test_an_exception_replaces_the_one_before(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        tx.people.except_(incident.id, 3, "quarantined", noon)
        tx.people.except_(incident.id, 4, "bounced", noon)
        tx.people.except_(incident.id, 3, "bounced", noon, {"code": 550})
        assert tx.people.exception_counts(incident.id) == {"bounced": 2}
        assert [row.number for row in tx.people.exceptions(incident.id, "bounced", after=3)] == [4]
        found = tx.people.exception(incident.id, 3)
        assert found is not None
        assert (found.state, found.detail) == ("bounced", {"code": 550})


def test_an_import_remembers_its_lines_without_their_data(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        begun = tx.people.begin_import(incident.id, "ab" * 32, noon, "ana")
        tx.people.add_block(incident.id, _block(0, 2), begun.id)
        finished = tx.people.finish_import(begun.id, 2, 1, 0, [(7, "no address")])
    assert (finished.accepted, finished.refused, finished.refused_rows) == (2, 1, [[7, "no address"]])
    with database.read() as tx:
        assert tx.people.imports(incident.id) == [finished]
        assert tx.people.blocks(incident.id)[0].import_id == begun.id
    with pytest.raises(ValueError, match="quotes an address") as caught, database.write() as tx:
        tx.people.finish_import(begun.id, 2, 1, 0, [(7, "ana@example.org is odd")])
    assert "ana" not in str(caught.value)


def test_shredding_leaves_counts_and_nothing_sealed(
    database: Database,
    incident: IncidentRow,
    notice: NoticeRow,
    open_incident: Callable[..., IncidentRow],
) -> None:
    other = open_incident(database)
    for target in (incident, other):
        _store(database, target, 3, 2)
    with database.write() as tx:
        tx.deliveries.plan(notice.id, [{"key": "k", "channel": "smtp", "sealed": b"bytes"}])
        assert tx.people.shred(incident.id) == 5
        assert tx.people.shred(incident.id) == 0
    with database.read() as tx:
        assert tx.people.count(incident.id) == 5
        assert {row.sealed for row in tx.people.blocks(incident.id, limit=9)} == {None}
        assert tx.people.find(incident.id, _digest(4)) == 4
        assert tx.incidents.get(incident.ref).wrapped_key is None
        delivery = tx.deliveries.by_key("k")
        assert delivery is not None
        assert delivery.sealed is None
        assert {row.sealed for row in tx.people.blocks(other.id, limit=9)} == {b"sealed"}
        assert tx.incidents.get(other.ref).wrapped_key == b"wrapped"
