"""Deliveries are claimed by one, recorded once, and never sent again on a guess."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from incident_flows.errors import IllegalTransitionError, NotFoundError
from incident_flows.storage.database import Database
from incident_flows.storage.tables import IncidentRow, NoticeRow

LEASE = timedelta(minutes=5)
Opener = Callable[..., Database]


def _plan(database: Database, notice: NoticeRow, count: int) -> None:
    rows = [{"key": f"{notice.ref}/{number}", "channel": "smtp", "sealed": b"x"} for number in range(count)]
    with database.write() as tx:
        assert tx.deliveries.plan(notice.id, rows) == count


def test_planning_the_same_keys_again_adds_nothing(
    database: Database, incident: IncidentRow, notice: NoticeRow
) -> None:
    _plan(database, notice, 3)
    with database.write() as tx:
        more = [{"key": f"N-0001/{number}", "channel": "smtp"} for number in range(5)]
        assert tx.deliveries.plan(notice.id, more) == 2
        assert tx.deliveries.plan(notice.id, []) == 0
        assert tx.deliveries.counts(incident.id) == {"planned": 5}
        first = tx.deliveries.by_key("N-0001/0")
        assert first is not None
        assert (first.sealed, first.incident_id, first.receipt) == (b"x", incident.id, {})
        assert tx.deliveries.by_key("N-0001/9") is None
        assert [row.key for row in tx.deliveries.page(notice.id, after_id=first.id, limit=2)] == [
            "N-0001/1",
            "N-0001/2",
        ]
    with pytest.raises(NotFoundError), database.write() as tx:
        tx.deliveries.plan(999, more)


def test_a_claimed_delivery_is_recorded_once(
    database: Database, incident: IncidentRow, notice: NoticeRow, noon: datetime
) -> None:
    _plan(database, notice, 2)
    with database.write() as tx:
        first, second = tx.deliveries.claim(notice.id, "w1", noon, LEASE, 10)
        assert (first.state, first.claimed_by, first.attempts) == ("claimed", "w1", 1)
        assert (first.claimed_at, first.claimed_until) == (noon, noon + LEASE)
        assert tx.deliveries.claim(None, "w2", noon, LEASE, 10) == []
    with database.write() as tx:
        sent = tx.deliveries.record(
            first.id, "sent", noon, owner="w1", provider_id="m-1", receipt={"status": 202}
        )
        assert (sent.state, sent.provider_id, sent.receipt, sent.done_at) == (
            "sent",
            "m-1",
            {"status": 202},
            noon,
        )
        failed = tx.deliveries.record(second.id, "failed", noon, error_kind="refused")
        assert (failed.state, failed.error_kind) == ("failed", "refused")
        assert tx.deliveries.counts(incident.id, notice.id) == {"sent": 1, "failed": 1}
    for owner in ("w1", "w2", None):
        with pytest.raises(IllegalTransitionError, match="is sent"), database.write() as tx:
            tx.deliveries.record(first.id, "failed", noon, owner=owner)


def test_another_worker_cannot_record_what_it_did_not_claim(
    database: Database, notice: NoticeRow, noon: datetime
) -> None:
    _plan(database, notice, 1)
    with database.write() as tx:
        (claimed,) = tx.deliveries.claim(notice.id, "w1", noon, LEASE, 1)
    with (
        pytest.raises(IllegalTransitionError, match="claimed by w1, not claimed by w2"),
        database.write() as tx,
    ):
        tx.deliveries.record(claimed.id, "sent", noon, owner="w2")


def test_what_certainly_did_not_leave_is_planned_again_for_later(
    database: Database, notice: NoticeRow, noon: datetime
) -> None:
    _plan(database, notice, 1)
    with database.write() as tx:
        (claimed,) = tx.deliveries.claim(notice.id, "w1", noon, LEASE, 1)
        back = tx.deliveries.record(claimed.id, "planned", noon, error_kind="busy", retry_at=noon + LEASE)
        assert (back.state, back.claimed_by, back.done_at) == ("planned", None, None)
        assert tx.deliveries.claim(None, "w1", noon, LEASE, 1) == []
        (again,) = tx.deliveries.claim(None, "w1", noon + LEASE, LEASE, 1)
        assert (again.attempts, again.retry_at) == (2, None)


def test_a_lapsed_claim_is_left_over_and_never_claimed_again(
    database: Database, incident: IncidentRow, notice: NoticeRow, noon: datetime
) -> None:
    _plan(database, notice, 1)
    with database.write() as tx:
        (claimed,) = tx.deliveries.claim(None, "w1", noon, LEASE, 1)
    later = noon + 2 * LEASE
    with database.write() as tx:
        assert tx.deliveries.leftovers(noon) == []
        assert tx.deliveries.claim(None, "w2", later, LEASE, 1) == []
        (left,) = tx.deliveries.leftovers(later)
        assert left == claimed
        tx.deliveries.record(left.id, "in-doubt", later)
        assert tx.deliveries.leftovers(later) == []
        assert [row.id for row in tx.deliveries.in_doubt()] == [left.id]
        assert [row.id for row in tx.deliveries.in_doubt(incident.id)] == [left.id]
        assert tx.deliveries.in_doubt(incident.id + 1) == []
        assert tx.deliveries.claim(None, "w2", later, LEASE, 1) == []


def test_the_claimer_who_comes_back_late_ends_the_doubt(
    database: Database, notice: NoticeRow, noon: datetime
) -> None:
    _plan(database, notice, 1)
    with database.write() as tx:
        (claimed,) = tx.deliveries.claim(None, "w1", noon, LEASE, 1)
        tx.deliveries.record(claimed.id, "in-doubt", noon + LEASE)
    with pytest.raises(IllegalTransitionError), database.write() as tx:
        tx.deliveries.record(claimed.id, "sent", noon, owner="w2")
    with database.write() as tx:
        assert tx.deliveries.record(claimed.id, "sent", noon, owner="w1").state == "sent"


def test_a_doubt_is_resolved_once_by_a_person(database: Database, notice: NoticeRow, noon: datetime) -> None:
    _plan(database, notice, 2)
    with database.write() as tx:
        first, second = tx.deliveries.claim(None, "w1", noon, LEASE, 2)
        for row in (first, second):
            tx.deliveries.record(row.id, "in-doubt", noon)
        sent = tx.deliveries.resolve(first.id, "sent", "ana", noon)
        assert (sent.state, sent.resolved_by, sent.done_at) == ("sent", "ana", noon)
        again = tx.deliveries.resolve(second.id, "planned", "ana", noon)
        assert (again.state, again.done_at, again.claimed_by) == ("planned", None, None)
        assert [row.id for row in tx.deliveries.claim(None, "w2", noon, LEASE, 2)] == [second.id]
    with pytest.raises(IllegalTransitionError, match="is sent, not in-doubt"), database.write() as tx:
        tx.deliveries.resolve(first.id, "failed", "bo", noon)


def test_withdrawing_leaves_what_is_under_way(
    database: Database, incident: IncidentRow, notice: NoticeRow, noon: datetime
) -> None:
    _plan(database, notice, 5)
    with database.write() as tx:
        tx.deliveries.claim(None, "w1", noon, LEASE, 2)
        assert tx.deliveries.withdraw(notice.id) == 3
        assert tx.deliveries.counts(incident.id) == {"claimed": 2, "withdrawn": 3}


def test_workers_at_once_never_claim_the_same_delivery(
    database: Database, database_url: str, open_database: Opener, notice: NoticeRow, noon: datetime
) -> None:
    _plan(database, notice, 200)
    start = threading.Barrier(4)
    claimed: dict[str, list[int]] = {f"w{number}": [] for number in range(4)}

    def work(owner: str) -> None:
        own = open_database(database_url)
        start.wait()
        while True:
            with own.write() as tx:
                rows = tx.deliveries.claim(None, owner, noon, LEASE, 7)
            if not rows:
                return
            claimed[owner] += [row.id for row in rows]

    threads = [threading.Thread(target=work, args=(owner,)) for owner in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [delivery for taken in claimed.values() for delivery in taken]
    assert len(everything) == len(set(everything)) == 200
