"""Taking in the people to be told: each row accepted, a duplicate, or refused with a reason, never quoted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from incident_flows.errors import IllegalTransitionError, InputError, PermissionDeniedError
from incident_flows.services import recipients
from incident_flows.services.recipients import Imported, import_recipients, imported_json
from tests.services.conftest import House


def _import(house: House, ref: str, content: str | bytes, tmp_path: Path, **options: str) -> Imported:
    path = tmp_path / "people.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return import_recipients(house.desk, ref, path, actor=house.person(), now=house.now, **options)


def _count(house: House, ref: str) -> int:
    with house.desk.database.read() as tx:
        return tx.people.count(tx.incidents.get(ref).id)


def _everything_written(house: House, ref: str) -> str:
    with house.desk.database.read() as tx:
        imports = [
            (row.accepted, row.refused, row.duplicates, row.refused_rows) for row in tx.people.imports(1)
        ]
        journal = [[row.act, row.subject, row.payload] for row in tx.journal.entries(ref)]
    return json.dumps([imports, journal], ensure_ascii=False)


def test_every_row_is_accepted_a_duplicate_or_refused_with_its_line(house: House, tmp_path: Path) -> None:
    ref = house.open("aimigos-studio")
    content = (
        "Name,E-Mail,Language,Place\r\n"
        "Ana,ana@people.example,es,es\r\n"
        "Ben,BEN@people.example,en-GB,GB\r\n"
        "Ana again,ana@PEOPLE.example,,\r\n"
        "\r\n"
        "Cem,not an address,de,DE\r\n"
        "Dora,,de,DE\r\n"
        "Eve,eve@people.example,de,ZZ\r\n"
        "Fay,fay@people.example,Deutsch!,DE\r\n"
        "Gil,gil@people.example\r\n"
        "Hal,hal@people.example,de,DE,extra\r\n"
        '"Ida, née ""I""\r\nof Ulm",ida@people.example,de,DE-BW\r\n'
        "Jan,jan@people.example;jim@people.example,de,DE\r\n"
    )
    done = _import(house, ref, content, tmp_path)
    assert (done.total, done.accepted, done.duplicates, done.refused_total) == (11, 4, 1, 6)
    reasons = dict(done.refused)
    assert sorted(reasons) == [6, 7, 8, 10, 11, 14]
    assert reasons[6].startswith("address ")
    assert reasons[7] == "address is empty"
    assert reasons[8] == "place is no country or state; write an ISO code such as ES or US-CA"
    assert [line for line, _ in done.warned] == [9]  # told all the same, in the language of the place
    assert (imported_json(done)["languages_unknown"], recipients.recipients(house.desk, ref)["languages"]) == (
        1, {"de": 1, "en": 1, "es": 1, "unknown": 1}
    )
    assert reasons[10] == "has 2 columns where the header names 4; check quotes and separators"
    assert reasons[11] == "has 5 columns where the header names 4; check quotes and separators"
    assert reasons[14].startswith("address ")
    assert imported_json(done)["refused"][0] == {"line": 6, "because": reasons[6]}
    written = _everything_written(house, ref)
    for personal in ("people.example", "Ana", "Ulm", "Deutsch"):
        assert personal not in written


def test_taking_a_file_in_twice_adds_nobody(house: House, tmp_path: Path) -> None:
    ref = house.open("aimigos-studio")
    content = "email;name\nana@people.example;Ana\nben@people.example;Ben\n"
    assert _import(house, ref, content, tmp_path).accepted == 2
    again = _import(house, ref, content, tmp_path)
    assert (again.accepted, again.duplicates) == (0, 2)
    assert _count(house, ref) == 2


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_header_shows_the_separator(house: House, tmp_path: Path, separator: str) -> None:
    ref = house.open("aimigos-studio")
    content = f"\n\nname{separator}mail\nAna{separator}ana@people.example\nBen{separator}\n"
    done = _import(house, ref, content, tmp_path)
    assert (done.accepted, [line for line, _ in done.refused]) == (1, [5])


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8"])
def test_an_encoding_may_be_named(house: House, tmp_path: Path, encoding: str) -> None:
    ref = house.open("aimigos-studio")
    content = "email,name\nana@people.example,Andrés\n".encode(encoding)
    assert _import(house, ref, content, tmp_path, encoding=encoding).accepted == 1


BAD = {
    "empty": (b"", "people.csv: is empty; the first line names the columns"),
    "blank": (b"\n \n\n", "people.csv: is empty; the first line names the columns"),
    "header only": (b"email,name\n", "people.csv: has a header and nobody under it"),
    "header and blank lines": (b"email,name\n\n\n", "people.csv: has a header and nobody under it"),
    "no address column": (b"name,town\nAna,Ulm\n", "people.csv:1: no column holds addresses"),
    "no header": (b"ana@people.example,Ana\n", "people.csv:1: no column holds addresses"),
    "two address columns": (
        b"email,mail\na@p.example,b@p.example\n",
        "people.csv:1: two columns stand for email",
    ),
    "the same column twice": (
        b"email,name,name\na@p.example,A,B\n",
        "people.csv:1: two columns stand for name",
    ),
    "a quote left open": (
        b'email,name\nana@p.example,"Ana\nben@p.example,Ben\n',
        "people.csv:2: is not proper CSV",
    ),
    "a quote left open over many lines": (
        b'email,name\nana@p.example,"Ana\n' + b"x@p.example,X\n" * 30 + b'y@p.example,"Y"\n',
        "people.csv:2: ",
    ),
    "a quote left open in a long file": (
        b'email,name\nana@p.example,"Ana\n' + b"x@p.example,X\n" * 30_000,
        "people.csv:2: is not proper CSV",
    ),
    "a quote in the header": (b'email,"name\nana@p.example,Ana\n', "people.csv:1: is not proper CSV"),
    "another encoding": (
        "email,name\nana@p.example,André\n".encode("cp1252"),
        "people.csv:2: is not UTF-8 text",
    ),
    "UTF-16": ("email,name\nana@p.example,A\n".encode("utf-16-le"), "people.csv:1: holds NUL bytes"),
    "a NUL": (b"email,name\nana@p.example,A\0\n", "people.csv:2: holds NUL bytes"),
    "binary": (b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0", "people.csv:1: "),
}


@pytest.mark.parametrize(("content", "says"), BAD.values(), ids=BAD.keys())
def test_what_is_no_list_of_people_is_refused_whole(
    house: House, tmp_path: Path, content: bytes, says: str
) -> None:
    ref = house.open("aimigos-studio")
    with pytest.raises(InputError) as raised:
        _import(house, ref, content, tmp_path)
    (said,) = raised.value.faults
    assert said.startswith(says)
    assert "Ana" not in said
    assert "p.example" not in said
    assert _count(house, ref) == 0
    assert "recipients-imported" not in _everything_written(house, ref)


@pytest.mark.parametrize("encoding", ["klingon", "base64", "zip", "rot13"])
def test_an_encoding_that_is_none_is_refused(house: House, tmp_path: Path, encoding: str) -> None:
    ref = house.open("aimigos-studio")
    with pytest.raises(InputError, match=f"--encoding: '{encoding}' is not known"):
        _import(house, ref, "email\nana@people.example\n", tmp_path, encoding=encoding)


def test_a_closed_incident_takes_nobody_in(house: House, tmp_path: Path) -> None:
    ref = house.open("aimigos-studio")
    with house.desk.database.write() as tx:
        tx.incidents.close(ref, house.now)
    with pytest.raises(IllegalTransitionError, match="is closed"):
        _import(house, ref, "email\nana@people.example\n", tmp_path)


def test_only_handlers_take_people_in(house: House, tmp_path: Path) -> None:
    ref = house.open("aimigos-studio")
    with house.desk.database.write() as tx:
        tx.accounts.add(name="odd", person="odd", roles=["auditor"], at=house.now)
    with pytest.raises(PermissionDeniedError):
        import_recipients(house.desk, ref, tmp_path / "x.csv", actor=house.person("odd"), now=house.now)


def test_only_the_first_refused_rows_are_named(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipients, "LISTED", 3)
    done = _import(house, house.open("aimigos-studio"), "email\n" + "nobody\n" * 10, tmp_path)
    assert (done.refused_total, len(done.refused)) == (10, 3)


def test_a_list_broken_off_is_taken_in_again_with_nobody_twice(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipients, "BATCH", 10)
    monkeypatch.setattr(recipients, "BLOCKS_AT_ONCE", 1)
    ref = house.open("aimigos-studio")
    content = "email\n" + "".join(f"person-{n}@people.example\n" for n in range(35))

    def power_cut(point: str) -> None:
        if point == "recipients:batch-stored" and _count(house, ref) == 20:
            raise KeyboardInterrupt

    house.desk.on_step = power_cut
    with pytest.raises(KeyboardInterrupt):
        _import(house, ref, content, tmp_path)
    house.desk.on_step = None
    again = _import(house, ref, content, tmp_path)
    assert (again.accepted, again.duplicates, _count(house, ref)) == (15, 20, 35)


def test_a_long_list_does_not_keep_others_from_writing(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipients, "BATCH", 10)
    monkeypatch.setattr(recipients, "BLOCKS_AT_ONCE", 1)
    ref = house.open("aimigos-studio")
    marks: list[int] = []

    def somebody_else(point: str) -> None:
        with house.desk.database.write() as tx:
            tx.leases.put("last-tick", point)
        marks.append(_count(house, ref))

    house.desk.on_step = somebody_else
    _import(house, ref, "email\n" + "".join(f"person-{n}@people.example\n" for n in range(35)), tmp_path)
    assert marks == [10, 20, 30, 35]
