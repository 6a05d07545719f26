"""A list of people as a file: CSV in a stated encoding, or a spreadsheet. Read twice, never whole in memory.

The first reading makes sure that it is a list at all, counts its rows and takes its hash; only then is anybody
taken in. No message quotes what stands in it.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from incident_flows.errors import InputError
from incident_flows.services.people_rows import NAMES, SEVERAL, meaning_of
from incident_flows.services.people_workers import Piece

LIMIT = 50_000_000_000  # bytes: five hundred million people
PIECE = 262_144  # bytes, some five thousand people
LONGEST_LINE = 8_000_000  # bytes
QUOTE_LINES = 20  # an address list has no value of more lines; a quote left open swallows everything
SHEETS = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})
_BLANK = re.compile(rb"^\r?\n", re.MULTILINE)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF8 = frozenset({"utf-8", "utf-8-sig"})


@dataclass(frozen=True)
class Asked:
    """What the person says about the file; what is not said is not guessed.

    Attributes:
        delimiter: None for the one the header line uses.
        columns: Our name of a column and the heading it has in this file.
        sheet: Which sheet of a spreadsheet that has several.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None


@dataclass(frozen=True)
class Listed:
    """A file that was found to be a list.

    Attributes:
        header: The headings as they stand.
        columns: Our names of columns, with their places.
        rows: Lines with anything in them, the header aside.
    """

    name: str
    header: tuple[str, ...]
    columns: Mapping[str, tuple[int, ...]]
    delimiter: str
    rows: int
    size: int
    sha256: str


class PeopleFile:
    """A file of people, opened for both readings.

    Raises:
        InputError: It cannot be read, or is no list; nothing was taken in.
    """

    def __init__(self, path: Path, asked: Asked | None = None) -> None:
        self.path, self.name, self._asked = path, path.name, asked or Asked()
        self._file = _opened(path)
        self._sha256 = ""
        self._is_sheet = path.suffix.lower() in SHEETS
        try:
            self.listed = self._sheet_listed() if self._is_sheet else self._csv_listed()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def pieces(self) -> Iterator[Piece]:
        """Read the file again, as pieces of whole rows.

        Raises:
            InputError: It was changed meanwhile.
        """
        yield from self._sheet_pieces() if self._is_sheet else self._csv_pieces()
        if self._sha256 != self.listed.sha256:
            raise InputError(
                f"{self.name}: was changed while it was read; take it in again: nobody is stored twice"
            )

    # CSV

    def _csv_listed(self) -> Listed:
        self._cuts: list[tuple[int, int]] = []  # bytes of UTF-8 and lines of each piece
        rows, line, rest = 0, 1, b""
        self._header: tuple[str, ...] = ()
        self._delimiter = ""
        self._skipped = (0, 0)  # bytes and lines up to the end of the header
        for data, last in self._text():
            rest += data
            if not self.header_known():
                used, lines = self._read_header(rest)
                self._skipped = (used, lines)
                rest, line = rest[used:], line + lines
            used, lines, found = self._whole_rows(rest, line, last=last)
            if used:
                self._cuts.append((used, lines))
            rest, line, rows = rest[used:], line + lines, rows + found
        if not self.header_known():
            raise InputError(f"{self.name}: is empty; the first line names the columns, one of them email")
        if rows == 0:
            raise InputError(f"{self.name}: has a header and nobody under it; nothing was taken in")
        return self._list(self._header, self._skipped[1], rows, self._delimiter)

    def header_known(self) -> bool:
        """Return whether the header line was read."""
        return bool(self._header)

    def _csv_pieces(self) -> Iterator[Piece]:
        text = self._text()
        rest, (skip, line) = b"", self._skipped
        line += 1
        for number, (size, lines) in enumerate(self._cuts):
            while len(rest) < skip + size:
                data, _ = next(text, (b"", True))
                if not data:
                    self._sha256 = ""  # shorter than before
                    return
                rest += data
            yield Piece(number, line, rest[skip : skip + size], by_row=False)
            rest, skip, line = rest[skip + size :], 0, line + lines
        for _ in text:
            pass

    def _text(self) -> Iterator[tuple[bytes, bool]]:
        """Yield the file in UTF-8, in pieces that end with a line, and whether each is the last one."""
        encoding = self._asked.encoding.lower().replace("_", "-")
        decoder = _decoder(encoding)
        digest, rest, lines, first, only_cr = hashlib.sha256(), b"", 0, True, False
        self._file.seek(0)
        while True:
            raw = self._file.read(PIECE)
            digest.update(raw)
            if first:
                self._check_kind(raw, encoding)
            if encoding in _UTF8:
                data = raw.removeprefix(codecs.BOM_UTF8) if first else raw
            else:
                try:
                    text = decoder.decode(raw, final=not raw)
                except UnicodeError as error:
                    raise self._undecodable(lines + _lines_before(error, rest)) from None
                data = (text.removeprefix("\ufeff") if first else text).encode()
            if first:
                only_cr = b"\n" not in data and b"\r" in data[:-1]
            data = rest + (data.replace(b"\r", b"\n") if only_cr else data)
            cut = data.rfind(b"\n") + 1 if raw else len(data)
            whole, rest, first = data[:cut], data[cut:], False
            if len(rest) > LONGEST_LINE:
                raise InputError(
                    f"{self.name}:{lines + 1}: is a line of more than {LONGEST_LINE // 1_000_000} MB; this is no list"
                )
            if encoding in _UTF8:
                self._check_utf8(whole, lines)
            if b"\0" in whole:
                raise InputError(
                    f"{self.name}:{lines + whole[: whole.index(0)].count(10) + 1}: holds NUL bytes, so it is no "
                    "CSV text in this encoding; export it as CSV in UTF-8"
                )
            lines += whole.count(b"\n")
            if whole or not raw:
                yield whole, not raw
            if not raw:
                break
        self._sha256 = digest.hexdigest()

    def _check_kind(self, raw: bytes, encoding: str) -> None:
        if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
            raise InputError(f"{self.name}:1: is a spreadsheet or an archive, not CSV; name it .xlsx if it is one")
        if raw.startswith(_UTF16) and not encoding.startswith("utf-16"):
            raise InputError(f"{self.name}:1: begins with the mark of UTF-16; say so: --encoding utf-16")

    def _check_utf8(self, whole: bytes, lines: int) -> None:
        try:
            whole.decode()
        except UnicodeDecodeError as error:
            raise self._undecodable(lines + whole[: error.start].count(b"\n") + 1) from None

    def _undecodable(self, line: int) -> InputError:
        shown = self._asked.encoding.removesuffix("-sig").upper()
        return InputError(
            f"{self.name}:{line}: is not {shown} text; save it as UTF-8, or say what it is: --encoding "
            + ("utf-16-le or utf-16-be where it has no mark" if shown == "UTF-16" else "cp1252")
        )

    def _read_header(self, data: bytes) -> tuple[int, int]:
        """Read the first line that is not blank; return the bytes and lines up to its end."""
        text, used, lines = io.StringIO(data.decode(), newline=""), 0, 0
        for line in text:
            used, lines = used + len(line.encode()), lines + 1
            if not line.strip():
                continue
            self._delimiter = self._asked.delimiter or max(",;\t|", key=line.count)
            try:
                (header,) = csv.reader([line], delimiter=self._delimiter, strict=True)
            except csv.Error as error:
                raise self._improper(lines, str(error)) from None
            self._header = tuple(heading.strip() for heading in header)
            self._columns_of(self._header, lines)  # before the rest is read: most wrong files end here
            break
        return used, lines

    def _whole_rows(self, data: bytes, line: int, *, last: bool) -> tuple[int, int, int]:
        """Return the bytes, lines and rows of the whole rows that `data` begins with."""
        if b'"' not in data and data.count(b"\r") == data.count(b"\r\n"):
            lines = data.count(b"\n") + (bool(data) and not data.endswith(b"\n"))
            blank = b"\n\n" in data or b"\n\r\n" in data or data[:2] in (b"\r\n", b"\n") or data[:1] == b"\n"
            return len(data), lines, lines - (len(_BLANK.findall(data)) if blank else 0)
        used = rows = done = read = 0

        def each() -> Iterator[str]:
            nonlocal read
            for one in io.StringIO(data.decode(), newline=""):
                read += len(one.encode()) if not one.isascii() else len(one)
                yield one

        reader = csv.reader(each(), delimiter=self._delimiter, strict=True)
        try:
            for values in reader:
                if reader.line_num - done > QUOTE_LINES:
                    raise self._open_quote(line + done)
                used, done, rows = read, reader.line_num, rows + bool(values)
        except csv.Error as error:
            if last or "unexpected end" not in str(error):
                raise self._improper(line + done, str(error)) from None
            if reader.line_num - done > QUOTE_LINES:
                raise self._open_quote(line + done) from None
        return used, done, rows

    def _improper(self, line: int, error: str) -> InputError:
        return InputError(
            f"{self.name}:{line}: is not proper CSV ({error}); a quote is probably left open. Nothing was taken in"
        )

    def _open_quote(self, line: int) -> InputError:
        return self._improper(line, f"a quoted value runs over more than {QUOTE_LINES} lines")

    # Columns

    def _list(self, header: Sequence[str], line: int, rows: int, delimiter: str) -> Listed:
        size = os.fstat(self._file.fileno()).st_size
        columns = self._columns_of(header, line)
        return Listed(self.name, tuple(header), columns, delimiter, rows, size, self._sha256)

    def _columns_of(self, header: Sequence[str], line: int) -> dict[str, tuple[int, ...]]:
        """Return the places of the columns we use: as asked, else by their headings."""
        where, found = f"{self.name}:{line}", dict[str, tuple[int, ...]]()
        plain = [heading.lower() for heading in header]
        asked = {ours: heading.strip().lower() for ours, heading in self._asked.columns.items()}
        for ours, heading in asked.items():
            places = tuple(place for place, one in enumerate(plain) if one == heading)
            if not places:
                raise InputError(f"{where}: --column {ours}: no column has that heading; look at the first line")
            found[ours] = places
        taken = {place for places in found.values() for place in places}
        for place, heading in enumerate(header):
            meaning = meaning_of(heading)
            if meaning is not None and meaning not in asked and place not in taken:
                found[meaning] = (*found.get(meaning, ()), place)
        for ours, places in found.items():
            if len(places) > 1 and ours not in SEVERAL:
                raise InputError(
                    f"{where}: two columns stand for {ours}; keep one, or say which: "
                    f"--column {ours}=HEADING"
                )
        if "email" not in found:
            raise InputError(
                f"{where}: no column holds addresses ({len(header)} columns, none called email); "
                "say which one it is: --column email=HEADING"
            )
        return {ours: found[ours] for ours in NAMES if ours in found}

    # Spreadsheets

    def _sheet_listed(self) -> Listed:
        digest = hashlib.sha256()
        self._file.seek(0)
        while raw := self._file.read(1_000_000):
            digest.update(raw)
        self._sha256 = digest.hexdigest()
        header: list[str] = []
        rows = line = 0
        for number, values in self._sheet_rows():
            if not header:
                header, line = values, number
                self._columns_of(header, line)
            else:
                rows += any(values)
        if not header:
            raise InputError(f"{self.name}: is empty; the first row names the columns, one of them email")
        if rows == 0:
            raise InputError(f"{self.name}: has a header and nobody under it; nothing was taken in")
        return self._list(header, line, rows, ",")

    def _sheet_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield number and cells of each row, from the first that is not blank."""
        import python_calamine

        if self._asked.encoding.lower() not in _UTF8 or self._asked.delimiter:
            raise InputError(f"{self.name}: is a spreadsheet; --encoding and --delimiter are for CSV")
        try:
            book = python_calamine.CalamineWorkbook.from_path(str(self.path))
            names = [one.name for one in book.sheets_metadata if one.typ == python_calamine.SheetTypeEnum.WorkSheet]
            chosen = self._asked.sheet or (names[0] if len(names) == 1 else None)
            if chosen not in names:
                raise InputError(f"{self.name}: has {len(names)} sheets; say which: --sheet NAME")
            sheet = book.get_sheet_by_name(chosen)
            begun = False
            for number, cells in enumerate(sheet.iter_rows(), start=1):
                values = [_cell(one) for one in cells]
                begun = begun or any(values)
                if begun:
                    yield number, values
        except (python_calamine.CalamineError, OSError, ValueError):
            raise InputError(
                f"{self.name}: is no spreadsheet that can be read, or a damaged one; save it anew as .xlsx or CSV"
            ) from None

    def _sheet_pieces(self) -> Iterator[Piece]:
        rows = self._sheet_rows()
        next(rows)
        out, first, number = io.StringIO(), 0, 0
        writer = csv.writer(out)
        for line, values in rows:
            first = first or line
            writer.writerow(values if any(values) else ())
            if out.tell() >= PIECE:
                yield Piece(number, first, out.getvalue().encode(), by_row=True)
                out.seek(0)
                out.truncate()
                first, number = 0, number + 1
        if first:
            yield Piece(number, first, out.getvalue().encode(), by_row=True)


def _opened(path: Path) -> io.BufferedReader:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name one file in it") from None
    except PermissionError:
        raise InputError(f"{path}: may not be read by this user; change its permissions") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no path"
        raise InputError(f"{path!s:.200}: cannot be read: {why}; check the path") from None
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode) or status.st_size > LIMIT:
        file.close()
        raise InputError(
            f"{path.name}: must be an ordinary file of at most {LIMIT / 1e9:.0f} GB, since it is read twice"
        )
    return file


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    try:
        found = codecs.lookup(encoding)
        if not getattr(found, "_is_text_encoding", True):
            raise LookupError
    except (LookupError, ValueError):
        raise InputError(
            f"--encoding: {encoding!r:.40} is not known; write utf-8, cp1252, utf-16 …"
        ) from None
    return codecs.getincrementaldecoder(encoding)()


def _lines_before(error: UnicodeError, rest: bytes) -> int:
    if not isinstance(error, UnicodeDecodeError):
        return 1  # such as UTF-16 without its mark
    return error.object[: error.start].count(b"\n") + rest.count(b"\n") + 1


def _cell(value: object) -> str:
    """Return a cell as text: whole numbers without a point, days as ISO dates."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text.removesuffix(" 00:00:00") if hasattr(value, "year") else text.strip()
