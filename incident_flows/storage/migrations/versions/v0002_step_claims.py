"""How often a step was claimed: a second claim means that whoever held the first one died with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("step", sa.Column("claims", sa.Integer(), nullable=False, server_default="0"))
