"""The people to be told: sealed blocks of one incident, exceptions by number, and the files they came from.

Nothing here can read a name or an address: blocks are sealed by the vault before they arrive.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlmodel import col

from incident_flows.errors import NotFoundError
from incident_flows.storage.addresses import looks_like_address
from incident_flows.storage.rows import Noun
from incident_flows.storage.tables import DeliveryRow, ImportRow, IncidentRow
from incident_flows.storage.tables_letters import LetterBodyRow
from incident_flows.storage.tables_people import MOST_IN_A_BLOCK, BlockRow, ExceptionRow

DIGEST_BYTES = 16
_PAGE = 1000  # blocks whose digests are read at once: 16 MB


@dataclass(frozen=True, slots=True)
class NewBlock:
    """A block to be stored.

    Attributes:
        digests: `DIGEST_BYTES` per person, in their order.
        summary: How many people by language and place.
        guarded: How many of them are written to through a guardian; None where nobody counted.
        alone: How many of these are minors and have no guardian on the list.
    """

    first: int
    count: int
    sealed: bytes
    digests: bytes
    summary: Sequence[tuple[str | None, str | None, int]]
    guarded: int | None = 0
    alone: int = 0


class People(Noun):
    """Recipients, by the number of their incident."""

    def add_block(self, incident_id: int, block: NewBlock, import_id: int | None = None) -> None:
        """Store a block behind those there are.

        Raises:
            ValueError: It does not begin where the last one ends, or is no block.
        """
        if block.first != self.count(incident_id):
            raise ValueError(f"a block begins at {block.first}, and the list ends elsewhere")
        if not 0 < block.count <= MOST_IN_A_BLOCK or len(block.digests) != block.count * DIGEST_BYTES:
            raise ValueError(f"a block of {block.count} people with {len(block.digests)} bytes of digests")
        self._run(
            insert(BlockRow).values(
                incident_id=incident_id,
                first=block.first,
                count=block.count,
                import_id=import_id,
                sealed=block.sealed,
                digests=block.digests,
                summary=[list(one) for one in block.summary],
                guarded=block.guarded,
                alone=block.alone,
            )
        )

    def count(self, incident_id: int) -> int:
        """Return how many recipients an incident has."""
        last = self._session.execute(
            select(col(BlockRow.first), col(BlockRow.count))
            .where(col(BlockRow.incident_id) == incident_id)
            .order_by(col(BlockRow.first).desc())
            .limit(1)
        ).first()
        return 0 if last is None else last[0] + last[1]

    def by_language_and_place(self, incident_id: int) -> Counter[tuple[str | None, str | None]]:
        """Return how many recipients there are by language and place, each None where not known."""
        found: Counter[tuple[str | None, str | None]] = Counter()
        summaries = self._session.scalars(
            select(col(BlockRow.summary))
            .where(col(BlockRow.incident_id) == incident_id)
            .execution_options(yield_per=_PAGE)
        )
        for summary in summaries:
            for language, place, count in summary:
                found[language, place] += count
        return found

    def languages(self, incident_id: int) -> Sequence[tuple[str | None, str | None]]:
        """Return the distinct pairs of language and place among an incident's recipients."""
        return list(self.by_language_and_place(incident_id))

    def guarded(self, incident_id: int) -> bool:
        """Return whether some recipients may have to be written to through a guardian."""
        row = col(BlockRow.guarded)
        found = select(col(BlockRow.first)).where(
            col(BlockRow.incident_id) == incident_id, or_(row.is_(None), row > 0)
        )
        return self._session.execute(found.limit(1)).first() is not None

    def minors_alone(self, incident_id: int) -> int:
        """Return how many minors have no guardian on the list; those of blocks older than the count aside."""
        return int(
            self._session.scalar(
                select(func.sum(col(BlockRow.alone))).where(col(BlockRow.incident_id) == incident_id)
            )
            or 0
        )

    def blocks(self, incident_id: int, after: int = -1, limit: int = 1) -> Sequence[BlockRow]:
        """Return blocks in order: the first ones that hold anybody with a number above `after`."""
        return self._all(
            select(BlockRow)
            .where(
                col(BlockRow.incident_id) == incident_id,
                col(BlockRow.first) > after + 1 - MOST_IN_A_BLOCK,
                col(BlockRow.first) + col(BlockRow.count) > after + 1,
            )
            .order_by(col(BlockRow.first))
            .limit(limit)
        )

    def block_of(self, incident_id: int, number: int) -> BlockRow:
        """Return the block that holds one person."""
        found = self.blocks(incident_id, number - 1) if number >= 0 else ()
        if not found:
            raise NotFoundError(f"no recipient has the number {number}")
        return found[0]

    def digests(self, incident_id: int, after: int = -1) -> Iterator[tuple[int, bytes]]:
        """Yield the first number and the digests of each block, those that begin after `after`."""
        while True:
            page = self._session.execute(
                select(col(BlockRow.first), col(BlockRow.digests))
                .where(col(BlockRow.incident_id) == incident_id, col(BlockRow.first) > after)
                .order_by(col(BlockRow.first))
                .limit(_PAGE)
            ).all()
            yield from ((row[0], row[1]) for row in page)
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    def find(self, incident_id: int, digest: bytes) -> int | None:
        """Return the number of the person whose address has this digest, if the incident has them."""
        for first, digests in self.digests(incident_id):
            at = -1
            while (at := digests.find(digest, at + 1)) >= 0:
                if at % DIGEST_BYTES == 0:
                    return int(first + at // DIGEST_BYTES)
        return None

    def shred(self, incident_id: int) -> int:
        """Destroy the incident's key and everything sealed under it; return how many recipients.

        The counts stay, and so do the keyed hashes, which say nothing without the key. The caller lets the
        vault forget it.
        """
        self._run(update(IncidentRow).where(col(IncidentRow.id) == incident_id).values(wrapped_key=None))
        self._run(
            update(DeliveryRow)
            .where(col(DeliveryRow.incident_id) == incident_id, col(DeliveryRow.sealed).is_not(None))
            .values(sealed=None)
        )
        self._run(delete(LetterBodyRow).where(col(LetterBodyRow.incident_id) == incident_id))
        sealed = (col(BlockRow.incident_id) == incident_id, col(BlockRow.sealed).is_not(None))
        people = self._session.scalar(select(func.sum(col(BlockRow.count))).where(*sealed)) or 0
        self._run(update(BlockRow).where(*sealed).values(sealed=None))
        return int(people)

    # Exceptions

    def except_(
        self,
        incident_id: int,
        number: int,
        state: str,
        at: datetime,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Record what is not as usual with one person, in place of what was recorded before.

        Args:
            incident_id: The incident's number.
            number: The person's number within it.
            state: In one word: no-address, quarantined, bounced, unreachable …
            at: When that was known.
            detail: More of it, without personal data.
        """
        upsert = self._upsert(ExceptionRow).values(
            incident_id=incident_id, number=number, state=state, at=at, detail=dict(detail or {})
        )
        self._run(
            upsert.on_conflict_do_update(
                index_elements=["incident_id", "number"],
                set_={name: upsert.excluded[name] for name in ("state", "at", "detail")},
            )
        )

    def exception(self, incident_id: int, number: int) -> ExceptionRow | None:
        """Return what is recorded of one person, if anything is not as usual."""
        return self._one(
            select(ExceptionRow).where(
                col(ExceptionRow.incident_id) == incident_id, col(ExceptionRow.number) == number
            )
        )

    def exceptions(
        self, incident_id: int, state: str | None = None, after: int = -1, limit: int = 1000
    ) -> Sequence[ExceptionRow]:
        """Return exceptions by number, those after `after`, of one state or of all."""
        statement = select(ExceptionRow).where(
            col(ExceptionRow.incident_id) == incident_id, col(ExceptionRow.number) > after
        )
        if state is not None:
            statement = statement.where(col(ExceptionRow.state) == state)
        return self._all(statement.order_by(col(ExceptionRow.number)).limit(limit))

    def exception_counts(self, incident_id: int) -> dict[str, int]:
        """Return how many people are in each exceptional state."""
        state = col(ExceptionRow.state)
        return {
            row[0]: row[1]
            for row in self._session.execute(
                select(state, func.count())
                .where(col(ExceptionRow.incident_id) == incident_id)
                .group_by(state)
                .order_by(state)
            )
        }

    # Imports

    def begin_import(self, incident_id: int, file_sha256: str, at: datetime, by: str) -> ImportRow:
        """Store that a file is being taken in; its rows may then point to it."""
        begun = self._one(
            insert(ImportRow)
            .values(incident_id=incident_id, file_sha256=file_sha256, at=at, by=by)
            .returning(ImportRow)
        )
        assert begun is not None
        return begun

    def finish_import(
        self,
        import_id: int,
        accepted: int,
        refused: int,
        duplicates: int,
        refused_rows: Sequence[tuple[int, str]],
    ) -> ImportRow:
        """Store what came of a file.

        Args:
            import_id: From `begin_import`.
            accepted: People stored.
            refused: Lines refused.
            duplicates: Lines whose address was there already.
            refused_rows: Line number and reason, never the line's data.

        Raises:
            ValueError: A reason quotes what looks like an address.
        """
        if looks_like_address(json.dumps([reason for _, reason in refused_rows], ensure_ascii=False)):
            raise ValueError("a reason for refusing a line quotes an address; name the fault only")
        finished = self._one(
            update(ImportRow)
            .where(col(ImportRow.id) == import_id)
            .values(
                accepted=accepted,
                refused=refused,
                duplicates=duplicates,
                refused_rows=[list(row) for row in refused_rows],
            )
            .returning(ImportRow)
        )
        if finished is None:
            raise NotFoundError(f"no import has the number {import_id}")
        return finished

    def imports(self, incident_id: int) -> Sequence[ImportRow]:
        """Return the files taken in for an incident, oldest first."""
        return self._all(
            select(ImportRow).where(col(ImportRow.incident_id) == incident_id).order_by(col(ImportRow.id))
        )
