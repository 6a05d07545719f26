"""Tables about getting in: secrets of accounts, sessions, links, what was tried, and what strangers report.

Nothing here lets anybody in who reads it: passwords are stretched, links and sessions stand as their SHA-256,
the seed of the second factor is sealed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from incident_flows.storage.columns import BIG_KEY, belongs_to, big_key, instant, json_list, maybe_instant


class CredentialRow(SQLModel, table=True):
    """What an account proves itself with.

    Attributes:
        password: As argon2 writes it; None while none was chosen.
        second: The sealed seed of the second factor; None while there is none.
        second_step: The last step of 30 seconds whose code was taken; no code is taken twice.
        recovery: SHA-256 of the recovery codes left.
    """

    __tablename__ = "credential"
    account_id: int = Field(
        primary_key=True, foreign_key="account.id", sa_type=BIG_KEY, sa_column_kwargs={"autoincrement": False}
    )
    password: str | None = None
    second: bytes | None = None
    second_step: int = Field(default=0, sa_type=BIG_KEY)
    recovery: list[Any] = json_list()
    changed_at: datetime = instant()


class SubjectRow(SQLModel, table=True):
    """A natural person as a company's sign-on knows them, and the one account that is theirs."""

    __tablename__ = "subject"
    __table_args__ = (UniqueConstraint("issuer", "subject", name="uq_subject"),)
    account_id: int = Field(
        primary_key=True, foreign_key="account.id", sa_type=BIG_KEY, sa_column_kwargs={"autoincrement": False}
    )
    issuer: str
    subject: str
    at: datetime = instant()


class SessionRow(SQLModel, table=True):
    """One browser that is signed in, or half-way there.

    Attributes:
        sha256: Of the cookie.
        stage: full, or what is still to be shown: second (a code) or enrol (a second factor to set up).
        device: What the browser called itself, cut short.
    """

    __tablename__ = "session"
    __table_args__ = (Index("ix_session_account", "account_id", "id"),)
    id: int = big_key()
    sha256: str = Field(unique=True)
    account_id: int = belongs_to("account")
    stage: str
    created_at: datetime = instant()
    seen_at: datetime = instant()
    expires_at: datetime = instant()
    device: str = ""


class LinkRow(SQLModel, table=True):
    """A secret address of one account: to set it up, once; or its calendar, until revoked."""

    __tablename__ = "link"
    __table_args__ = (Index("ix_link_account", "account_id", "purpose"),)
    id: int = big_key()
    sha256: str = Field(unique=True)
    account_id: int = belongs_to("account")
    purpose: str
    created_at: datetime = instant()
    expires_at: datetime | None = maybe_instant()
    used_at: datetime | None = maybe_instant()


class TriedRow(SQLModel, table=True):
    """How often something was tried within one stretch of time; the name is hashed, so it holds no address."""

    __tablename__ = "tried"
    name: str = Field(primary_key=True)
    count: int
    since: datetime = instant()
    until: datetime = instant()


class ReportRow(SQLModel, table=True):
    """What somebody reported without signing in; sealed, until a handler makes an incident of it or not."""

    __tablename__ = "report"
    __table_args__ = (Index("ix_report_state", "state", "id"),)
    id: int = big_key()
    ref: str = Field(unique=True)
    received_at: datetime = instant()
    wrapped_key: bytes | None = None
    sealed: bytes | None = None
    state: str = "new"
    incident_ref: str | None = None
    handled_by: str | None = None
    handled_at: datetime | None = maybe_instant()
    because: str | None = None
