"""What lets people in, on both databases: used once, counted right, tied to one person."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from incident_flows.errors import IllegalTransitionError, InputError
from incident_flows.storage.database import Database

HOUR = timedelta(hours=1)


def test_tries_are_counted_within_their_stretch_of_time_only(database: Database, noon: datetime) -> None:
    with database.write() as tx:
        assert [tx.access.count_try("door", noon + HOUR / 4 * n, HOUR) for n in range(4)] == [1, 2, 3, 4]
        assert tx.access.tried("door", noon + HOUR) == 0
        assert tx.access.count_try("door", noon + HOUR, HOUR) == 1  # counts anew
        assert tx.access.tried("other", noon) == 0
        tx.access.forget_tries("door")
        assert tx.access.tried("door", noon + HOUR) == 0


def test_a_code_a_link_and_a_subject_are_taken_once(database: Database, noon: datetime) -> None:
    with database.write() as tx:
        ana, ben = (tx.accounts.add(name, name, ["handler"], noon).id for name in ("ana", "ben"))
        tx.access.set_credential(ana, noon, password="x", second=b"sealed", recovery=["a", "b"])
        assert [tx.access.take_step(ana, step) for step in (7, 7, 6, 8)] == [True, False, False, True]
        tx.access.set_credential(ana, noon, recovery=["b"])
        kept = tx.access.credential(ana)
        assert kept is not None
        assert (kept.password, kept.second, kept.recovery, kept.second_step) == ("x", b"sealed", ["b"], 8)
        tx.access.add_link(
            sha256="h", account_id=ana, purpose="set-up", created_at=noon, expires_at=noon + HOUR
        )
        link = tx.access.link("h", "set-up", noon)
        assert link is not None
        assert tx.access.link("h", "calendar", noon) is None
        assert tx.access.link("h", "set-up", noon + HOUR) is None
        assert [tx.access.use_link(link.id, noon) for _ in range(2)] == [True, False]
        tx.access.bind_subject(ana, "https://id.example", "u-1", noon)
        with pytest.raises(InputError, match="one account"):
            tx.access.bind_subject(ben, "https://id.example", "u-1", noon)
        with pytest.raises(InputError, match="one account"):
            tx.access.bind_subject(ana, "https://id.example", "u-2", noon)
        found = tx.access.account_of_subject("https://id.example", "u-1")
        assert found is not None
        assert found.name == "ana"


def test_sessions_are_ended_for_their_own_account_only_and_tidied_by_age(
    database: Database, noon: datetime
) -> None:
    with database.write() as tx:
        ana, ben = (tx.accounts.add(name, name, ["handler"], noon).id for name in ("ana", "ben"))
        for number, account in enumerate((ana, ana, ben)):
            tx.access.open_session(
                sha256=f"{number}", account_id=account, stage="full", created_at=noon, seen_at=noon,
                expires_at=noon + HOUR * (number + 1), device="",
            )  # fmt: skip
        [_, first] = tx.access.sessions(ana, noon, HOUR)
        assert tx.access.end_session(ben, first.id) == 0
        tx.access.tidy(noon + HOUR)
        assert tx.access.session("0") is None
        assert tx.access.end_sessions(ana) == 1
        kept = tx.access.session("2")
        assert kept is not None
        assert kept[1].name == "ben"


def test_a_report_is_numbered_sealed_and_handled_once(database: Database, noon: datetime) -> None:
    with database.write() as tx:
        refs = [tx.access.add_report(received_at=noon, wrapped_key=b"k") for _ in range(2)]
        assert refs == ["REP-2026-0001", "REP-2026-0002"]
        tx.access.keep_report(refs[0], b"sealed")
        assert tx.access.report(refs[0]).sealed == b"sealed"
        tx.access.handle_report(
            refs[0], state="dismissed", by="ana", at=noon, incident_ref=None, because="a test"
        )
        assert [row.ref for row in tx.access.reports("new")] == refs[1:]
        with pytest.raises(IllegalTransitionError, match="before"):
            tx.access.handle_report(
                refs[0], state="accepted", by="ana", at=noon, incident_ref=None, because=None
            )
