"""The journal: who did what, when, on which lawbook; appended, sealed, never changed.

Entries of a transaction are sealed together when it ends: the lock that keeps the chain in one line
is then held for a moment, after every other lock of the transaction. The journal holds names of staff,
for accountability needs them, and never an address of anybody who is to be told.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy import text as literal_sql
from sqlalchemy.orm import Session
from sqlmodel import col

from incident_flows.errors import InputError, StorageError, TamperedError
from incident_flows.storage.addresses import addresses_in, looks_at
from incident_flows.storage.chain import (
    FIELDS,
    GENESIS,
    NOTHING_YET,
    Head,
    canonical,
    sealed,
    stamp,
    verify_with_incidents,
)
from incident_flows.storage.columns import sqlite_text
from incident_flows.storage.rows import Noun, table_of
from incident_flows.storage.tables import JournalHeadRow, JournalRow

_AT_ONCE_FROM = 8  # entries
_APPEND = literal_sql(
    f"""
    INSERT INTO journal ({", ".join(FIELDS)})
    SELECT {", ".join(FIELDS)} FROM json_to_recordset(CAST(:document AS json)) AS entry(
        seq bigint, at timestamptz, actor text, act text, incident_ref text, subject text, lawbook_sha256 text,
        payload json, prev_hash text, incident_prev text, hash text)
    ORDER BY seq
    """
)
_APPEND_SQLITE = f"INSERT INTO journal ({', '.join(FIELDS)}) VALUES ({', '.join('?' * len(FIELDS))})"
_WHOLE = ""  # the name of the whole journal's head; an incident's head is named by its ref


@dataclass(slots=True)
class Entry:
    """An entry as it is written; a tick writes thousands, so it is lighter than a row of the table.

    `written` is the payload as canonical JSON, `whole` the entry, once it is sealed.
    """

    seq: int
    at: datetime
    actor: str
    act: str
    incident_ref: str | None
    subject: str
    lawbook_sha256: str | None
    written: str
    prev_hash: str
    incident_prev: str
    hash: str
    whole: str = ""

    @property
    def payload(self) -> dict[str, Any]:
        """The particulars, as they will come back."""
        found: dict[str, Any] = json.loads(self.written)
        return found


class Journal(Noun):
    """The journal, one chain over everything and one per incident."""

    def __init__(self, session: Session, *, writing: bool) -> None:
        super().__init__(session, writing=writing)
        self._unsealed: list[Entry] = []

    def write(
        self,
        at: datetime,
        actor: str,
        act: str,
        incident_ref: str | None,
        subject: str,
        payload: Mapping[str, Any],
        lawbook_sha256: str | None = None,
        *,
        staff: Collection[str] = (),
    ) -> Entry:
        """Append an entry; it is sealed, and gets its number and hash, when the transaction ends.

        Args:
            at: When it was done.
            actor: The account that did it.
            act: What was done, as a verb of the command line.
            incident_ref: The incident it concerns, if one.
            subject: What it was done to.
            payload: Particulars; what JSON can hold.
            lawbook_sha256: The lawbook it was done on.
            staff: Addresses that may stand here because they belong to our own staff or to authorities.

        Raises:
            InputError: What is to be written quotes an address; a person typed it into a free text.
        """
        if not self._writing:
            raise StorageError("a reading transaction tried to write to the journal")
        stamp(at)  # refuses an instant without zone
        written = canonical(payload).decode()
        if not _keys_are_texts(payload):  # they come back as text, and in another order
            written = canonical(json.loads(written)).decode()
        allowed = {address.casefold() for address in staff}
        # most payloads hold no such sign
        inside = _texts(json.loads(written), "payload") if looks_at(written) else ()
        for where, text in (*inside, ("subject", subject), ("act", act)):
            if any(found.casefold() not in allowed for found in addresses_in(text)):
                raise InputError(
                    f"{where}: holds what looks like an e-mail address; the journal keeps none. "
                    "Write the person's role or a number instead."
                )
        row = Entry(
            seq=0,
            at=at,
            actor=actor,
            act=act,
            incident_ref=incident_ref,
            subject=subject,
            lawbook_sha256=lawbook_sha256,
            written=written,
            prev_hash="",
            incident_prev="",
            hash="",
        )
        self._unsealed.append(row)
        return row

    def seal(self) -> None:
        """Chain and store what was written; the transaction does this at its end by itself."""
        if not self._unsealed:
            return
        rows, self._unsealed = self._unsealed, []
        whole = self._head(_WHOLE, lock=True)
        heads = self._heads({row.incident_ref for row in rows if row.incident_ref is not None})
        for row in rows:
            row.seq, row.prev_hash = whole.seq + 1, whole.hash
            row.incident_prev = GENESIS if row.incident_ref is None else heads[row.incident_ref].hash
            row.hash, row.whole = sealed(
                {
                    "act": row.act, "actor": row.actor, "at": stamp(row.at), "incident_prev": row.incident_prev,
                    "incident_ref": row.incident_ref, "lawbook_sha256": row.lawbook_sha256,
                },
                row.written,
                {"prev_hash": row.prev_hash, "seq": row.seq, "subject": row.subject},
            )  # fmt: skip
            whole = Head(row.seq, row.hash)
            if row.incident_ref is not None:
                heads[row.incident_ref] = whole
        self._append(rows)
        upsert = self._upsert(JournalHeadRow)
        self._run(
            upsert.on_conflict_do_update(
                index_elements=["name"], set_={"seq": upsert.excluded.seq, "hash": upsert.excluded.hash}
            ),
            [{"name": name, "seq": at.seq, "hash": at.hash} for name, at in {**heads, _WHOLE: whole}.items()],
        )

    def _append(self, rows: Sequence[Entry]) -> None:
        if len(rows) < _AT_ONCE_FROM:
            self._run(
                insert(table_of(JournalRow)), [{name: getattr(row, name) for name in FIELDS} for row in rows]
            )
            return
        if not self._postgresql:  # straight to the driver: what stands between costs more than the insert
            self._session.connection().exec_driver_sql(
                _APPEND_SQLITE,
                [
                    (
                        row.seq, sqlite_text(row.at), row.actor, row.act, row.incident_ref, row.subject,
                        row.lawbook_sha256, row.written, row.prev_hash, row.incident_prev, row.hash,
                    )
                    for row in rows
                ],
            )  # fmt: skip
            return
        # One document: a statement for each entry would be a message for each.
        self._run(_APPEND, [{"document": f"[{','.join(row.whole for row in rows)}]"}])

    def entries(
        self, incident_ref: str | None = None, limit: int = 100, after: int = 0
    ) -> Sequence[JournalRow]:
        """Return entries in order, those after number `after`, of one incident or of all."""
        self.seal()
        statement = select(JournalRow).where(col(JournalRow.seq) > after)
        if incident_ref is not None:
            statement = statement.where(col(JournalRow.incident_ref) == incident_ref)
        return self._all(statement.order_by(col(JournalRow.seq)).limit(limit))

    def last(
        self, incident_ref: str | None = None, limit: int = 20, before: int | None = None
    ) -> Sequence[JournalRow]:
        """Return the last entries, in order, of one incident or of all; those before number `before`."""
        self.seal()
        statement = select(JournalRow).order_by(col(JournalRow.seq).desc()).limit(limit)
        if before is not None:
            statement = statement.where(col(JournalRow.seq) < before)
        if incident_ref is not None:
            statement = statement.where(col(JournalRow.incident_ref) == incident_ref)
        return self._all(statement)[::-1]

    def head(self, incident_ref: str | None = None) -> Head:
        """Return where the journal ends, or its part about one incident; number 0 if empty."""
        self.seal()
        return self._head(_WHOLE if incident_ref is None else incident_ref)

    def verify(self) -> int:
        """Check every entry and both chains, and return how many entries there are.

        Raises:
            TamperedError: Naming the first entry that is changed, missing or out of place.
        """
        self.seal()
        whole = self._head(_WHOLE, lock=self._writing)
        names = self._all(select(JournalHeadRow).where(col(JournalHeadRow.name) != _WHOLE))
        heads = {row.name: Head(row.seq, row.hash) for row in names}
        with self._session.execute(
            select(*(getattr(JournalRow, name) for name in FIELDS)).order_by(col(JournalRow.seq)),
            execution_options={"yield_per": 2000},
        ) as rows:
            entries = ({**row, "at": stamp(row["at"])} for row in rows.mappings())
            return verify_with_incidents(entries, head=whole, incident_heads=heads)

    def _heads(self, refs: Collection[str]) -> dict[str, Head]:
        """Return where the parts about these incidents end."""
        found = dict.fromkeys(refs, NOTHING_YET)
        for row in self._all(select(JournalHeadRow).where(col(JournalHeadRow.name).in_(refs))):
            found[row.name] = Head(row.seq, row.hash)
        return found

    def _head(self, name: str, *, lock: bool = False) -> Head:
        statement = select(JournalHeadRow).where(col(JournalHeadRow.name) == name)
        found = self._one(statement.with_for_update() if lock else statement)
        if found is not None:
            return Head(found.seq, found.hash)
        if name == _WHOLE:  # the first migration writes it
            raise TamperedError("The journal's head is missing, so nothing can be appended or verified.")
        return NOTHING_YET


def entry_of(row: JournalRow | Entry) -> dict[str, Any]:
    """Return an entry as dossiers carry it and as it was sealed: plain JSON values."""
    return {name: getattr(row, name) for name in FIELDS} | {"at": stamp(row.at)}


def _keys_are_texts(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(type(key) is str for key in value) and all(
            _keys_are_texts(inner) for inner in value.values() if type(inner) is not str
        )
    if isinstance(value, list | tuple):
        return all(_keys_are_texts(inner) for inner in value if type(inner) is not str)
    return True


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield every text inside `value`, keys included, with the path to it."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"a key in {where}", key
            yield from _texts(inner, f"{where}.{key}" if not list(addresses_in(key)) else where)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{where}[{number}]")
