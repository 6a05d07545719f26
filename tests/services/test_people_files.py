"""Lists of any honest kind: spreadsheets, mapped columns, previews, counts, refused rows in a file, many processes."""

from __future__ import annotations

import csv
import json
import stat
import string
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError
from incident_flows.services import people, people_file, recipients
from incident_flows.services.people_rows import Layout, RefusedRowError, Rows, Taken, minors_from
from incident_flows.services.recipients import Imported, import_recipients, imported_json, refused_rows
from incident_flows.services.seen import Seen
from incident_flows.storage.vault import Vault
from notifications.errors import InvalidMessageError
from notifications.message import Address
from tests.services.conftest import NOW, House


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One kind of database is enough for what is read from files."""
    return sqlite_url


def _import(house: House, ref: str, content: str, tmp_path: Path, **options: Any) -> Imported:
    path = tmp_path / "people.csv"
    path.write_text(content)
    return import_recipients(house.desk, ref, path, actor=house.person(), now=house.now, **options)


def _everybody(house: House, ref: str) -> list[people.Person]:
    return [one for block in people.blocks(house.desk, ref) for one in block.people]


# Addresses


def _rows(**columns: tuple[int, ...]) -> Rows:
    layout = Layout(
        width=sum(map(len, columns.values())),
        columns={key.replace("_", "-"): places for key, places in columns.items()},
        delimiter=",",
        places=frozenset({"ES"}),
        languages={"es": "es"},
        lookup_key=b"k" * 32,
        minors_from=minors_from(NOW.date(), 18),
        today=NOW.date(),
    )
    return Rows(layout)


_ROWS = _rows(email=(0,))
_LOCAL = st.text(
    string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~.. \"(@é", min_size=1, max_size=70
)
_LABEL = st.text(string.ascii_letters + string.digits + "-é", min_size=1, max_size=66)
_TOP = st.sampled_from(
    ["example", "org", "test", "local", "invalid", "arpa", "c", "x1", "123", "COM", "рф", ""]
)
_DOMAIN = st.builds(lambda labels, top: ".".join([*labels, top]), st.lists(_LABEL, max_size=4), _TOP)


@settings(max_examples=400, deadline=None)
@given(st.builds("{}@{}".format, st.one_of(_LOCAL, st.sampled_from(["Info", "ROOT", "WWW"])), _DOMAIN))
@example("a@xn--bcher-kva.example")
@example("Postmaster@Example.ORG")
@example("a" * 64 + "@example.org")
@example("a" * 65 + "@example.org")
@example("a" * 60 + "@" + ".".join(["b" * 60] * 3) + ".example")
@example("ſ@example.org")
@example("a@\N{KELVIN SIGN}.example")
def test_an_address_is_accepted_exactly_as_a_message_accepts_it(email: str) -> None:
    try:
        expected: str | None = Address(email).email
    except InvalidMessageError:
        expected = None
    for _ in range(2):  # the second time its domain is remembered
        try:
            found: str | None = _ROWS.address(email)
        except RefusedRowError:
            found = None
        assert found == expected


def test_letters_that_look_like_others_are_taken_in_with_a_warning() -> None:
    taken = Taken()
    for line, email in enumerate(("ana@pаypal.example", "ana@ｅxample.org", "ana@bücher.example"), start=2):
        _ROWS.take([email], line, taken)
    assert [line for line, _ in taken.warned] == [2, 3]
    assert len(taken.people) == 3
    assert taken.people[1][0] == "ana@example.org"


@pytest.mark.parametrize("email", ["ana@example.org", "Ana.Ruiz+1@Example.ORG"])
def test_a_worker_hashes_an_address_as_whoever_looks_it_up_later(email: str) -> None:
    vault = Vault(b"k" * 32)
    wrapped = vault.new_incident_key()
    rows = Rows(replace(_ROWS._layout, lookup_key=vault.lookup_key(wrapped)))
    assert rows.digest([rows.address(email)]) == vault.address_digest(wrapped, email)


def test_a_set_of_digests_knows_all_and_confuses_none() -> None:
    seen, digests = Seen(), [number.to_bytes(2, "big") * 8 for number in range(3000)]
    same_start = [b"ab" + bytes([number % 7] * 9 + [number]) + b"x" * 4 for number in range(200)]
    assert seen.add_new(b"".join(digests + same_start)) == []
    assert seen.add_new(b"".join(same_start)) == list(range(200))
    assert seen.add_new(digests[7] + b"new-digest-of-16" + digests[7]) == [0, 2]


# Columns


def test_an_impossible_birth_date_or_language_leaves_nobody_untold_and_is_counted(house: House, tmp_path: Path) -> None:
    ref = house.open("aimigos-studio")
    content = (
        "email,language,birth date,guardian\n"
        "future@people.example,es,2090-01-01,\n"
        "ancient@people.example,deu,1800-01-01,Eva\n"
        "child@people.example,zz,2018-01-01,\n"
        "kid@people.example,zxx,2018-01-01,Eva\n"
    )
    done = imported_json(_import(house, ref, content, tmp_path))
    assert (done["accepted"], done["refused_total"]) == (4, 0)
    assert (done["birth_dates_set_aside"], done["languages_unknown"], done["minors_alone"]) == (2, 2, 1)
    assert [(one["line"], one["because"].split(";")[0]) for one in done["warned"]] == [
        (2, "birth date lies in the future"),
        (3, "birth date is more than 125 years ago"),
        (4, "language is no code of one, such as es or de"),
        (5, "language is no code of one, such as es or de"),
    ]
    future, ancient, child, kid = _everybody(house, ref)
    assert [one.minor for one in (future, ancient, child, kid)] == [None, None, True, True]
    assert [one.language for one in (future, ancient, child, kid)] == ["es", "de", None, None]
    with house.desk.database.read() as tx:
        assert tx.people.minors_alone(1) == 1


def test_every_column_is_kept_and_a_minor_is_known_by_the_birth_date(house: House, tmp_path: Path) -> None:
    ref = house.open("aimigos-studio")
    content = (
        "Correo electrónico;Zweite E-Mail;Nombre;Sprache;País;Address line 1;Address line 2;Tutor;"
        "guardian email;fecha de nacimiento\n"
        "ana@people.example;ana@other.example;Ana;es;ES;Calle 1;28001 Madrid;Eva;eva@people.example;2008-11-23\n"
        "bea@people.example;;Bea;;;;;;;2008-11-22\n"
        ";;Cora;es;ES;Calle 2;;;;\n"
        "dan@people.example;;Dan;;;;;;;22.11.2008\n"
        "eli@people.example;nobody;Eli;;;;;;;\n"
        ";;Cora;es;ES;Calle 2;;;;\n"
    )
    done = _import(house, ref, content, tmp_path)
    assert (done.accepted, done.by_post, done.duplicates) == (3, 1, 1)
    assert dict(done.refused)[5] == "birth date is no date; write it as 2012-05-30"
    assert dict(done.refused)[6].startswith("second address ")
    ana, bea, cora = _everybody(house, ref)
    assert ana == people.Person(
        0, "ana@people.example", "Ana", "es", "ES", "ana@other.example", ("Calle 1", "28001 Madrid"),
        "Eva", "eva@people.example", True,
    )  # fmt: skip
    assert (bea.minor, bea.postal) == (False, ())
    assert (cora.email, cora.postal) == ("", ("Calle 2",))
    assert "Ana" not in repr(ana)
    assert "people.example" not in repr(ana)
    with house.desk.database.read() as tx:
        assert tx.people.exception_counts(1) == {"no-address": 1}


def test_a_column_may_be_named_and_then_no_heading_is_guessed(house: House, tmp_path: Path) -> None:
    ref = house.open("aimigos-studio")
    content = "mail,Kontakt,name\nold@people.example,new@people.example,Ana\n"
    assert _import(house, ref, content, tmp_path, columns={"email": "Kontakt"}).accepted == 1
    assert _everybody(house, ref)[0].email == "new@people.example"
    with pytest.raises(InputError, match=r"people.csv:1: --column name: no column has that heading"):
        _import(house, ref, content, tmp_path, columns={"name": "Nombre"})


# What a person is shown and asks for


def test_a_preview_masks_people_and_stores_nothing(house: House, tmp_path: Path) -> None:
    ref = house.open("aimigos-studio")
    content = "email,name,language\nana@people.example,Ana María,es\nnobody,X,es\nana@people.example,,\n"
    done = _import(house, ref, content, tmp_path, preview=True)
    assert (done.total, done.accepted, done.duplicates, done.refused_total) == (3, 1, 1, 1)
    said = imported_json(done)
    assert said["shown"][0] == {"email": "a***@p***.example", "name": "A***", "language": "es", "place": None}
    assert said["columns"] == {"email": ["email"], "name": ["name"], "language": ["language"]}
    assert "ana@" not in json.dumps(said)
    with house.desk.database.read() as tx:
        assert (tx.people.count(1), tx.people.imports(1)) == (0, [])


@pytest.mark.parametrize(
    "content", ["email\na@p.example\n\nb@p.example", 'email\n\r\n"a@p.example"\nb@p.example\n']
)
def test_another_number_of_rows_than_expected_is_refused_whole(
    house: House, tmp_path: Path, content: str
) -> None:
    ref = house.open("aimigos-studio")
    with pytest.raises(InputError, match="has 2 rows where 3 were expected; nothing was taken in"):
        _import(house, ref, content, tmp_path, expect=3)
    assert _import(house, ref, content, tmp_path, expect=2).accepted == 2


def test_refused_rows_go_to_a_file_of_the_persons_own(house: House, tmp_path: Path) -> None:
    ref, path = house.open("aimigos-studio"), tmp_path / "refused.csv"
    content = 'email,name\nana@people.example,Ana\n=cmd(),"+1, Bea"\nx@people.example,too,many\n'
    done = _import(house, ref, content, tmp_path, refused_to=path)
    assert done.refused_total == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "because", "email", "name"]
    assert rows[1][0] == "3"
    assert rows[1][2:] == ["'=cmd()", "'+1, Bea"]
    assert rows[2][2:] == ["x@people.example", "too", "many"]
    with pytest.raises(InputError, match="exists already"):
        _import(house, ref, content, tmp_path, refused_to=path)
    assert [row["line"] for row in refused_rows(house.desk, ref)] == [3, 4]
    assert "cmd" not in json.dumps(refused_rows(house.desk, ref))


# Files


def test_a_spreadsheet_is_taken_in_by_its_rows(house: House, tmp_path: Path) -> None:
    from openpyxl import Workbook

    ref, path = house.open("aimigos-studio"), tmp_path / "people.xlsx"
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        (None, None, None),
        ("E-mail", "Name", "Date of birth"),
        ("ana@people.example", "Ana\nof Ulm", date(2012, 5, 30)),
        (None, None, None),
        ("nobody", 12.0, None),
        ("bea@people.example", 34.0, None),
    ):
        sheet.append(row)
    book.save(path)
    done = import_recipients(house.desk, ref, path, actor=house.person(), now=house.now, expect=3)
    assert (done.accepted, [line for line, _ in done.refused]) == (2, [5])
    ana, bea = _everybody(house, ref)
    assert (ana.name, ana.minor, bea.name) == ("Ana of Ulm", True, "34")
    book.create_sheet("more")
    book.save(path)
    with pytest.raises(InputError, match="has 2 sheets; say which"):
        import_recipients(house.desk, ref, path, actor=house.person(), now=house.now)
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputError, match="is no spreadsheet that can be read"):
        import_recipients(house.desk, ref, path, actor=house.person(), now=house.now, sheet="more")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_long_list_is_read_in_pieces_and_keeps_its_order_and_lines(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, end: str
) -> None:
    monkeypatch.setattr(people_file, "PIECE", 997)  # pieces end anywhere
    monkeypatch.setattr(recipients, "BATCH", 16)
    ref = house.open("aimigos-studio")
    lines = ["name,email"]
    for number in range(400):
        name = f'"Ana, ""the {number}th""{end}of Ulm"' if number % 50 == 7 else f"Ána {number}"
        lines.append(f"{name},p{number}@people.example" if number % 90 else f"{name},nobody")
    lines += ["", "Twin,P1@people.example"]
    path = tmp_path / "people.csv"
    path.write_bytes(("\ufeff" + end.join(lines) + end).encode())
    done = import_recipients(
        house.desk, ref, path, actor=house.person(), now=house.now, workers=workers, expect=401
    )
    assert (done.total, done.accepted, done.duplicates) == (401, 395, 1)
    found = _everybody(house, ref)
    assert [one.number for one in found] == list(range(395))
    assert [one.email for one in found] == [
        f"p{number}@people.example" for number in range(400) if number % 90
    ]
    assert found[6].name == 'Ana, "the 7th" of Ulm'
    # a quoted break makes two lines of one row: rows 7, 57 … before the refused ones
    assert [line for line, _ in done.refused] == [2, 92 + 2, 182 + 4, 272 + 6, 362 + 8]


def test_two_lists_at_once_store_nobody_twice(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipients, "BATCH", 4)
    monkeypatch.setattr(recipients, "BLOCKS_AT_ONCE", 1)
    ref = house.open("aimigos-studio")
    other = tmp_path / "other.csv"
    other.write_text("email\n" + "".join(f"p{number}@people.example\n" for number in range(6, 14)))

    def meanwhile(point: str) -> None:
        house.desk.on_step = None
        actor: Actor = house.person("boris")
        assert import_recipients(house.desk, ref, other, actor=actor, now=house.now).accepted == 8

    house.desk.on_step = meanwhile
    done = _import(
        house, ref, "email\n" + "".join(f"p{number}@people.example\n" for number in range(10)), tmp_path
    )
    assert (done.accepted, done.duplicates) == (6, 4)
    found = [one.email for one in _everybody(house, ref)]
    assert sorted(found) == sorted(f"p{number}@people.example" for number in range(14))


def test_a_file_changed_between_the_readings_is_said(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref, path = house.open("aimigos-studio"), tmp_path / "people.csv"
    read = recipients.minors_from

    def changes(*given: Any) -> Any:
        path.write_text("email\nbea@people.example\n")
        return read(*given)

    monkeypatch.setattr(recipients, "minors_from", changes)
    with pytest.raises(InputError, match="was changed while it was read"):
        _import(house, ref, "email\nana@people.example\n", tmp_path)


def test_the_mark_of_utf16_is_named_and_a_broken_spreadsheet_speaks_no_python(house: House, tmp_path: Path) -> None:
    ref = house.open("aimigos-studio")
    marked, plain, sheet = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "c.xlsx"
    marked.write_bytes("email\nana@people.example\n".encode("utf-16"))
    plain.write_bytes("email\nana@people.example\n".encode("utf-16-be"))
    sheet.write_bytes(b"PK\x03\x04 and nothing else")
    for file, encoding, said in (
        (marked, "utf-8", "begins with the mark of UTF-16; say so: --encoding utf-16"),
        (plain, "utf-16", "utf-16-le or utf-16-be"),
        (sheet, "utf-8", "is no spreadsheet that can be read, or a damaged one; save it anew"),
    ):
        with pytest.raises(InputError) as caught:
            import_recipients(
                house.desk, ref, file, actor=house.person(), now=house.now, encoding=encoding, workers=0
            )
        assert said in str(caught.value)
        assert "Error" not in str(caught.value)
