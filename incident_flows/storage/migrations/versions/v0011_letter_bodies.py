"""What is in a batch of letters, apart from how far it is: the latter changes twice a batch, the former never."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "letter_body",
        sa.Column("nonce", sa.String(), primary_key=True),
        sa.Column("incident_id", key, sa.ForeignKey("incident.id"), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_letter_body_incident_id", "letter_body", ["incident_id"])
    op.execute(
        "INSERT INTO letter_body (nonce, incident_id, sealed) "
        "SELECT nonce, incident_id, sealed FROM letter_batch WHERE sealed IS NOT NULL"
    )
    op.drop_column("letter_batch", "sealed")
