"""Tables about filings: explanations of what differs between them, attachments, and copies of what was sent."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from incident_flows.storage.columns import BIG_KEY, belongs_to, big_key, instant


class ExplanationRow(SQLModel, table=True):
    """Why one filing says another thing than an earlier one; appended, never changed.

    Attributes:
        key: What they speak of, such as people.total.
        before: What `notice` said, as JSON.
        now: What the later one says, as JSON.
    """

    __tablename__ = "explanation"
    id: int = big_key()
    incident_id: int = belongs_to("incident", index=True)
    key: str
    before: str
    now: str
    notice: str
    because: str
    by: str
    at: datetime = instant()


class AttachmentRow(SQLModel, table=True):
    """A file that goes with a notice, sealed like everything that may hold personal data."""

    __tablename__ = "attachment"
    id: int = big_key()
    notice_id: int = belongs_to("notice", index=True)
    name: str
    sha256: str
    sealed: bytes


class SentCopyRow(SQLModel, table=True):
    """The exact bytes handed to a provider for one delivery, sealed; their hash stands in the receipt."""

    __tablename__ = "sent_copy"
    delivery_id: int = Field(primary_key=True, foreign_key="delivery.id", sa_type=BIG_KEY)
    sha256: str
    sealed: bytes
    at: datetime = instant()
