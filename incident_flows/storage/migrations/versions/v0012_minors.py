"""How many minors of a block of people have no guardian on the list; None in blocks stored before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("recipient_block", sa.Column("alone", sa.Integer(), nullable=True))
    op.execute("UPDATE recipient_block SET guarded = NULL WHERE guarded = 0")  # minors without one were not among them
