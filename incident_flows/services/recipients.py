"""Takes in the people to be told from a CSV file: every row accepted, a duplicate, or refused with its reason.

Addresses are sealed in the incident's vault before they touch the database; a refused row is reported by
its line and the reason, never by its content.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from incident_flows.core.lifecycle import Actor
from incident_flows.errors import InputError
from incident_flows.knowledge.files import read_bytes
from incident_flows.services.desk import Desk, write_journal
from notifications import Address
from notifications.errors import InvalidMessageError

LIMIT = 200_000_000  # bytes
ADDRESS_COLUMNS = ("email", "e-mail", "mail", "email address", "e-mail address", "correo", "correo electrónico", "e-mail-adresse")
OTHER_COLUMNS = {"name": "name", "language": "language", "lang": "language", "place": "place", "country": "place"}
BATCH = 1000


@dataclass
class Imported:
    """What taking in a file did.

    Attributes:
        refused: Line number (from 1, the header being 1) and reason, for every row not taken in.
    """

    accepted: int = 0
    duplicates: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    total: int = 0


def import_recipients(
    desk: Desk, ref: str, path: Path, *, actor: Actor, now: datetime, delimiter: str | None = None,
    encoding: str = "utf-8-sig",
) -> Imported:
    """Take in a CSV file with a header line and an address column; `name`, `language`, `place` are optional.

    Raises:
        InputError: Not CSV, a quote left open, the wrong encoding, no address column; nothing is taken in.
    """
    actor.require("recipients")
    raw = read_bytes(path, limit=LIMIT)
    rows = list(_rows(raw, path.name, delimiter=delimiter, encoding=encoding))
    result = Imported()
    places, seen = desk.library.lawbook.places, set[str]()
    with desk.database.write() as tx:
        incident = tx.incidents.lock(ref)
        batch: list[dict[str, Any]] = []
        for line, row in rows:
            result.total += 1
            try:
                address = Address(row["email"].strip()).email
            except InvalidMessageError as error:
                result.refused.append((line, error.reason))
                continue
            place = row.get("place", "").strip().upper() or None
            if place is not None and place not in places:
                result.refused.append((line, "place is no country or state; write an ISO code such as ES or US-CA"))
                continue
            hmac = desk.vault.address_hmac(incident.wrapped_key, address)
            if hmac in seen:
                result.duplicates += 1
                continue
            seen.add(hmac)
            person = {"email": address, "name": row.get("name", "").strip() or None}
            batch.append({
                "address_hmac": hmac,
                "sealed": desk.vault.seal(incident.wrapped_key, ref, "recipient", json.dumps(person, ensure_ascii=False).encode()),
                "language": (row.get("language", "").strip().lower().replace("_", "-").split("-")[0] or None),
                "place": place, "imported_at": now,
            })
        new = 0
        for start in range(0, len(batch), BATCH):
            new += tx.people.add_many(incident.id, batch[start : start + BATCH]).accepted
        result.accepted = new
        result.duplicates += len(batch) - new
        begun = tx.people.begin_import(incident.id, hashlib.sha256(raw).hexdigest(), now, actor.name)
        tx.people.finish_import(
            begun.id, result.accepted, len(result.refused), result.duplicates, result.refused
        )
        write_journal(
            tx, desk, at=now, actor=actor.name, act="recipients-imported", ref=ref, subject=ref,
            payload={
                "file_sha256": hashlib.sha256(raw).hexdigest(), "accepted": result.accepted,
                "duplicates": result.duplicates, "refused": len(result.refused), "rows": result.total,
            },
        )
    return result


def _rows(raw: bytes, name: str, *, delimiter: str | None, encoding: str) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(
            f"{name}:{line}: is not {encoding.removesuffix('-sig').upper()} text; save it as UTF-8, or say what it is: --encoding cp1252"
        ) from None
    except LookupError:
        raise InputError(f"--encoding: {encoding!r} is not known; write utf-8, cp1252, utf-16 …") from None
    if "\0" in text:
        raise InputError(f"{name}: holds NUL bytes, so it is no CSV text; export it again as CSV in UTF-8")
    if not text.strip():
        raise InputError(f"{name}: is empty; the first line names the columns, one of them email")
    header_line = text.lstrip("\r\n").splitlines()[0]
    separator = delimiter or max(",;\t", key=header_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [column.strip().lower() for column in next(reader)]
        address = next((number for number, column in enumerate(header) if column in ADDRESS_COLUMNS), None)
        if address is None:
            raise InputError(
                f"{name}:1: no column holds addresses (found: {', '.join(header)[:120]}); name one of them email"
            )
        columns = {number: OTHER_COLUMNS[column] for number, column in enumerate(header) if column in OTHER_COLUMNS}
        columns[address] = "email"
        while True:
            first = reader.line_num + 1
            try:
                values = next(reader)
            except StopIteration:
                return
            if not values:
                continue
            if len(values) != len(header):
                yield first, {"email": "", "_": "width"}
                continue
            if reader.line_num - first > 20:
                raise InputError(f"{name}:{first}: a quoted value runs over {reader.line_num - first} lines; a quote is probably left open")
            yield first, {key: values[number] for number, key in columns.items()}
    except csv.Error as error:
        raise InputError(
            f"{name}:{reader.line_num}: is not proper CSV ({error}); a quote is probably left open. Nothing was taken in"
        ) from None


def imported_json(imported: Imported) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {
        "rows": imported.total, "accepted": imported.accepted, "duplicates": imported.duplicates,
        "refused": [{"line": line, "because": reason} for line, reason in imported.refused],
    }
