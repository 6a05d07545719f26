"""Takes in the people to be told from a CSV file: every row accepted, a duplicate, or refused with a reason.

Addresses are sealed in the incident's vault before they touch the database; a refused row is reported by
its line and the reason, never by its content.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import IllegalTransitionError, InputError, StorageError
from incident_flows.knowledge.files import read_bytes
from incident_flows.services.desk import Desk, write_journal
from incident_flows.services.people import Packed, pack, purpose_of, summary_of
from incident_flows.services.seen import Seen
from incident_flows.storage.people import NewBlock
from notifications import Address, InvalidMessageError

LIMIT = 200_000_000  # bytes
ADDRESS_COLUMNS = (
    "email",
    "e-mail",
    "mail",
    "email address",
    "e-mail address",
    "correo",
    "correo electrónico",
    "e-mail-adresse",
)
OTHER_COLUMNS = {
    "name": "name",
    "language": "language",
    "lang": "language",
    "place": "place",
    "country": "place",
}
BATCH = 1000  # people to a block, and a block to a transaction
LISTED = 10_000  # refused rows that are named one by one; more than that is a wrong file
QUOTE_LINES = 20  # an address list has no value of more lines; a quote left open swallows everything

_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass
class Imported:
    """What taking in a file did.

    Attributes:
        refused: Line number (from 1, the header being 1) and reason, of the first `LISTED` rows not taken in.
        refused_total: How many rows were not taken in.
    """

    accepted: int = 0
    duplicates: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    refused_total: int = 0
    total: int = 0

    def refuse(self, line: int, reason: str) -> None:
        """Count a row that is not taken in."""
        self.refused_total += 1
        if len(self.refused) < LISTED:
            self.refused.append((line, reason))


class _RefusedRowError(Exception):
    """One row cannot be taken in; the reason never quotes it."""


def import_recipients(
    desk: Desk,
    ref: str,
    path: Path,
    *,
    actor: Actor,
    now: datetime,
    delimiter: str | None = None,
    encoding: str = "utf-8-sig",
) -> Imported:
    """Take in a CSV file with a header line and an address column; `name`, `language`, `place` are optional.

    The file is read twice: whole, to be sure that it is CSV; then row by row, stored a batch to a
    transaction, so that a long list fills no memory and holds up no reminder. Broken off between batches, it
    is simply taken in again: nobody is stored twice.

    Raises:
        InputError: Not CSV, a quote left open, the wrong encoding, no address column, nobody in it; nothing
            is taken in.
        IllegalTransitionError: The incident is closed.
    """
    actor.require("recipients")
    raw = read_bytes(path, limit=LIMIT)
    if sum(1 for _ in _rows(raw, path.name, delimiter=delimiter, encoding=encoding)) == 0:
        raise InputError(f"{path.name}: has a header and nobody under it; nothing was taken in")
    sha256 = hashlib.sha256(raw).hexdigest()
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        if incident.state == "closed":
            raise IllegalTransitionError(f"{ref} is closed; `breach close {ref} --reopen` opens it again")
        desk.vault.address_hmac(incident.wrapped_key, "the master key is the right one")
        begun = tx.people.begin_import(incident.id, sha256, now, actor.name)
        seen = Seen()
        for _, digests in tx.people.digests(incident.id):
            seen.add_new(digests)
    result = Imported()
    batch: list[tuple[bytes, Packed]] = []
    for line, row in _rows(raw, path.name, delimiter=delimiter, encoding=encoding):
        result.total += 1
        try:
            batch.append(_checked(desk, incident, row))
        except _RefusedRowError as error:
            result.refuse(line, str(error))
        if len(batch) == BATCH:
            _store(desk, incident, batch, begun.id, seen, result)
    _store(desk, incident, batch, begun.id, seen, result)
    with desk.database.write() as tx:
        tx.people.finish_import(
            begun.id, result.accepted, result.refused_total, result.duplicates, result.refused
        )
        write_journal(
            tx,
            desk,
            at=now,
            actor=actor.name,
            act="recipients-imported",
            ref=ref,
            subject=ref,
            payload={
                "file_sha256": sha256,
                "accepted": result.accepted,
                "duplicates": result.duplicates,
                "refused": result.refused_total,
                "rows": result.total,
            },
        )
    return result


def _store(
    desk: Desk,
    incident: Any,
    batch: list[tuple[bytes, Packed]],
    import_id: int,
    seen: Seen,
    result: Imported,
) -> None:
    known = set(seen.add_new(b"".join(digest for digest, _ in batch)))
    new = [one for place, one in enumerate(batch) if place not in known]
    result.duplicates += len(known)
    if new:
        people = [person for _, person in new]
        try:
            with desk.database.write() as tx:
                first = tx.people.count(tx.incidents.lock(incident.ref).id)
                sealed = desk.vault.seal(incident.wrapped_key, incident.ref, purpose_of(first), pack(people))
                digests = b"".join(digest for digest, _ in new)
                block = NewBlock(first, len(new), sealed, digests, summary_of(people))
                tx.people.add_block(incident.id, block, import_id)
        except StorageError as error:
            raise StorageError(
                f"{error}\n{result.accepted} people were taken in before; import the file again for the rest."
            ) from None
    result.accepted += len(new)
    batch.clear()
    desk.reached("recipients:batch-stored")


def _checked(desk: Desk, incident: Any, row: dict[str, str] | str) -> tuple[bytes, Packed]:
    """Return the keyed hash of a person's address, and the person."""
    if isinstance(row, str):
        raise _RefusedRowError(row)
    if not row["email"].strip():
        raise _RefusedRowError("address is empty")
    try:
        address = Address(row["email"].strip()).email
    except InvalidMessageError as error:
        raise _RefusedRowError(f"address {error.reason}") from None
    place = row.get("place", "").strip().upper() or None
    if place is not None and place not in desk.library.lawbook.places:
        raise _RefusedRowError("place is no country or state; write an ISO code such as ES or US-CA")
    language = row.get("language", "").strip().lower().replace("_", "-").split("-")[0] or None
    if language is not None and not _LANGUAGE.fullmatch(language):
        raise _RefusedRowError("language is no code; write two letters such as es or de")
    name = row.get("name", "").strip() or None
    return desk.vault.address_digest(incident.wrapped_key, address), [address, name, language, place]


def _rows(
    raw: bytes, name: str, *, delimiter: str | None, encoding: str
) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yield each row's first line and its values by our names, or why the row cannot be used."""
    lines = _lines(raw, name, encoding)
    header_line, before = next(((line, number) for number, line in enumerate(lines) if line.strip()), ("", 0))
    if not header_line:
        raise InputError(f"{name}: is empty; the first line names the columns, one of them email")
    separator = delimiter or max(",;\t", key=header_line.count)

    def all_lines() -> Iterator[str]:
        yield header_line
        yield from lines

    reader = csv.reader(all_lines(), delimiter=separator, strict=True)
    first = before + 1
    try:
        header = [column.strip().lower() for column in next(reader)]
        columns = _columns(header, name, first)
        while True:
            first = before + reader.line_num + 1
            values = next(reader, None)
            if values is None:
                return
            spans = before + reader.line_num - first
            if spans > QUOTE_LINES:
                raise InputError(
                    f"{name}:{first}: a quoted value runs over {spans} lines; a quote is probably left open"
                )
            if not values:
                continue
            if len(values) != len(header):
                found = f"has {len(values)} columns where the header names {len(header)}"
                yield first, f"{found}; check quotes and separators"
            else:
                yield first, {key: values[number] for number, key in columns.items()}
    except csv.Error as error:
        raise InputError(
            f"{name}:{first}: is not proper CSV ({error}); a quote is probably left open. "
            "Nothing was taken in"
        ) from None


def _lines(raw: bytes, name: str, encoding: str) -> Iterator[str]:
    """Yield the lines of a file, decoded as they come."""
    try:
        text = io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, newline="")
    except LookupError:
        raise InputError(
            f"--encoding: {encoding!r:.40} is not known; write utf-8, cp1252, utf-16 …"
        ) from None
    number = 0
    try:
        for line in text:
            number += 1
            if "\0" in line:
                raise InputError(
                    f"{name}:{number}: holds NUL bytes, so it is no CSV text in this encoding; "
                    "export it as CSV in UTF-8"
                )
            yield line
    except UnicodeError:
        shown = encoding.removesuffix("-sig").upper()
        raise InputError(
            f"{name}:{_undecodable_line(raw, encoding)}: is not {shown} text; save it as UTF-8, "
            "or say what it is: --encoding cp1252"
        ) from None


def _undecodable_line(raw: bytes, encoding: str) -> int:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError as error:
        return raw[: error.start].count(b"\n") + 1
    except UnicodeError:
        return 1  # such as UTF-16 without its mark
    return 1


def _columns(header: list[str], name: str, line: int) -> dict[int, str]:
    """Return our name of each column we use, by its number; each at most once."""
    ours = {**dict.fromkeys(ADDRESS_COLUMNS, "email"), **OTHER_COLUMNS}
    columns: dict[int, str] = {}
    for number, column in enumerate(header):
        key = ours.get(column)
        if key is None:
            continue
        if key in columns.values():
            raise InputError(
                f"{name}:{line}: two columns stand for {key}; keep one, and rename or remove the other"
            )
        columns[number] = key
    if "email" not in columns.values():
        raise InputError(
            f"{name}:{line}: no column holds addresses ({len(header)} columns, none called email); "
            "name one of them email"
        )
    return columns


def imported_json(imported: Imported) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {
        "rows": imported.total,
        "accepted": imported.accepted,
        "duplicates": imported.duplicates,
        "refused_total": imported.refused_total,
        "refused": [{"line": line, "because": reason} for line, reason in imported.refused],
    }
