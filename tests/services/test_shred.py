"""People are shredded by a person's word, by two while they are still to be told, or when the policy says so."""

from __future__ import annotations

import base64
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from incident_flows.errors import IllegalTransitionError, InputError, PermissionDeniedError, StorageError
from incident_flows.services import people
from incident_flows.services.approve import approve
from incident_flows.services.close import close, reopen
from incident_flows.services.draft import draft
from incident_flows.services.notify import notify
from incident_flows.services.recipients import import_recipients, recipients
from incident_flows.services.shred import RETENTION, shred
from incident_flows.services.story import explain
from incident_flows.services.update import change_facts
from incident_flows.services.watch import tick
from tests.services.conftest import House
from tests.services.test_notify import OFFICER

ADDRESS, NAME = "zaphod.unverwechselbar@people.example", "Zaphod Unverwechselbar"


def _with_people(house: House, tmp_path: Path) -> str:
    ref = house.open("aimigos-studio")
    path = tmp_path / "people.csv"
    path.write_text(f"email,name,language\n{ADDRESS},{NAME},es\nbea@people.example,Bea,en\n")
    import_recipients(house.desk, ref, path, actor=house.person(), now=house.now)
    return ref


def _done_with(house: House, ref: str) -> None:
    """Meet whatever is owed, as if everybody had been told."""
    with house.desk.database.write() as tx:
        for row in tx.obligations.list(ref):
            tx.obligations.meet(ref, row.oid, at=house.now, by="test")


def test_nothing_of_a_person_is_readable_and_after_shredding_nothing_opens(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ref = _with_people(house, tmp_path)
    (tmp_path / "people.csv").unlink()
    change_facts(house.desk, ref, OFFICER, actor=house.person(), now=house.now, source="call")
    drafted, _ = draft(house.desk, ref, "eu-gdpr/tell-people", actor=house.person("anna"), now=house.now)
    for one in drafted:
        explain(house.desk, ref, [], because="a part of them", actor=house.person("anna"), now=house.now)
        approve(house.desk, ref, one.notice.ref, actor=house.person("boris"), now=house.now)
        notify(house.desk, ref, one.notice.ref, actor=house.person(), now=house.now)
    assert ADDRESS in [message.to.email for message in house.channel.messages]
    assert [one.name for block in people.blocks(house.desk, ref) for one in block.people] == [NAME, "Bea"]
    with house.desk.database.read() as tx:
        wrapped = tx.incidents.get(ref).wrapped_key
        whole = str([entry.payload for entry in tx.journal.entries(ref)]) + caplog.text
    assert "unverwechselbar" not in whole.lower()
    for readable in _forms(ADDRESS) + _forms(NAME) + _forms("unverwechselbar"):
        assert not _holding(readable, tmp_path)
    _done_with(house, ref)
    done = shred(house.desk, ref, because="everybody was told", actor=house.person(), now=house.now)
    assert (done.people, done.in_force) == (2, True)
    with pytest.raises(StorageError, match="shredded"):
        list(people.blocks(house.desk, ref))
    assert not _holding(wrapped, tmp_path), "the key lies about in a page or the log"
    found = recipients(house.desk, ref)
    assert (found["people"], found["shredded"], found["languages"]) == (2, True, {"en": 1, "es": 1})
    with house.desk.database.read() as tx:
        entry = tx.journal.last(ref, 1)[0]
    assert (entry.act, entry.payload["people"]) == ("people-shredded", 2)
    path = tmp_path / "more.csv"
    path.write_text("email\nnew@people.example\n")
    with pytest.raises(StorageError, match="shredded"):
        import_recipients(house.desk, ref, path, actor=house.person(), now=house.now)


def _forms(text: str) -> list[bytes]:
    plain = text.encode()
    encoded = [base64.b64encode(b"x" * shift + plain)[4:-4] for shift in range(3)]
    return [plain, plain.hex().encode(), text.encode("utf-16-le"), *encoded]


def _holding(readable: bytes, folder: Path) -> list[str]:
    """Return the files under a folder that hold some bytes, the database and its log among them."""
    return [
        one.name for one in folder.rglob("*") if one.is_file() and readable.lower() in one.read_bytes().lower()
    ]


def test_while_people_are_to_be_told_it_takes_a_second_person(house: House, tmp_path: Path) -> None:
    ref = _with_people(house, tmp_path)

    def say(name: str) -> Any:
        return shred(house.desk, ref, because="wrong list", actor=house.person(name), now=house.now)

    with pytest.raises(InputError, match="--because"):
        shred(house.desk, ref, because=" ", actor=house.person(), now=house.now)
    first = say("anna")
    assert not first.in_force
    assert "tell-people" in (first.waits_because or "")
    assert not say("anna").in_force
    with house.desk.database.write() as tx:
        tx.accounts.add(name="anna-2", person="anna", roles=["handler"], at=house.now)
        tx.accounts.add(name="odd", person="odd", roles=["auditor"], at=house.now)
    for name in ("anna-2", "odd"):
        with pytest.raises(PermissionDeniedError):
            say(name)
    assert len(list(people.blocks(house.desk, ref))) == 1
    second = say("boris")
    assert (second.in_force, second.by, second.second_by) == (True, "anna", "boris")
    assert say("boris").in_force


def test_a_word_given_long_ago_does_not_count(house: House, tmp_path: Path) -> None:
    ref = _with_people(house, tmp_path)
    shred(house.desk, ref, because="wrong list", actor=house.person("anna"), now=house.now)
    house.advance(days=8)
    assert not shred(
        house.desk, ref, because="wrong list", actor=house.person("boris"), now=house.now
    ).in_force


def test_closing_plans_the_shredding_and_the_tick_does_it(house: House, tmp_path: Path) -> None:
    ref = _with_people(house, tmp_path)
    _done_with(house, ref)
    close(house.desk, ref, actor=house.person(), now=house.now)
    due = recipients(house.desk, ref)["shred_due"]
    assert due is not None
    assert due.startswith((house.now + timedelta(days=365)).date().isoformat())
    reopen(house.desk, ref, because="more came up", actor=house.person(), now=house.now)
    assert recipients(house.desk, ref)["shred_due"] is None
    _done_with(house, ref)
    close(house.desk, ref, actor=house.person(), now=house.now)
    house.advance(days=352)
    tick(house.desk, now=house.now)
    assert any("will be shredded" in title for title, _ in house.pager.pages)
    assert not recipients(house.desk, ref)["shredded"]
    house.advance(days=14)
    tick(house.desk, now=house.now)
    assert recipients(house.desk, ref)["shredded"]
    pages = len(house.pager.pages)
    tick(house.desk, now=house.advance(days=30))
    assert len(house.pager.pages) == pages


def test_what_stands_against_shredding_is_told_and_looked_at_again(house: House, tmp_path: Path) -> None:
    ref = _with_people(house, tmp_path)
    _done_with(house, ref)
    close(house.desk, ref, actor=house.person(), now=house.now)
    with house.desk.database.write() as tx:
        tx.incidents.reopen(ref)  # without the service, as an older version would leave it
    house.advance(days=366)
    tick(house.desk, now=house.now)
    assert not recipients(house.desk, ref)["shredded"]
    assert any("Not shredded, because" in body and "open again" in body for _, body in house.pager.pages)
    with house.desk.database.read() as tx:
        steps = [one for one in tx.steps.list(1) if one.oid == RETENTION and one.state == "pending"]
    assert [(one.name, one.due_at) for one in steps] == [("shred", house.now + timedelta(days=7))]


def test_people_shredded_while_a_list_is_taken_in_stay_shredded(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from incident_flows.services import recipients as taking_in

    monkeypatch.setattr(taking_in, "BATCH", 1)
    monkeypatch.setattr(taking_in, "BLOCKS_AT_ONCE", 1)
    ref = house.open("aimigos-studio")
    _done_with(house, ref)
    path = tmp_path / "people.csv"
    path.write_text("email\n" + "".join(f"p{number}@people.example\n" for number in range(4)))

    def meanwhile(point: str) -> None:
        if point == "recipients:batch-stored":
            house.desk.on_step = None
            shred(house.desk, ref, because="wrong list", actor=house.person(), now=house.now)

    house.desk.on_step = meanwhile
    with pytest.raises(IllegalTransitionError, match="shredded meanwhile"):
        import_recipients(house.desk, ref, path, actor=house.person(), now=house.now)
    with house.desk.database.read() as tx:
        assert tx.people.count(1) == 1
        assert tx.incidents.get(ref).wrapped_key is None
