"""The people to be told: sealed rows of one incident, in bulk, and the files they came from.

Nothing here can read a name or an address: rows are sealed by the vault before they arrive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlmodel import col

from incident_flows.errors import NotFoundError
from incident_flows.storage.addresses import looks_like_address
from incident_flows.storage.rows import Noun
from incident_flows.storage.tables import DeliveryRow, ImportRow, IncidentRow, RecipientRow

_OPTIONAL: Mapping[str, Any] = {"language": None, "place": None, "import_id": None, "state": "imported"}
_AT_ONCE = 10_000  # rows per statement, to keep memory flat


@dataclass(frozen=True)
class Added:
    """What came of taking people in.

    Attributes:
        accepted: Rows stored.
        duplicates: Rows whose address this incident has already.
    """

    accepted: int
    duplicates: int


class People(Noun):
    """Recipients, by the number of their incident."""

    def add_many(self, incident_id: int, rows: Sequence[Mapping[str, Any]]) -> Added:
        """Store sealed recipients; an address the incident has already is counted, not stored again.

        Args:
            incident_id: The incident's number.
            rows: Per person: address_hmac, sealed, imported_at; optionally language, place, import_id,
                state.
        """
        new = 0
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            new += self._insert_new(
                RecipientRow, [{**_OPTIONAL, **row, "incident_id": incident_id} for row in part]
            )
        return Added(accepted=new, duplicates=len(rows) - new)

    def count(self, incident_id: int) -> int:
        """Return how many recipients an incident has."""
        return (
            self._session.scalar(
                select(func.count())
                .select_from(RecipientRow)
                .where(col(RecipientRow.incident_id) == incident_id)
            )
            or 0
        )

    def languages(self, incident_id: int) -> Sequence[tuple[str | None, str | None]]:
        """Return the distinct pairs of language and place among an incident's recipients."""
        pairs = self._session.execute(
            select(col(RecipientRow.language), col(RecipientRow.place))
            .where(col(RecipientRow.incident_id) == incident_id)
            .distinct()
        )
        return [(language, place) for language, place in pairs]

    def page(self, incident_id: int, after_id: int = 0, limit: int = 1000) -> Sequence[RecipientRow]:
        """Return recipients by number, those after `after_id`."""
        return self._all(
            select(RecipientRow)
            .where(col(RecipientRow.incident_id) == incident_id, col(RecipientRow.id) > after_id)
            .order_by(col(RecipientRow.id))
            .limit(limit)
        )

    def get(self, recipient_id: int) -> RecipientRow:
        """Return one recipient."""
        found = self._one(select(RecipientRow).where(col(RecipientRow.id) == recipient_id))
        if found is None:
            raise NotFoundError(f"no recipient has the number {recipient_id}")
        return found

    def by_hmac(self, incident_id: int, address_hmac: str) -> RecipientRow | None:
        """Return the recipient with this address, by its HMAC, if the incident has them."""
        return self._one(
            select(RecipientRow).where(
                col(RecipientRow.incident_id) == incident_id, col(RecipientRow.address_hmac) == address_hmac
            )
        )

    def mark(self, recipient_id: int, state: str) -> RecipientRow:
        """Set what became of one recipient, such as *undeliverable*."""
        marked = self._one(
            update(RecipientRow)
            .where(col(RecipientRow.id) == recipient_id)
            .values(state=state)
            .returning(RecipientRow)
        )
        return self.get(recipient_id) if marked is None else marked

    def shred(self, incident_id: int) -> int:
        """Destroy the incident's key and everything sealed under it; return how many recipients.

        The counts, and that there was a row, stay. The caller lets the vault forget the key.
        """
        self._run(update(IncidentRow).where(col(IncidentRow.id) == incident_id).values(wrapped_key=None))
        self._run(
            update(DeliveryRow)
            .where(col(DeliveryRow.incident_id) == incident_id, col(DeliveryRow.sealed).is_not(None))
            .values(sealed=None)
        )
        return self._run(
            update(RecipientRow)
            .where(col(RecipientRow.incident_id) == incident_id, col(RecipientRow.sealed).is_not(None))
            .values(sealed=None, state="shredded")
        )

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
