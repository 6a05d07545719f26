"""Filings with authorities: forms, phases, their questions, and what was said before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notice", sa.Column("form", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("notice", sa.Column("facts_version", sa.Integer(), nullable=True))
    op.add_column("notice", sa.Column("scope", sa.String(), nullable=False, server_default=""))
    op.add_column("notice", sa.Column("changes", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("notice", sa.Column("attachments", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("notice", sa.Column("approvals", sa.JSON(), nullable=False, server_default="[]"))
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "explanation",
        sa.Column("id", key, primary_key=True),
        sa.Column("incident_id", key, sa.ForeignKey("incident.id"), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("now", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("because", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_explanation_incident_id", "explanation", ["incident_id"])
    op.create_table(
        "attachment",
        sa.Column("id", key, primary_key=True),
        sa.Column("notice_id", key, sa.ForeignKey("notice.id"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_attachment_notice_id", "attachment", ["notice_id"])
    op.create_table(
        "sent_copy",
        sa.Column("delivery_id", key, sa.ForeignKey("delivery.id"), primary_key=True),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
