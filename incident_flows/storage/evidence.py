"""Evidence of an incident: sealed as it came, found by source and key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from incident_flows.storage.rows import Noun
from incident_flows.storage.tables_evidence import EvidenceRow


class Evidence(Noun):
    """What was handed in about incidents."""

    def keep(
        self, incident_id: int, *, source: str, key: str, sha256: str, sealed: bytes, asks: dict[str, Any],
        unused: Sequence[str], at: datetime, by: str,
    ) -> bool:  # fmt: skip
        """Store one thing; False if the same bytes are there already."""
        row = {
            "incident_id": incident_id, "source": source, "key": key, "sha256": sha256, "sealed": sealed,
            "asks": asks, "unused": list(unused), "at": at, "by": by,
        }  # fmt: skip
        return bool(self._insert_new(EvidenceRow, [row]))

    def list(self, incident_id: int) -> Sequence[EvidenceRow]:
        """Return what was handed in about an incident, in order."""
        return self._all(
            select(EvidenceRow).where(col(EvidenceRow.incident_id) == incident_id).order_by(col(EvidenceRow.id))
        )
