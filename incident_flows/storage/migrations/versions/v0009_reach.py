"""Letters in several wordings, people behind guardians, second addresses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("notice", sa.Column("variants", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("letter_batch", sa.Column("address", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("recipient_block", sa.Column("guarded", sa.Integer(), nullable=True))
    op.create_table(
        "letter_second",
        sa.Column("notice_id", key, sa.ForeignKey("notice.id"), primary_key=True, autoincrement=False),
        sa.Column("number", key, primary_key=True, autoincrement=False),
        sa.Column("incident_id", key, sa.ForeignKey("incident.id"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=True),
    )
    due = sa.text("state = 'due'")
    op.create_index(
        "ix_letter_second_due", "letter_second", ["notice_id", "number"], sqlite_where=due, postgresql_where=due
    )
    op.create_index("ix_letter_second_incident_id", "letter_second", ["incident_id"])
