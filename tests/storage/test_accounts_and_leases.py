"""Accounts, leases and marks."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from incident_flows.errors import InputError, NotFoundError
from incident_flows.storage.database import Database

TTL = timedelta(minutes=1)


def test_an_account_is_made_on_first_use_and_kept_as_it_is(database: Database, noon: datetime) -> None:
    with database.write() as tx:
        made = tx.accounts.ensure("ana", ["handler", "approver"], noon)
        assert (made.name, made.person, made.roles, made.disabled) == (
            "ana",
            "ana",
            ["handler", "approver"],
            False,
        )
        assert tx.accounts.ensure("ana", ["reader"], noon + TTL) == made


def test_two_accounts_may_belong_to_one_person(database: Database, noon: datetime) -> None:
    with database.write() as tx:
        tx.accounts.add("ana-admin", "Ana", ["admin"], noon)
        tx.accounts.add("ana", "Ana", ["handler"], noon)
        assert [(row.name, row.person) for row in tx.accounts.list()] == [
            ("ana", "Ana"),
            ("ana-admin", "Ana"),
        ]
        assert tx.accounts.set_roles("ana", ["reader"]).roles == ["reader"]
        assert tx.accounts.set_disabled("ana", True).disabled
    with pytest.raises(InputError, match="one of that name already"), database.write() as tx:
        tx.accounts.add("ana", "Somebody else", [], noon)
    for act in ("get", "set_roles"):
        with pytest.raises(NotFoundError, match="did you mean ana-admin"), database.write() as tx:
            getattr(tx.accounts, act)(*(["ana-admn"] if act == "get" else ["ana-admn", []]))


def test_a_lease_has_one_owner_until_it_lapses(database: Database, noon: datetime) -> None:
    with database.write() as tx:
        assert tx.leases.take("tick", "w1", noon, TTL)
        assert not tx.leases.take("tick", "w2", noon, TTL)
        assert tx.leases.take("tick", "w1", noon + TTL / 2, TTL)  # extended
        assert not tx.leases.take("tick", "w2", noon + TTL, TTL)
        assert tx.leases.holder("tick", noon + TTL) == "w1"
        assert tx.leases.holder("tick", noon + 2 * TTL) is None
        assert tx.leases.take("tick", "w2", noon + 2 * TTL, TTL)
        assert not tx.leases.release("tick", "w1")
        assert tx.leases.release("tick", "w2")
        assert tx.leases.take("tick", "w1", noon, TTL)


def test_of_those_who_ask_at_once_one_gets_the_lease(database: Database, noon: datetime) -> None:
    start, got = threading.Barrier(4), list[bool]()

    def ask(owner: str) -> None:
        start.wait()
        with database.write() as tx:
            got.append(tx.leases.take("tick", owner, noon, TTL))

    threads = [threading.Thread(target=ask, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False, False, False, True]


def test_marks_keep_any_json_and_the_first_of_a_kind_wins(database: Database) -> None:
    with database.write() as tx:
        assert tx.leases.get("instance_id", "none") == "none"
        assert tx.leases.put_once("instance_id", "a") == "a"
        assert tx.leases.put_once("instance_id", "b") == "a"
        for value in ({"at": "2026"}, [1, 2.5], "text", 7, False, None):
            tx.leases.put("mark", value)
            assert tx.leases.get("mark", "none") == value
