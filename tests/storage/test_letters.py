"""The ledger of letters: one claim per batch, recorded by whoever claimed it, counted in people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from incident_flows.errors import StorageError
from incident_flows.storage.database import Database
from incident_flows.storage.tables import IncidentRow


@pytest.fixture
def notice(database: Database, incident: IncidentRow, noon: datetime) -> Any:
    with database.write() as tx:
        row = tx.notices.add(
            incident.ref, oid="eu-gdpr/tell-people@people", kind="people", phase="initial", language="en",
            state="approved", subject="s", text="t", html=None, sha256="x" * 64, missing=[], drafted_by="anna",
            drafted_at=noon, route={}, supersedes=None,
        )  # fmt: skip
        tx.letters.approve(
            row.id, incident_id=incident.id, list_sha256="l", listed=30, approved_by="boris", approved_at=noon,
            people=None,
        )  # fmt: skip
        tx.letters.add([_batch(row, number) for number in range(3)])
    return row


def _batch(notice: Any, number: int, **more: Any) -> dict[str, Any]:
    return {
        "notice_id": notice.id, "incident_id": notice.incident_id, "wave": 1 + number // 2, "variant": "en",
        "count": 10, "numbers": b"", "template_sha256": notice.sha256, "sealed": b"s", "form": "sendgrid",
        "nonce": f"n{number}", **more,
    }  # fmt: skip


def _claim(row: Any, at: datetime, **more: Any) -> dict[str, Any]:
    return {"the": row.id, "owner": "one", "at": at, "through": "sendgrid", "batch": None, "due": None, **more}


def test_a_batch_is_claimed_once_and_recorded_by_its_claimer_only(
    database: Database, notice: Any, noon: datetime
) -> None:
    with database.write() as tx:
        first, *_ = tx.letters.planned(notice.id, 1, noon)
        assert tx.letters.claim([_claim(first, noon)])
        assert not tx.letters.claim([_claim(first, noon, owner="two")])
    with database.letter_turns() as turns:
        turns.turn("lease", [{"the": first.id, "owner": "two", "at": noon, "known_as": "m2"}], [])
        with database.read() as tx:
            assert tx.letters.counts(notice.incident_id) == {"claimed": 10, "planned": 20}
        turns.turn("lease", [{"the": first.id, "owner": "one", "at": noon, "known_as": "m1"}], [])
    with database.read() as tx:
        assert tx.letters.counts(notice.incident_id) == {"sent": 10, "planned": 20}
        assert tx.letters.get(first.id).x_message_id == "m1"
        assert [row.wave for row in tx.letters.planned(notice.id, 1, noon)] == [1]
        assert tx.letters.claimed_since(noon - timedelta(hours=1)) == (10, noon)


def test_the_gate_is_shut_by_a_person_and_by_another_sender(database: Database, notice: Any, noon: datetime) -> None:
    with database.write() as tx:
        assert tx.letters.gate(notice.id, "lease", "one") == "lost"
        tx.leases.take("lease", "one", noon, timedelta(seconds=60))
        assert tx.letters.gate(notice.id, "lease", "one") == "go"
        assert tx.letters.gate(notice.id, "lease", "two") == "lost"
        tx.letters.change(notice.id, switch="paused")
        assert tx.letters.gate(notice.id, "lease", "one") == "paused"


def test_who_is_set_apart_is_counted_once_and_scheduled_letters_are_not_sent_yet(
    database: Database, notice: Any, noon: datetime
) -> None:
    due = noon + timedelta(minutes=20)
    with database.write() as tx:
        first, second = tx.letters.planned(notice.id, 1, noon)
        tx.leases.take("lease", "one", noon, timedelta(minutes=1))
    with database.letter_turns() as turns:
        assert turns.turn("lease", [], [_claim(first, noon, batch="b1", due=due)]) == [True]
        accepted = {"the": first.id, "owner": "one", "at": noon, "known_as": None}
        assert turns.turn("lease", [accepted], [_claim(second, noon, batch="b2", due=due)]) == [True]
    with database.write() as tx:
        parts = [_part("a", 9, "planned", None), _part("b", 1, "quarantined", "refused")]
        assert tx.letters.replace(tx.letters.get(second.id), "rejected", parts, noon)
        assert not tx.letters.replace(second, "rejected", parts, noon), "it is settled"
        assert tx.letters.counts(notice.incident_id) == {"scheduled": 10, "planned": 19, "quarantined": 1}
        assert tx.letters.released(due - timedelta(seconds=1)) == []
        assert tx.letters.released(due) == [notice.id]
        assert tx.letters.counts(notice.incident_id)["sent"] == 10
        assert [row.count for row in tx.letters.exceptions(notice.id)] == [1]


def _part(nonce: str, count: int, state: str, kind: str | None) -> dict[str, Any]:
    return {"nonce": nonce, "count": count, "numbers": b"", "sealed": b"s", "state": state, "error_kind": kind}


def test_the_copies_of_a_batch_go_with_its_nonce_and_are_destroyed_by_themselves(
    database: Database, notice: Any, noon: datetime
) -> None:
    with database.write() as tx:
        first, second, _ = tx.letters.page(notice.id)
        assert not tx.letters.set(first.id, "claimed", nonce="other", sealed=b"other")
        assert (tx.letters.body("n0"), tx.letters.body("other")) == (b"s", None)
        assert tx.letters.set(first.id, "planned", nonce="other", sealed=b"other")
        assert tx.letters.set(second.id, "planned", state="cancelled", sealed=None)
        assert [tx.letters.body(nonce) for nonce in ("n0", "other", "n1", "n2")] == [None, b"other", None, b"s"]
        assert [(row.nonce, row.sealed) for row in tx.letters.ready(notice.id, 2, noon, limit=9)] == [
            ("other", b"other"), ("n2", b"s")
        ]  # fmt: skip


def test_a_claim_is_refused_once_somebody_stopped_it_or_took_over(
    database: Database, notice: Any, noon: datetime
) -> None:
    with database.read() as tx:
        first, second, _ = tx.letters.page(notice.id)
    with database.letter_turns() as turns:
        assert turns.turn("lease", [], [_claim(first, noon)]) == [False]
        with database.write() as tx:
            tx.leases.take("lease", "one", noon, timedelta(minutes=1))
        both = [_claim(first, noon), _claim(second, noon, owner="two")]
        assert turns.turn("lease", [], both) == [True, False]
        with database.write() as tx:
            tx.letters.change(notice.id, switch="paused")
        assert turns.turn("lease", [], [_claim(second, noon)]) == [False]
    with database.read() as tx:
        assert [row.state for row in tx.letters.page(notice.id)] == ["claimed", "planned", "planned"]
        assert tx.letters.get(first.id).claimed_at == noon


def test_a_turn_is_whole_or_not_at_all_and_says_plainly_why(database: Database, notice: Any, noon: datetime) -> None:
    with database.write() as tx:
        first, second, _ = tx.letters.page(notice.id)
        tx.leases.take("lease", "one", noon, timedelta(minutes=1))
    with database.letter_turns() as turns:
        assert turns.turn("lease", [], [_claim(first, noon)]) == [True]
        accepted = {"the": first.id, "owner": "one", "at": noon, "known_as": "m1"}
        with pytest.raises(StorageError, match="Nothing was half-written"):
            turns.turn("lease", [accepted], [_claim(second, noon, batch=object())])
        with database.read() as tx:
            assert tx.letters.get(first.id).state == "claimed"
        assert turns.turn("lease", [accepted], [_claim(second, noon)]) == [True], "the connection is good for more"
    with database.read() as tx:
        assert [tx.letters.get(row.id).state for row in (first, second)] == ["accepted", "claimed"]
