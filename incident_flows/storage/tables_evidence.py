"""The table of evidence: what was handed in about an incident, sealed as it came."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from incident_flows.storage.columns import belongs_to, big_key, instant, json_list, json_object


class EvidenceRow(SQLModel, table=True):
    """One thing handed in, such as an alert; the same bytes under the same key are kept once."""

    __tablename__ = "evidence"
    __table_args__ = (UniqueConstraint("incident_id", "source", "key", "sha256", name="uq_evidence"),)
    id: int = big_key()
    incident_id: int = belongs_to("incident")
    source: str
    key: str
    sha256: str
    sealed: bytes | None = None  # None once shredded
    asks: dict[str, Any] = json_object()
    unused: list[Any] = json_list()
    at: datetime = instant()
    by: str = Field()
