"""What became of letters: events of the provider as they came, and states by batch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "event_inbox",
        sa.Column("id", key, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "letter_fate",
        sa.Column("batch_id", key, sa.ForeignKey("letter_batch.id"), primary_key=True, autoincrement=False),
        sa.Column("incident_id", key, sa.ForeignKey("incident.id"), nullable=False),
        sa.Column("notice_id", key, sa.ForeignKey("notice.id"), nullable=False),
        sa.Column("states", sa.LargeBinary(), nullable=False),
        sa.Column("seen", sa.LargeBinary(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("repeated", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_letter_fate_incident_id", "letter_fate", ["incident_id"])
    op.create_index("ix_letter_fate_notice_id", "letter_fate", ["notice_id"])
