"""What is kept about filings beside their text: explanations, attachments, copies of the bytes sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select
from sqlmodel import col

from incident_flows.storage.rows import Noun
from incident_flows.storage.tables_filing import AttachmentRow, ExplanationRow, SentCopyRow


class Filings(Noun):
    """Explanations by incident, attachments by notice, copies by delivery."""

    def explain(
        self, ref: str, *, key: str, before: str, now: str, notice: str, because: str, by: str, at: datetime
    ) -> None:
        """Store why a later filing says `now` where `notice` said `before` (both as JSON)."""
        self._run(
            insert(ExplanationRow).values(
                incident_id=self._incident_id(ref),
                key=key,
                before=before,
                now=now,
                notice=notice,
                because=because,
                by=by,
                at=at,
            )
        )

    def explanations(self, ref: str) -> Sequence[ExplanationRow]:
        """Return all explanations of an incident, in the order they were given."""
        return self._all(
            select(ExplanationRow)
            .where(col(ExplanationRow.incident_id) == self._incident_id(ref))
            .order_by(col(ExplanationRow.id))
        )

    def attach(self, notice_id: int, *, name: str, sha256: str, sealed: bytes) -> None:
        """Store a sealed file with a notice."""
        self._run(
            insert(AttachmentRow).values(notice_id=notice_id, name=name, sha256=sha256, sealed=sealed)
        )

    def attachments(self, notice_id: int) -> Sequence[AttachmentRow]:
        """Return the files of a notice, in the order they were added."""
        return self._all(
            select(AttachmentRow)
            .where(col(AttachmentRow.notice_id) == notice_id)
            .order_by(col(AttachmentRow.id))
        )

    def keep_copy(self, delivery_id: int, *, sha256: str, sealed: bytes, at: datetime) -> None:
        """Store the bytes handed over for a delivery; those of the first acceptance stay."""
        self._insert_new(
            SentCopyRow, [{"delivery_id": delivery_id, "sha256": sha256, "sealed": sealed, "at": at}]
        )

    def copy(self, delivery_id: int) -> SentCopyRow | None:
        """Return the bytes kept for a delivery, if any."""
        return self._one(select(SentCopyRow).where(col(SentCopyRow.delivery_id) == delivery_id))
