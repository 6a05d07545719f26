"""Tokens of programs, and requests named by a key with the answers they got."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from incident_flows.storage.migrations import KNOWN

revision = "0008"
down_revision = KNOWN[KNOWN.index(revision) - 1]
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    at = sa.DateTime(timezone=True)
    op.create_table(
        "token",
        sa.Column("id", key, primary_key=True),
        sa.Column("ref", sa.String(), nullable=False, unique=True),
        sa.Column("sha256", sa.String(), nullable=False, unique=True),
        sa.Column("account_id", key, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", at, nullable=False),
        sa.Column("expires_at", at, nullable=False),
        sa.Column("used_at", at, nullable=True),
        sa.Column("revoked_at", at, nullable=True),
        sa.Column("revoked_by", sa.String(), nullable=True),
    )
    op.create_index("ix_token_account", "token", ["account_id", "id"])
    op.create_table(
        "named_request",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("claim", sa.String(), nullable=False),
        sa.Column("claimed_until", at, nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", at, nullable=False),
    )
    op.create_index("ix_named_request_expires_at", "named_request", ["expires_at"])
