"""Recipients come in bulk, sealed, once each; shredding leaves counts only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from incident_flows.errors import NotFoundError
from incident_flows.storage.database import Database
from incident_flows.storage.people import Added
from incident_flows.storage.tables import IncidentRow, NoticeRow


def _people(noon: datetime, count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"address_hmac": f"{number:064x}", "sealed": b"sealed", "imported_at": noon, **more}
        for number in range(count)
    ]


def test_ten_thousand_people_come_in_once_each(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    rows = _people(noon, 10_000, language="es", place="ES")
    with database.write() as tx:
        assert tx.people.add_many(incident.id, rows + rows[:5]) == Added(accepted=10_000, duplicates=5)
    with database.write() as tx:
        assert tx.people.add_many(incident.id, rows[:100]) == Added(accepted=0, duplicates=100)
        assert tx.people.add_many(incident.id, []) == Added(accepted=0, duplicates=0)
        assert tx.people.count(incident.id) == 10_000


def test_an_address_is_unique_within_its_incident_only(
    database: Database, open_incident: Callable[..., IncidentRow], noon: datetime
) -> None:
    first, second = open_incident(database), open_incident(database)
    with database.write() as tx:
        assert tx.people.add_many(first.id, _people(noon, 3)).accepted == 3
        assert tx.people.add_many(second.id, _people(noon, 3)).accepted == 3
        assert tx.people.count(first.id) == 3


def test_pages_walk_through_everybody_once(database: Database, incident: IncidentRow, noon: datetime) -> None:
    with database.write() as tx:
        tx.people.add_many(incident.id, _people(noon, 25))
    seen, after = list[str](), 0
    with database.read() as tx:
        while page := tx.people.page(incident.id, after_id=after, limit=10):
            seen += [row.address_hmac for row in page]
            after = page[-1].id
    assert len(seen) == len(set(seen)) == 25


def test_one_person_is_found_by_the_hmac_of_their_address(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        tx.people.add_many(incident.id, _people(noon, 2))
        found = tx.people.by_hmac(incident.id, f"{1:064x}")
        assert found is not None
        assert tx.people.mark(found.id, "undeliverable").state == "undeliverable"
        assert tx.people.get(found.id).state == "undeliverable"
        assert tx.people.by_hmac(incident.id, "nobody") is None
    with pytest.raises(NotFoundError), database.read() as tx:
        tx.people.get(999)


def test_an_import_remembers_its_lines_without_their_data(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        begun = tx.people.begin_import(incident.id, "ab" * 32, noon, "ana")
        tx.people.add_many(incident.id, _people(noon, 2, import_id=begun.id))
        finished = tx.people.finish_import(begun.id, 2, 1, 0, [(7, "no address")])
    assert (finished.accepted, finished.refused, finished.refused_rows) == (2, 1, [[7, "no address"]])
    with database.read() as tx:
        assert tx.people.imports(incident.id) == [finished]
        assert tx.people.page(incident.id)[0].import_id == begun.id
    with pytest.raises(ValueError, match="quotes an address") as caught, database.write() as tx:
        tx.people.finish_import(begun.id, 2, 1, 0, [(7, "ana@example.org is odd")])
    assert "ana" not in str(caught.value)


def test_shredding_leaves_counts_and_nothing_sealed(
    database: Database,
    incident: IncidentRow,
    notice: NoticeRow,
    open_incident: Callable[..., IncidentRow],
    noon: datetime,
) -> None:
    other = open_incident(database)
    with database.write() as tx:
        for target in (incident, other):
            tx.people.add_many(target.id, _people(noon, 3))
        tx.deliveries.plan(notice.id, [{"key": "k", "channel": "smtp", "sealed": b"bytes"}])
        assert tx.people.shred(incident.id) == 3
        assert tx.people.shred(incident.id) == 0
    with database.read() as tx:
        assert tx.people.count(incident.id) == 3
        assert {(row.sealed, row.state) for row in tx.people.page(incident.id)} == {(None, "shredded")}
        assert tx.incidents.get(incident.ref).wrapped_key is None
        delivery = tx.deliveries.by_key("k")
        assert delivery is not None
        assert delivery.sealed is None
        assert {row.sealed for row in tx.people.page(other.id)} == {b"sealed"}
        assert tx.incidents.get(other.ref).wrapped_key == b"wrapped"
