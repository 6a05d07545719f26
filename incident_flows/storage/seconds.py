"""People whose letter did not arrive at their first address: who is to be tried at a second one, once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from incident_flows.storage.rows import Noun, literally
from incident_flows.storage.tables_fates import SecondRow
from incident_flows.storage.tables_letters import LetterBatchRow

_AT_ONCE = 500  # numbers in one statement
_DUE = literally("letter_second.state = 'due'")
_PLANNED = literally("letter_batch.state = 'planned'")


class Seconds(Noun):
    """Second addresses, by notice and the person's number."""

    def add(self, notice_id: int, incident_id: int, lost: Iterable[tuple[int, str]], at: datetime) -> int:
        """Put down whom a letter did not reach, and why; return how many were not known yet."""
        return self._insert_new(
            SecondRow,
            [
                {
                    "notice_id": notice_id, "number": number, "incident_id": incident_id, "at": at, "why": why,
                    "state": "due", "nonce": None,
                }
                for number, why in lost
            ],
        )  # fmt: skip

    def due(self, notice_id: int, limit: int) -> Sequence[SecondRow]:
        """Return those nobody has looked at yet, by number."""
        row = SecondRow
        mine: Any = select(row).where(_DUE, col(row.notice_id) == notice_id)
        found: list[SecondRow] = self._all(mine.order_by(col(row.number)).limit(limit))
        return found

    def settle(self, notice_id: int, numbers: Collection[int], state: str, nonce: str | None = None) -> int:
        """Record what becomes of some that are due; return how many still were."""
        row, done = SecondRow, 0
        chosen = sorted(numbers)
        for start in range(0, len(chosen), _AT_ONCE):
            part = chosen[start : start + _AT_ONCE]
            done += self._run(
                update(row)
                .where(_DUE, col(row.notice_id) == notice_id, col(row.number).in_(part))
                .values(state=state, nonce=nonce)
            )
        return done

    def states(self, notice_id: int) -> dict[int, str]:
        """Return by number what was made of each."""
        row = SecondRow
        found = self._session.execute(select(col(row.number), col(row.state)).where(col(row.notice_id) == notice_id))
        return {row[0]: row[1] for row in found}

    def notices(self) -> Sequence[int]:
        """Return the notices that have somebody due, or a letter to a second address still to leave."""
        due = self._session.scalars(select(col(SecondRow.notice_id)).where(_DUE).distinct())
        row = LetterBatchRow
        planned = self._session.scalars(
            select(col(row.notice_id)).where(_PLANNED, col(row.address) == 2).distinct()
        )
        return sorted({*due, *planned})
