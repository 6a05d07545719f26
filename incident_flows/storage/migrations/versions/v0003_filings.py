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
