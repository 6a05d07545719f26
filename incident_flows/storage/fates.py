"""What became of letters: events put down as they come, counted into the states of their batches later.

Putting them down is one row per callback, so that a provider that sends many is answered at once; counting
takes many callbacks together, so that each batch is read and written once for all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlmodel import col

from incident_flows.storage.rows import Noun
from incident_flows.storage.tables_fates import EventInboxRow, LetterFateRow
from incident_flows.storage.tables_letters import LetterBatchRow

_AT_ONCE = 500  # names in one statement


class LetterFates(Noun):
    """Events and states."""

    def put_down(self, at: datetime, count: int, body: bytes) -> None:
        """Store the events of one callback."""
        self._run(insert(EventInboxRow).values(at=at, events=count, body=body))

    def waiting(self) -> int:
        """Return how many events are not counted yet."""
        return int(self._session.scalar(select(func.sum(col(EventInboxRow.events)))) or 0)

    def take(self, most: int) -> Sequence[EventInboxRow]:
        """Take callbacks away to count them, oldest first, up to about `most` events; others pass them over."""
        chosen = self._free(select(col(EventInboxRow.id)).order_by(col(EventInboxRow.id)).limit(most // 20 + 1))
        ids = list(self._session.scalars(chosen))
        found: list[EventInboxRow] = []
        total = 0
        for start in range(0, len(ids), _AT_ONCE):
            part = select(EventInboxRow).where(col(EventInboxRow.id).in_(ids[start : start + _AT_ONCE]))
            rows: list[EventInboxRow] = self._all(part.order_by(col(EventInboxRow.id)))
            for row in rows:
                if found and total + row.events > most:
                    break
                found.append(row)
                total += row.events
        for start in range(0, len(found), _AT_ONCE):
            gone = [row.id for row in found[start : start + _AT_ONCE]]
            self._run(delete(EventInboxRow).where(col(EventInboxRow.id).in_(gone)))
        return found

    def batches(self, nonces: Collection[str]) -> dict[str, LetterBatchRow]:
        """Return the batches events are about, by nonce, without their sealed part."""
        table = LetterBatchRow
        columns = [col(getattr(table, name)) for name in _LIGHT]
        found: dict[str, LetterBatchRow] = {}
        names = sorted(nonces)
        for start in range(0, len(names), _AT_ONCE):
            rows = self._session.execute(
                select(*columns).where(col(table.nonce).in_(names[start : start + _AT_ONCE]))
            )
            found |= {row.nonce: row for row in rows}
        return found

    def of(self, batch_ids: Collection[int]) -> dict[int, LetterFateRow]:
        """Return what is known of these batches; locked, for counting on."""
        found: dict[int, LetterFateRow] = {}
        ids = sorted(batch_ids)
        for start in range(0, len(ids), _AT_ONCE):
            statement = select(LetterFateRow).where(col(LetterFateRow.batch_id).in_(ids[start : start + _AT_ONCE]))
            if self._writing:
                statement = statement.order_by(col(LetterFateRow.batch_id)).with_for_update()
            rows: list[LetterFateRow] = self._all(statement)
            found |= {row.batch_id: row for row in rows}
        return found

    def save(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store states of batches."""
        if not rows:
            return
        upsert = self._upsert(LetterFateRow)
        changed = {name: upsert.excluded[name] for name in ("states", "seen", "counted", "repeated", "last_at")}
        self._run(upsert.on_conflict_do_update(index_elements=["batch_id"], set_=changed), rows)

    def numbers(self, batch_ids: Collection[int]) -> dict[int, bytes]:
        """Return the numbers of the people of some batches."""
        found: dict[int, bytes] = {}
        ids, row = sorted(batch_ids), LetterBatchRow
        for start in range(0, len(ids), _AT_ONCE):
            part = select(col(row.id), col(row.numbers)).where(col(row.id).in_(ids[start : start + _AT_ONCE]))
            found |= {one[0]: one[1] for one in self._session.execute(part)}
        return found

    def states(self, incident_id: int, notice_id: int | None = None) -> list[tuple[int, int, bytes, bytes]]:
        """Return notice, address, states, and numbers of the people, of batches that stand for somebody."""
        fate, batch = LetterFateRow, LetterBatchRow
        statement = (
            select(col(fate.notice_id), col(batch.address), col(fate.states), col(batch.numbers))
            .join(batch, col(batch.id) == col(fate.batch_id))
            .where(col(fate.incident_id) == incident_id, col(batch.seed).is_(False))
            .order_by(col(fate.batch_id))
        )
        if notice_id is not None:
            statement = statement.where(col(fate.notice_id) == notice_id)
        return [(row[0], row[1], row[2], row[3]) for row in self._session.execute(statement)]


_LIGHT = ("id", "nonce", "incident_id", "notice_id", "count", "state", "attempts", "error_kind", "seed", "address")
