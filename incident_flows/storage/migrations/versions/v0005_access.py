"""Who signs in, with what, and which program may call which verb."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    at = sa.DateTime(timezone=True)
    op.create_table(
        "credential",
        sa.Column("account_id", key, sa.ForeignKey("account.id"), primary_key=True, autoincrement=False),
        sa.Column("password", sa.String(), nullable=True),
        sa.Column("second", sa.LargeBinary(), nullable=True),
        sa.Column("second_step", key, nullable=False),
        sa.Column("recovery", sa.JSON(), nullable=False),
        sa.Column("changed_at", at, nullable=False),
    )
    op.create_table(
        "subject",
        sa.Column("account_id", key, sa.ForeignKey("account.id"), primary_key=True, autoincrement=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("at", at, nullable=False),
        sa.UniqueConstraint("issuer", "subject", name="uq_subject"),
    )
    op.create_table(
        "session",
        sa.Column("id", key, primary_key=True),
        sa.Column("sha256", sa.String(), nullable=False, unique=True),
        sa.Column("account_id", key, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("created_at", at, nullable=False),
        sa.Column("seen_at", at, nullable=False),
        sa.Column("expires_at", at, nullable=False),
        sa.Column("device", sa.String(), nullable=False),
    )
    op.create_index("ix_session_account", "session", ["account_id", "id"])
    op.create_table(
        "link",
        sa.Column("id", key, primary_key=True),
        sa.Column("sha256", sa.String(), nullable=False, unique=True),
        sa.Column("account_id", key, sa.ForeignKey("account.id"), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("created_at", at, nullable=False),
        sa.Column("expires_at", at, nullable=True),
        sa.Column("used_at", at, nullable=True),
    )
    op.create_index("ix_link_account", "link", ["account_id", "purpose"])
    op.create_table(
        "tried",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", at, nullable=False),
        sa.Column("until", at, nullable=False),
    )
    op.create_table(
        "report",
        sa.Column("id", key, primary_key=True),
        sa.Column("ref", sa.String(), nullable=False, unique=True),
        sa.Column("received_at", at, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("incident_ref", sa.String(), nullable=True),
        sa.Column("handled_by", sa.String(), nullable=True),
        sa.Column("handled_at", at, nullable=True),
        sa.Column("because", sa.String(), nullable=True),
    )
    op.create_index("ix_report_state", "report", ["state", "id"])
