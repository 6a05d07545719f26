"""Letters on paper for people no e-mail reached: each once, to print, in their language; nothing else says who."""

from __future__ import annotations

import csv
import io
import json
import stat
import struct
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from pypdf import PdfReader

from incident_flows.errors import IllegalTransitionError, InputError
from incident_flows.services.by_post import give_out
from incident_flows.services.follow import count, receive
from incident_flows.services.packed import pack
from incident_flows.services.people import purpose_of
from incident_flows.storage.people import NewBlock

LETTER = "YOUR DATA\n\nHello⟦name⟧,\n\n1. What happened\nA laptop was stolen.\n"
# email, name, language, place, second e-mail, postal, guardian, guardian's e-mail, minor
PEOPLE = [
    ["ana@reader.example", "Ana Ruiz", "en", "GB", None, ["1 High Street", "Leeds"]],
    ["ben@reader.example", "Ben", "en", "GB"],
    ["", "Łucja Nowak", "en", "GB", None, ["ul. Długa 3", "Kraków"]],
    ["kim@reader.example", "Kim", "en", "GB", None, ["=HYPERLINK(1)"], "Mrs Park", None, True],
    ["joy@reader.example", "Joy", "en", "GB", None, ["2 High Street"]],
]


@pytest.fixture
def sent(house: Any) -> tuple[Any, str]:
    """A letter sent to five people: one has no e-mail, three bounced, one was reached."""
    ref = house.open("aimigos-studio")
    with house.desk.database.write() as tx:
        incident = tx.incidents.get(ref)
        sealed = house.desk.vault.seal(incident.wrapped_key, ref, purpose_of(0), pack(PEOPLE))
        tx.people.add_block(
            incident.id, NewBlock(0, len(PEOPLE), sealed, bytes(16 * len(PEOPLE)), [("en", "GB", len(PEOPLE))])
        )
        notice = tx.notices.add(
            ref, oid="uk-gdpr/tell-people@people", kind="people", phase="initial", language="en", state="sending",
            subject="Your data", text=LETTER, html=None, sha256="a" * 64, missing=[], drafted_by="anna",
            drafted_at=house.now, route={"kind": "people"},
        )  # fmt: skip
        tx.letters.approve(
            notice.id, incident_id=incident.id, list_sha256="b" * 64, listed=5, approved_by="boris",
            approved_at=house.now,
        )  # fmt: skip
        same = {
            "notice_id": notice.id, "incident_id": incident.id, "wave": 1, "variant": "en", "sealed": None,
            "template_sha256": "a" * 64,
        }  # fmt: skip
        tx.letters.add([
            {**same, "count": 4, "numbers": struct.pack("<4i", 0, 1, 3, 4), "nonce": "n1", "form": "sendgrid",
             "state": "accepted", "channel": "sendgrid", "error_kind": None},
            {**same, "count": 1, "numbers": struct.pack("<i", 2), "nonce": "n2", "form": "plain",
             "state": "quarantined", "channel": None, "error_kind": "post"},
        ])  # fmt: skip
    events = [
        {"event": kind, "n": "n1", "i": str(place), "timestamp": 1795383000 + place}
        for place, kind in enumerate(("bounce", "bounce", "dropped", "delivered"))
    ]
    receive(house.desk, json.dumps(events).encode(), now=house.now)
    count(house.desk, now=house.now)
    return house, ref


def _found(text: Any, words: str) -> int:
    found = text.search(words).get_next()
    assert found is not None
    return int(found[0])


def test_everybody_no_mail_reached_gets_one_letter_to_print(sent: tuple[Any, str], tmp_path: Path) -> None:
    house, ref = sent
    done = give_out(house.desk, ref, tmp_path / "print", actor=house.person(), now=house.now)
    assert (done.letters, done.before, done.unreachable) == (3, 0, 1)
    pdf, listed = (tmp_path / "print" / f"{ref}-N-0001-en-001.{kind}" for kind in ("pdf", "csv"))
    assert {path.name for path in (tmp_path / "print").iterdir()} == set(done.files) == {pdf.name, listed.name}
    assert stat.S_IMODE(pdf.stat().st_mode) == stat.S_IMODE(listed.stat().st_mode) == 0o600
    pages = [page.extract_text() for page in PdfReader(pdf).pages]
    assert len(pages) == 3
    text = pypdfium2.PdfDocument(pdf)[1].get_textpage()
    (_, lowest, _, _), (_, _, _, highest) = (text.get_charbox(_found(text, one)) for one in ("Krak", "Your data"))
    assert lowest > highest + 5  # points: the address ends above the title
    assert [("Hello Ana Ruiz" in one, "Łucja Nowak" in one, "Hello Mrs Park" in one) for one in pages] == [
        (True, False, False), (False, True, False), (False, False, True),
    ]  # fmt: skip
    assert all("A laptop was stolen" in one and "⟦" not in one for one in pages)
    assert "ul. Długa 3" in pages[1]
    rows = list(csv.reader(io.StringIO(listed.read_bytes().decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == ["0", "2", "3"]
    assert rows[3][2] == "'=HYPERLINK(1)"
    assert [row[-1] for row in rows[1:]] == ["bounced", "no e-mail address", "dropped"]


def test_nobody_is_given_out_twice_unless_asked(sent: tuple[Any, str], tmp_path: Path) -> None:
    house, ref = sent
    give_out(house.desk, ref, tmp_path / "1", actor=house.person(), now=house.now)
    second = give_out(house.desk, ref, tmp_path / "2", actor=house.person(), now=house.now)
    assert (second.letters, second.before) == (0, 3)
    assert not list((tmp_path / "2").iterdir())
    lost = give_out(house.desk, ref, tmp_path / "3", actor=house.person(), now=house.now, again=True)
    assert lost.letters == 3


def test_the_record_says_how_many_and_never_who(sent: tuple[Any, str], tmp_path: Path) -> None:
    house, ref = sent
    done = give_out(house.desk, ref, tmp_path / "print", actor=house.person(), now=house.now)
    with house.desk.database.read() as tx:
        (entry,) = [one for one in tx.journal.entries(ref, limit=1000) if one.act == "letters-given-out"]
        states = tx.people.exception_counts(tx.incidents.get(ref).id)
    assert entry.payload == done.to_json()
    assert "Ruiz" not in json.dumps(entry.payload)
    assert states == {"by-post": 3, "unreachable": 1}


def test_a_folder_in_use_is_refused_and_nothing_is_recorded(sent: tuple[Any, str], tmp_path: Path) -> None:
    house, ref = sent
    (tmp_path / "old.pdf").write_text("x")
    with pytest.raises(InputError, match="holds something already"):
        give_out(house.desk, ref, tmp_path, actor=house.person(), now=house.now)
    with house.desk.database.read() as tx:
        assert tx.people.exception_counts(tx.incidents.get(ref).id) == {}


def test_without_anybody_unreached_nothing_is_made(house: Any, tmp_path: Path) -> None:
    ref = house.open("aimigos-studio")
    with pytest.raises(IllegalTransitionError, match="breach follow"):
        give_out(house.desk, ref, tmp_path / "print", actor=house.person(), now=house.now)
    assert not (tmp_path / "print").exists()
