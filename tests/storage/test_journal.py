"""The journal seals what is written and finds whatever was done to it behind its back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from incident_flows.errors import InputError, StorageError, TamperedError
from incident_flows.storage.chain import GENESIS, Head, seal_of, verify_chain, verify_incident_chain
from incident_flows.storage.database import Database
from incident_flows.storage.journal import entry_of
from incident_flows.storage.tables import JournalRow

ONE, TWO = "INC-2026-0001", "INC-2026-0002"


@pytest.fixture
def written(database: Database, noon: datetime) -> Sequence[JournalRow]:
    """Write six entries: two incidents in turn, then one about neither."""
    rows = []
    for number, ref in enumerate((ONE, TWO, ONE, TWO, ONE, None)):
        with database.write() as tx:
            rows.append(
                tx.journal.write(
                    noon + timedelta(minutes=number), "ana", "decide", ref, "risk", {"n": number}, "ab" * 32
                )
            )
    return rows


def test_entries_get_their_number_and_seal_at_the_end_of_the_transaction(
    database: Database, noon: datetime
) -> None:
    with database.write() as tx:
        first = tx.journal.write(noon, "ana", "open", ONE, ONE, {"título": "ñ", "score": 3.25, "big": 10**30})
        other = {"list": [1, (2, 3)], "none": None, "n": {2: 1, 10: 2}}
        second = tx.journal.write(noon, "ana", "assess", ONE, ONE, other)
        assert first.seq == 0
    assert (first.seq, first.prev_hash, first.incident_prev) == (1, GENESIS, GENESIS)
    assert (second.seq, second.prev_hash, second.incident_prev) == (2, first.hash, first.hash)
    with database.read() as tx:
        assert [entry_of(row) for row in tx.journal.entries()] == [entry_of(first), entry_of(second)]
        assert tx.journal.entries()[1].payload == {"list": [1, [2, 3]], "none": None, "n": {"2": 1, "10": 2}}
        assert tx.journal.head() == Head(2, second.hash)
        assert tx.journal.verify() == 2


def test_the_transaction_reads_its_own_entries(database: Database, noon: datetime) -> None:
    with database.write() as tx:
        tx.journal.write(noon, "ana", "open", ONE, ONE, {})
        assert [row.act for row in tx.journal.entries(ONE)] == ["open"]
        tx.journal.write(noon, "ana", "assess", ONE, ONE, {})
        assert (tx.journal.verify(), tx.journal.head(ONE).seq) == (2, 2)


def test_entries_are_read_by_incident_in_order_and_in_pages(
    database: Database, written: Sequence[JournalRow]
) -> None:
    with database.read() as tx:
        assert [row.seq for row in tx.journal.entries()] == [1, 2, 3, 4, 5, 6]
        assert [row.seq for row in tx.journal.entries(limit=2, after=3)] == [4, 5]
        assert [row.seq for row in tx.journal.entries(ONE)] == [1, 3, 5]
        assert [row.seq for row in tx.journal.last(limit=2)] == [5, 6]
        assert [row.seq for row in tx.journal.last(ONE, 2)] == [3, 5]
        assert (tx.journal.head(TWO).seq, tx.journal.head("INC-1999-0001")) == (4, Head(0, GENESIS))
        whole = [entry_of(row) for row in tx.journal.entries()]
        part = [entry_of(row) for row in tx.journal.entries(ONE)]
        assert verify_chain(whole, head=tx.journal.head()) == 6
        assert verify_incident_chain(part, head=tx.journal.head(ONE)) == 3


def test_an_entry_that_waits_for_its_transaction_holds_nobody_up(database: Database, noon: datetime) -> None:
    with database.write() as slow:
        slow.journal.write(noon, "ana", "open", ONE, ONE, {})
        with database.write() as quick:
            quick.journal.write(noon, "bo", "open", TWO, TWO, {})
    with database.read() as tx:
        assert [row.actor for row in tx.journal.entries()] == ["bo", "ana"]
        assert tx.journal.verify() == 2


def test_many_writers_at_once_make_one_chain(
    database: Database, database_url: str, open_database: Callable[..., Database], noon: datetime
) -> None:
    start = threading.Barrier(4)

    def write(actor: str) -> None:
        own = open_database(database_url)
        start.wait()
        for number in range(15):
            with own.write() as tx:
                tx.journal.write(noon, actor, "tick", ONE if number % 2 else TWO, "x", {"n": number})

    threads = [threading.Thread(target=write, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as tx:
        assert tx.journal.verify() == 60


# What may not be in it


@pytest.mark.parametrize(
    "payload",
    [
        {"to": "ana@example.org"},
        {"note": "she wrote from ana.b@mail.example.co.uk, twice"},
        {"ana@example.org": 1},
        {"deep": [{"er": ["<ana@example.org>"]}]},
        {"wide": "ana＠example.org"},
        {"own script": "анна@пример.рф"},
    ],
)
def test_an_address_is_refused_and_not_repeated(
    database: Database, noon: datetime, payload: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match="payload") as caught, database.write() as tx:
        tx.journal.write(noon, "ana", "decide", ONE, "risk", payload)
    assert "example" not in str(caught.value)
    with database.read() as tx:
        assert tx.journal.head().seq == 0


def test_an_address_of_staff_and_an_obligation_are_no_recipients(database: Database, noon: datetime) -> None:
    with database.write() as tx:
        tx.journal.write(
            noon,
            "ana@example.org",
            "remind",
            ONE,
            "eu-gdpr/tell-authority@es-aepd",
            {"told": ["Ana@example.org"]},
            staff={"ana@example.org"},
        )
    with pytest.raises(InputError, match="subject"), database.write() as tx:
        tx.journal.write(noon, "ana", "remind", ONE, "bo@example.org", {}, staff={"ana@example.org"})


def test_an_instant_without_zone_and_what_json_cannot_hold_are_refused(
    database: Database, noon: datetime
) -> None:
    for at, payload in ((datetime(2026, 11, 20), {}), (noon, {"at": noon}), (noon, {"n": float("nan")})):  # noqa: DTZ001
        with pytest.raises((ValueError, TypeError)), database.write() as tx:
            tx.journal.write(at, "ana", "open", ONE, ONE, payload)


# What the database itself refuses

REFUSED = {
    "update": "UPDATE journal SET actor = 'bo' WHERE seq = 2",
    "delete": "DELETE FROM journal WHERE seq = 6",
    "gap": (
        "INSERT INTO journal (seq, at, actor, act, subject, payload, prev_hash, incident_prev, hash) "
        "SELECT 9, at, actor, act, subject, payload, prev_hash, incident_prev, hash FROM journal "
        "WHERE seq = 6"
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_database_refuses_to_change_the_journal(
    database: Database, written: Sequence[JournalRow], what: str
) -> None:
    with pytest.raises(StorageError), database.write() as tx:
        _execute(tx, REFUSED[what])
    with database.read() as tx:
        assert tx.journal.verify() == 6


def test_postgresql_refuses_to_empty_the_journal(
    postgresql_url: str, open_database: Callable[..., Database]
) -> None:
    with pytest.raises(StorageError), open_database(postgresql_url).write() as tx:
        _execute(tx, "TRUNCATE journal")


def test_sqlite_refuses_to_replace_an_entry(
    sqlite_url: str, open_database: Callable[..., Database], noon: datetime
) -> None:
    database = open_database(sqlite_url)
    with database.write() as tx:
        tx.journal.write(noon, "ana", "open", ONE, ONE, {})
    with pytest.raises(StorageError), database.write() as tx:
        _execute(tx, "INSERT OR REPLACE INTO journal SELECT * FROM journal WHERE seq = 1")


# What verify finds, once somebody with power over the database has dropped the triggers

TAMPERED = {
    "an actor changed": (["UPDATE journal SET actor = 'bo' WHERE seq = 3"], "Entry 3 was changed"),
    "an instant changed": (
        ["UPDATE journal SET at = '2026-11-20 11:00:00' WHERE seq = 2"],
        "Entry 2 was changed",
    ),
    "a payload changed": (["UPDATE journal SET payload = '{\"n\":7}' WHERE seq = 4"], "Entry 4 was changed"),
    "an incident changed": (
        [f"UPDATE journal SET incident_ref = '{TWO}' WHERE seq = 5"],
        "Entry 5 was changed",
    ),
    "a lawbook removed": (["UPDATE journal SET lawbook_sha256 = NULL WHERE seq = 1"], "Entry 1 was changed"),
    "a hash changed": (["UPDATE journal SET hash = 'ff' WHERE seq = 6"], "Entry 6 was changed"),
    "one deleted": (["DELETE FROM journal WHERE seq = 3"], "Entry 3 is missing"),
    "the first deleted": (["DELETE FROM journal WHERE seq = 1"], "Entry 1 is missing"),
    "one deleted and the rest moved up": (
        [
            "DELETE FROM journal WHERE seq = 3",
            *(f"UPDATE journal SET seq = {n - 1} WHERE seq = {n}" for n in (4, 5, 6)),
        ],
        "Entry 3 was changed",
    ),
    "two swapped": (
        [f"UPDATE journal SET seq = {new} WHERE seq = {old}" for old, new in ((2, 99), (3, 2), (99, 3))],
        "Entry 2 was changed",
    ),
    "the tail cut": (["DELETE FROM journal WHERE seq > 4"], "Entry 5 is missing"),
    "everything deleted": (["DELETE FROM journal"], "Entry 1 is missing"),
    "the tail cut and the head set back": (
        [
            "DELETE FROM journal WHERE seq > 4",
            "UPDATE journal_head SET seq = 4, hash = (SELECT hash FROM journal WHERE seq = 4) "
            "WHERE name = ''",
        ],
        f"entries on {ONE} do not end",
    ),
    "an incident's head removed": (
        [f"DELETE FROM journal_head WHERE name = '{TWO}'"],
        f"entries on {TWO} do not end",
    ),
    "the head changed": (["UPDATE journal_head SET hash = 'ff' WHERE name = ''"], "Entry 6 is not where"),
    "the head set back": (
        ["UPDATE journal_head SET seq = 5, hash = (SELECT hash FROM journal WHERE seq = 5) WHERE name = ''"],
        "Entry 6 was added past the head",
    ),
    "the head removed": (["DELETE FROM journal_head WHERE name = ''"], "head is missing"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_verify_names_the_first_entry_that_is_not_as_it_was(
    database: Database, written: Sequence[JournalRow], what: str
) -> None:
    statements, says = TAMPERED[what]
    with database.write() as tx:
        _drop_triggers(tx)
        for statement in statements:
            _execute(tx, statement)
    with pytest.raises(TamperedError, match=says), database.read() as tx:
        tx.journal.verify()


def test_an_entry_forged_with_a_right_hash_of_its_own_breaks_the_next(
    database: Database, written: Sequence[JournalRow]
) -> None:
    forged = {**entry_of(written[2]), "actor": "bo"}
    with database.write() as tx:
        _drop_triggers(tx)
        _execute(tx, f"UPDATE journal SET actor = 'bo', hash = '{seal_of(forged)}' WHERE seq = 3")
    with pytest.raises(TamperedError, match="Entry 4 does not follow entry 3"), database.read() as tx:
        tx.journal.verify()


def _execute(tx: Any, statement: str) -> None:
    tx.journal._session.connection().exec_driver_sql(statement)


def _drop_triggers(tx: Any) -> None:
    if tx.journal._postgresql:
        _execute(tx, "ALTER TABLE journal DISABLE TRIGGER ALL")
        return
    for name in ("journal_no_update", "journal_no_delete", "journal_in_line"):
        _execute(tx, f"DROP TRIGGER {name}")
