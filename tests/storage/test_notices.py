"""Notices move by compare-and-set, and an approved text stays as it is."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from incident_flows.errors import IllegalTransitionError, NotFoundError
from incident_flows.storage.database import Database
from incident_flows.storage.tables import IncidentRow, NoticeRow


def test_a_notice_comes_back_as_it_was_drafted(
    database: Database, incident: IncidentRow, notice: NoticeRow
) -> None:
    with database.read() as tx:
        assert tx.notices.get(incident.ref, "N-0001") == notice
        assert tx.notices.by_id(notice.id) == notice
        assert tx.notices.in_state("draft") == [notice]
        assert tx.notices.in_state("approved") == []
    assert (notice.state, notice.missing, notice.subject) == ("draft", ["people.total"], "Notificación")
    assert notice.incident_ref == incident.ref


def test_refs_count_up_within_their_incident(
    database: Database, incident: IncidentRow, notice: NoticeRow, noon: datetime
) -> None:
    with database.write() as tx:
        added = tx.notices.add(
            incident.ref, "x", "people", "initial", "en", "s", "t", "00", "ana", noon, supersedes="N-0001"
        )
        assert (added.ref, added.supersedes) == ("N-0002", "N-0001")
        assert [row.ref for row in tx.notices.list(incident.ref)] == ["N-0001", "N-0002"]
    with pytest.raises(NotFoundError, match="did you mean N-0002"), database.read() as tx:
        tx.notices.get(incident.ref, "n-002")


def test_a_notice_moves_only_from_the_state_somebody_saw(
    database: Database, notice: NoticeRow, noon: datetime
) -> None:
    with database.write() as tx:
        tx.notices.move(notice.id, "draft", "awaiting-approval", text="Texto nuevo", missing=[])
        approved = tx.notices.move(
            notice.id, ("draft", "awaiting-approval"), "approved", approved_by="bo", approved_at=noon
        )
    assert (approved.state, approved.approved_by, approved.text) == ("approved", "bo", "Texto nuevo")
    with pytest.raises(IllegalTransitionError, match="N-0001 is approved, not draft"), database.write() as tx:
        tx.notices.move(notice.id, "draft", "withdrawn")
    with pytest.raises(NotFoundError), database.write() as tx:
        tx.notices.move(999, "draft", "withdrawn")


def test_an_approved_text_cannot_be_changed(database: Database, notice: NoticeRow, noon: datetime) -> None:
    with database.write() as tx:
        tx.notices.move(notice.id, "draft", "approved", approved_by="bo", approved_at=noon)
    for field in ("text", "html", "subject", "sha256"):
        with pytest.raises(IllegalTransitionError, match="settled"), database.write() as tx:
            tx.notices.move(notice.id, ("approved", "draft"), "approved", **{field: "other"})


def test_a_move_cannot_set_what_is_not_its_own(database: Database, notice: NoticeRow) -> None:
    for field in ("ref", "incident_id", "state_", "nonsense"):
        with pytest.raises(TypeError, match=field), database.write() as tx:
            tx.notices.move(notice.id, "draft", "draft", **{field: "x"})


def test_of_two_who_move_a_notice_at_once_one_is_refused(
    database: Database, notice: NoticeRow, noon: datetime
) -> None:
    start, outcomes = threading.Barrier(4), list[str]()

    def approve() -> None:
        start.wait()
        try:
            with database.write() as tx:
                tx.notices.move(notice.id, "draft", "approved", approved_at=noon + timedelta(hours=1))
            outcomes.append("approved")
        except IllegalTransitionError:
            outcomes.append("refused")

    threads = [threading.Thread(target=approve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["approved", "refused", "refused", "refused"]
