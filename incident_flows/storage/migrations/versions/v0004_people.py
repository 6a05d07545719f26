"""People in packed blocks, letters in packed batches, and what became of each."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _letters()


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=null)


def _number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=null)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _at(name: str, *, null: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def _of(table: str) -> sa.Column[int]:
    return sa.Column(f"{table}_id", KEY, sa.ForeignKey(f"{table}.id"), nullable=False)


def _letters() -> None:
    op.create_table(
        "letter_run",
        sa.Column("notice_id", KEY, sa.ForeignKey("notice.id"), primary_key=True, autoincrement=False),
        _of("incident"), _text("list_sha256"), _number("listed"), _text("approved_by"),
        _at("approved_at", null=False), _text("mode", null=True), _text("switch"), _text("because", null=True),
        _text("tag", null=True), _number("people", null=True), _number("packed_until"), _number("wave"),
        _at("started_at"), _at("resume_at"), sa.Column("detail", sa.JSON(), nullable=False),
    )  # fmt: skip
    op.create_index("ix_letter_run_incident_id", "letter_run", ["incident_id"])
    op.create_table(
        "letter_batch",
        sa.Column("id", KEY, primary_key=True), _of("notice"), _of("incident"), _number("wave"), _text("variant"),
        _flag("seed"), _number("count"), sa.Column("numbers", sa.LargeBinary(), nullable=False),
        _text("template_sha256"), sa.Column("sealed", sa.LargeBinary(), nullable=True), _text("form"),
        _text("state"), _flag("replaced"), _number("apart"), _number("progress"), _number("attempts"),
        _number("unknowns"), _text("nonce"), _text("channel", null=True), _text("batch_id", null=True),
        _at("send_at"), _text("x_message_id", null=True), _text("error_kind", null=True),
        _text("claimed_by", null=True), _at("claimed_at"), _at("retry_at"), _at("done_at"),
        _text("resolved_by", null=True), sa.UniqueConstraint("nonce"),
    )  # fmt: skip
    op.create_index("ix_letter_batch_counts", "letter_batch", ["incident_id", "notice_id", "state"])
    op.create_index("ix_letter_batch_claimed_at", "letter_batch", ["claimed_at"])
    for name, columns, where in (
        ("ix_letter_batch_planned", ["notice_id", "wave", "id"], "state = 'planned'"),
        ("ix_letter_batch_open", ["notice_id", "id"], "state in ('claimed', 'in-doubt', 'quarantined')"),
        ("ix_letter_batch_scheduled", ["send_at"], "state = 'accepted' AND send_at IS NOT NULL"),
    ):
        op.create_index(
            name, "letter_batch", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
