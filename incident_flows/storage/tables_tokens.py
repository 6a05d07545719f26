"""Tables about programs that call: their tokens, and requests named by a key with the answers they got.

A token stands as its SHA-256; an answer is sealed, for it may hold the text of a notice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from incident_flows.storage.columns import belongs_to, big_key, instant, json_list, maybe_instant


class TokenRow(SQLModel, table=True):
    """What a program shows to act as an account.

    Attributes:
        ref: How people and the journal call it, such as T-0001; no secret.
        sha256: Of the token.
        prefix: How the token begins, to recognise it by.
        scopes: Verbs it may do, where the account's roles may.
    """

    __tablename__ = "token"
    __table_args__ = (Index("ix_token_account", "account_id", "id"),)
    id: int = big_key()
    ref: str = Field(unique=True)
    sha256: str = Field(unique=True)
    account_id: int = belongs_to("account")
    name: str
    prefix: str
    scopes: list[Any] = json_list()
    created_at: datetime = instant()
    expires_at: datetime = instant()
    used_at: datetime | None = maybe_instant()
    revoked_at: datetime | None = maybe_instant()
    revoked_by: str | None = None


class NamedRequestRow(SQLModel, table=True):
    """A request that carried a key of its own, so that the same one twice is done once.

    Attributes:
        name: Keyed hash of token and key.
        request: Keyed hash of what was asked.
        claim: Who works on it, until `claimed_until`.
        answer: Sealed; None while there is none.
    """

    __tablename__ = "named_request"
    __table_args__ = (Index("ix_named_request_expires_at", "expires_at"),)
    name: str = Field(primary_key=True)
    request: str
    claim: str
    claimed_until: datetime = instant()
    answer: bytes | None = None
    expires_at: datetime = instant()
