"""Obligations follow the newest assessment, keep what people decided, and stand on the wall while open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from incident_flows.errors import NotFoundError
from incident_flows.storage.database import Database
from incident_flows.storage.tables import IncidentRow

HOUR = timedelta(hours=1)
AEPD, ICO, PEOPLE = "eu-gdpr/tell-authority@es-aepd", "gb-gdpr/tell-authority@gb-ico", "eu-gdpr/tell-people"


def owed(oid: str, **more: Any) -> dict[str, Any]:
    return {
        "oid": oid,
        "duty": oid.partition("@")[0],
        "addressee_kind": "authority",
        "addressee_name": "Somebody",
        "status": "owed",
        **more,
    }


def test_the_first_answer_is_all_new(database: Database, incident: IncidentRow, noon: datetime) -> None:
    row = owed(
        AEPD,
        source_id="gdpr-33-1-sa",
        addressee_id="es-aepd",
        due_at=noon + 72 * HOUR,
        due_on=date(2026, 11, 23),
        zone="Europe/Madrid",
        cite="Art. 33(1)",
        confidence="high",
        detail={"because": ("a", "b"), "missing": []},
    )
    with database.write() as tx:
        (change,) = tx.obligations.sync(incident.ref, [row])
    assert (change.oid, change.kind, change.before, change.moved) == (AEPD, "new", None, True)
    with database.read() as tx:
        stored = tx.obligations.get(incident.ref, AEPD)
    assert stored == change.after
    assert stored.due_at == stored.effective_at == noon + 72 * HOUR
    assert stored.due_on == date(2026, 11, 23)
    assert stored.detail == {"because": ["a", "b"], "missing": []}
    assert (stored.standing, stored.reach, stored.kind, stored.plan_version) == ("live", "yes", "law", 1)
    assert stored.incident_ref == incident.ref


def test_the_same_answer_again_changes_nothing(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    rows = [owed(AEPD, due_at=noon, detail={"because": ("a",)}), owed(ICO)]
    with database.write() as tx:
        tx.obligations.sync(incident.ref, rows)
    with database.write() as tx:
        assert tx.obligations.sync(incident.ref, rows) == []


def test_a_moved_clock_gets_a_new_plan_version_and_other_changes_do_not(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        tx.obligations.sync(incident.ref, [owed(AEPD, due_at=noon), owed(ICO, due_at=noon)])
        moved, renamed = tx.obligations.sync(
            incident.ref, [owed(AEPD, due_at=noon + HOUR), owed(ICO, due_at=noon, cite="Art. 33")]
        )
    assert (moved.kind, moved.fields, moved.moved, moved.after.plan_version) == (
        "changed",
        ("due_at",),
        True,
        2,
    )
    assert moved.before is not None
    assert moved.before.due_at == noon
    assert moved.after.effective_at == noon + HOUR
    assert (renamed.fields, renamed.moved, renamed.after.plan_version) == (("cite",), False, 1)


def test_what_is_no_longer_answered_is_gone_and_can_return(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        tx.obligations.sync(incident.ref, [owed(AEPD, due_at=noon), owed(ICO, due_at=noon)])
        (gone,) = tx.obligations.sync(incident.ref, [owed(AEPD, due_at=noon)])
        assert (gone.oid, gone.kind, gone.fields, gone.moved) == (ICO, "gone", ("standing",), True)
        assert [row.oid for row in tx.obligations.open_clocks()] == [AEPD]
        assert tx.obligations.sync(incident.ref, [owed(AEPD, due_at=noon)]) == []
        (back,) = tx.obligations.sync(incident.ref, [owed(AEPD, due_at=noon), owed(ICO, due_at=noon)])
        assert (back.kind, back.fields, back.after.plan_version) == ("changed", ("standing",), 3)
        assert len(tx.obligations.open_clocks()) == 2


def test_decisions_and_what_was_met_outlive_new_answers(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    with database.write() as tx:
        tx.obligations.sync(incident.ref, [owed(AEPD, due_at=noon), owed(ICO, due_at=noon)])
        tx.obligations.decide(incident.ref, AEPD, "not-owed")
        tx.obligations.meet(incident.ref, ICO, noon, "N-0001")
        tx.obligations.sync(incident.ref, [owed(AEPD, due_at=noon + HOUR), owed(ICO, due_at=noon + HOUR)])
        first, second = tx.obligations.list(incident.ref)
    assert (first.decided, first.status) == ("not-owed", "owed")
    assert (second.met_at, second.met_by) == (noon, "N-0001")


@pytest.mark.parametrize("wrong", [{"decided": "owed"}, {"due": None}, {"plan_version": 3}])
def test_a_row_with_a_column_the_engine_does_not_answer_for_is_refused(
    database: Database, incident: IncidentRow, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="unknown"), database.write() as tx:
        tx.obligations.sync(incident.ref, [owed(AEPD, **wrong)])
    with pytest.raises(ValueError, match="missing"), database.write() as tx:
        tx.obligations.sync(incident.ref, [{"oid": AEPD}])
    with pytest.raises(ValueError, match="twice"), database.write() as tx:
        tx.obligations.sync(incident.ref, [owed(AEPD), owed(AEPD)])


def test_the_wall_shows_the_soonest_first_and_those_without_an_instant_last(
    database: Database, open_incident: Callable[..., IncidentRow], noon: datetime
) -> None:
    first, second = open_incident(database), open_incident(database)
    with database.write() as tx:
        tx.obligations.sync(
            first.ref,
            [
                owed("late", due_at=noon + 72 * HOUR, target_at=noon),
                owed("no-number"),
                owed("provisional", provisional_due_at=noon + 24 * HOUR, status="undetermined"),
                owed("not-owed", due_at=noon, status="not-owed"),
            ],
        )
        tx.obligations.sync(
            second.ref, [owed("soon", due_at=noon + HOUR), owed("house", target_at=noon + 48 * HOUR)]
        )
    with database.read() as tx:
        assert [row.oid for row in tx.obligations.open_clocks()] == [
            "soon",
            "provisional",
            "house",
            "late",
            "no-number",
        ]
        assert [row.oid for row in tx.obligations.open_clocks(2)] == ["soon", "provisional"]
        assert tx.obligations.open_clocks()[0].incident_ref == second.ref


def test_a_clock_leaves_the_wall_when_met_decided_or_closed_and_returns(
    database: Database, incident: IncidentRow, noon: datetime
) -> None:
    def wall() -> list[str]:
        return [row.oid for row in tx.obligations.open_clocks()]

    with database.write() as tx:
        tx.obligations.sync(incident.ref, [owed(AEPD, due_at=noon), owed(PEOPLE, status="not-owed")])
        assert wall() == [AEPD]
        met = tx.obligations.meet(incident.ref, AEPD, noon, "N-0001")
        assert wall() == []
        assert met.plan_version == 2
        assert tx.obligations.meet(incident.ref, AEPD, noon + HOUR, "N-0002") == met  # the first time counts
        assert tx.obligations.unmeet(incident.ref, AEPD).plan_version == 3
        assert wall() == [AEPD]
        tx.obligations.decide(incident.ref, PEOPLE, "owed")
        assert wall() == [AEPD, PEOPLE]
        tx.obligations.decide(incident.ref, AEPD, "not-owed")
        assert wall() == [PEOPLE]
        tx.obligations.decide(incident.ref, AEPD, None)
        tx.incidents.close(incident.ref, noon)
        assert wall() == []
        tx.incidents.reopen(incident.ref)
        assert wall() == [AEPD, PEOPLE]
        before = tx.obligations.get(incident.ref, AEPD).plan_version
        assert tx.obligations.replan(incident.ref, AEPD).plan_version == before + 1


def test_an_unknown_obligation_names_the_nearest(database: Database, incident: IncidentRow) -> None:
    with database.write() as tx:
        tx.obligations.sync(incident.ref, [owed(AEPD)])
    with (
        pytest.raises(NotFoundError, match="did you mean eu-gdpr/tell-authority@es-aepd"),
        database.read() as tx,
    ):
        tx.obligations.get(incident.ref, "eu-gdpr/tell-authority@es")
