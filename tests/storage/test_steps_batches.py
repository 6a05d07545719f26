"""Batches of steps: recorded with what was done, chains stopped, claims counted and cut."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from incident_flows.storage.database import Database
from incident_flows.storage.steps import Fired, PlannedRow
from incident_flows.storage.tables import IncidentRow

MINUTE = timedelta(minutes=1)
OID = "eu-gdpr/tell-authority@es-aepd"


@pytest.fixture
def planned(database: Database, incident: IncidentRow, noon: datetime) -> IncidentRow:
    rows = [
        PlannedRow(incident.id, incident.ref, OID, name, 1, noon, {"text": "späť – 到期", "n": 10**20})
        for name in ("t-4h", "t-4h/1", "t-4h/2", "t-4hours/1", "due")
    ]
    with database.write() as tx:
        assert tx.steps.plan_many(rows) == 5
        assert tx.steps.plan_many(rows) == 0
    return incident


def test_each_step_of_a_sweep_keeps_its_own_record(
    database: Database, planned: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        first, second, *others = tx.steps.claim(noon, "w1", MINUTE, 10)
        done = [
            Fired(
                first.id,
                1.5,
                "späť",
                {"paths": [{"path": "1-slack", "ok": True}], "quote": 'a"b\\c\n', "none": None},
            ),
            Fired(second.id),
            *(Fired(row.id, detail=row.detail) for row in others),
        ]
        assert tx.steps.fired_all(done, noon, owner="w1") == []
        rows = {row.id: row for row in tx.steps.list(planned.id)}
    assert (rows[first.id].late_seconds, rows[first.id].late_because) == (1.5, "späť")
    assert rows[first.id].detail == {
        "paths": [{"path": "1-slack", "ok": True}],
        "quote": 'a"b\\c\n',
        "none": None,
    }
    assert rows[second.id].detail == {"text": "späť – 到期", "n": 10**20}
    assert {row.state for row in rows.values()} == {"fired"}


def test_claims_are_counted_so_that_a_second_one_is_known(
    database: Database, planned: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        assert {row.claims for row in tx.steps.claim(noon, "w1", MINUTE, 10)} == {1}
        ids = [row.id for row in tx.steps.list(planned.id)]
        assert tx.steps.changed(ids, owner="w1") == {}
        assert {row.claims for row in tx.steps.claim(noon + MINUTE, "w2", MINUTE, 10)} == {2}
        assert tx.steps.changed(ids, owner="w2") == {}
        assert tx.steps.changed(ids, owner="w1") == dict.fromkeys(ids, ("claimed", "w2", False))
        tx.steps.fired_all([Fired(ids[0])], noon, owner="w2")
        tx.steps.cancel(planned.id, "nothing")
        assert tx.steps.changed(ids, owner="w2") == {ids[0]: ("fired", "w2", True)}
        tx.steps.cancel(planned.id)
        assert {state for state, _, _ in tx.steps.changed(ids[1:], owner="w2").values()} == {"cancelled"}


def test_stopping_a_chain_leaves_its_first_step_and_other_steps_alone(
    database: Database, planned: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        assert tx.steps.stop_chain(planned.id, OID, "t-4h", 2) == 0
        assert tx.steps.stop_chain(planned.id, OID, "t-4h", 1) == 2
        rows = {row.name: row.state for row in tx.steps.list(planned.id)}
    assert rows == {
        "t-4h": "pending",
        "t-4h/1": "cancelled",
        "t-4h/2": "cancelled",
        "t-4hours/1": "pending",
        "due": "pending",
    }


def test_leases_are_cut_and_never_lengthened(
    database: Database, planned: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        tx.steps.claim(noon, "w1", 120 * MINUTE, 2)
        tx.steps.claim(noon, "w2", MINUTE / 2, 10)
        assert tx.steps.next_lapse() == noon + MINUTE / 2
        assert tx.steps.cut_leases(noon + MINUTE) == 2
        assert len(tx.steps.claim(noon + MINUTE, "w3", MINUTE, 10)) == 5
        assert tx.steps.named(planned.id, OID, "nothing", 1) is None
