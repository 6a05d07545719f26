"""The first tables, and the triggers that keep the journal append-only."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out here and not taken from the tables of today, which go on changing.
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNFIRED = "fired_at IS NULL AND acknowledged_at IS NULL AND state <> 'cancelled'"
GENESIS = "0" * 64


def upgrade() -> None:
    _shared()
    _incidents()
    _obligations_and_steps()
    _notices_and_people()
    _journal()
    for table in ("facts", "assessment"):
        _append_only(table, "UPDATE")
    _append_only("journal", "UPDATE")
    _append_only("journal", "DELETE")
    _journal_guards()


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=null)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _at(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(), nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=True)


def _id() -> sa.Column[int]:
    return sa.Column("id", KEY, primary_key=True)


def _of(table: str, *, null: bool = False, column: str | None = None, key: bool = False) -> sa.Column[int]:
    name = column or f"{table}_id"
    return sa.Column(name, KEY, sa.ForeignKey(f"{table}.id"), nullable=null, primary_key=key)


def _index(name: str, table: str, *columns: str, where: str | None = None) -> None:
    only = None if where is None else sa.text(where)
    op.create_index(name, table, list(columns), sqlite_where=only, postgresql_where=only)


def _shared() -> None:
    op.create_table("counter", _text("name"), _number("value"), sa.PrimaryKeyConstraint("name"))
    op.create_table(
        "account",
        _id(),
        _text("name"),
        _text("person"),
        _json("roles"),
        _at("created_at"),
        _flag("disabled"),
        sa.UniqueConstraint("name"),
    )
    op.create_table("lease", _text("name"), _text("owner"), _at("until"), sa.PrimaryKeyConstraint("name"))
    op.create_table("mark", _text("name"), _json("value"), sa.PrimaryKeyConstraint("name"))


def _incidents() -> None:
    op.create_table(
        "incident",
        _id(),
        _text("ref"),
        _text("title"),
        _text("organisation_id"),
        _text("state"),
        _flag("drill"),
        _at("opened_at"),
        _text("opened_by"),
        _at("closed_at", null=True),
        _number("facts_version"),
        _number("assessment_version"),
        _bytes("wrapped_key"),
        _text("request_key", null=True),
        _json("ladder"),
        sa.UniqueConstraint("ref"),
        sa.UniqueConstraint("request_key"),
    )
    _index("ix_incident_state", "incident", "state", "id")
    op.create_table(
        "facts",
        _of("incident", key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        _at("learned_at"),
        _at("recorded_at"),
        _text("by"),
        _text("source"),
        _json("facts"),
        _json("change"),
    )
    op.create_table(
        "assessment",
        _of("incident", key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        _number("facts_version"),
        _text("lawbook_version"),
        _text("lawbook_sha256"),
        sa.Column("law_as_of", sa.Date(), nullable=False),
        _json("versions"),
        _json("result"),
        _at("assessed_at"),
    )
    op.create_table(
        "decision",
        _id(),
        _of("incident"),
        _text("subject"),
        _text("answer"),
        _text("because"),
        _text("by"),
        _text("second_by", null=True),
        _at("second_at", null=True),
        _at("at"),
        _json("proposed"),
    )
    _index("ix_decision_incident_id", "decision", "incident_id")


def _obligations_and_steps() -> None:
    op.create_table(
        "obligation",
        _id(),
        _of("incident"),
        _text("incident_ref"),
        _text("oid"),
        _text("duty"),
        _text("source_id", null=True),
        _text("kind"),
        _text("addressee_kind"),
        _text("addressee_id", null=True),
        _text("addressee_name"),
        _text("status"),
        _text("decided", null=True),
        _text("reach"),
        _text("standing"),
        _at("due_at", null=True),
        _at("provisional_due_at", null=True),
        _at("target_at", null=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        _text("zone", null=True),
        _text("cite", null=True),
        _text("confidence", null=True),
        _at("met_at", null=True),
        _text("met_by", null=True),
        _number("plan_version"),
        _at("effective_at", null=True),
        _flag("running"),
        _json("detail"),
        sa.UniqueConstraint("incident_id", "oid", name="uq_obligation"),
    )
    _index("ix_obligation_running", "obligation", "effective_at", "id", where="running")
    op.create_table(
        "step",
        _id(),
        _of("incident"),
        _text("incident_ref"),
        _text("oid"),
        _text("name"),
        _number("plan_version"),
        _at("due_at"),
        _text("state"),
        _text("claimed_by", null=True),
        _at("claimed_until", null=True),
        _at("fired_at", null=True),
        sa.Column("late_seconds", sa.Float(), nullable=True),
        _text("late_because", null=True),
        _text("acknowledged_by", null=True),
        _at("acknowledged_at", null=True),
        _json("detail"),
        sa.UniqueConstraint("incident_id", "oid", "name", "plan_version", name="uq_step"),
    )
    _index("ix_step_pending", "step", "due_at", "id", where="state = 'pending'")
    _index("ix_step_claimed", "step", "claimed_until", where="state = 'claimed'")
    _index("ix_step_unfired", "step", "due_at", where=UNFIRED)


def _notices_and_people() -> None:
    op.create_table(
        "notice",
        _id(),
        _of("incident"),
        *(_text(name) for name in ("incident_ref", "ref", "oid", "kind", "phase", "language", "state")),
        _text("subject"),
        _text("text"),
        _text("html", null=True),
        _text("sha256"),
        _json("missing"),
        _text("drafted_by"),
        _at("drafted_at"),
        _text("approved_by", null=True),
        _at("approved_at", null=True),
        _text("rejected_by", null=True),
        _text("rejected_because", null=True),
        _json("route"),
        _text("filed_as", null=True),
        _text("filed_by", null=True),
        _at("filed_at", null=True),
        _at("sent_at", null=True),
        _text("supersedes", null=True),
        _at("created_at"),
        sa.UniqueConstraint("incident_id", "ref", name="uq_notice"),
    )
    _index("ix_notice_state", "notice", "state", "id")
    op.create_table(
        "recipient_import",
        _id(),
        _of("incident"),
        _text("file_sha256"),
        *(_number(name) for name in ("accepted", "refused", "duplicates")),
        _at("at"),
        _text("by"),
        _json("refused_rows"),
    )
    _index("ix_recipient_import_incident_id", "recipient_import", "incident_id")
    op.create_table(
        "recipient",
        _id(),
        _of("incident"),
        _text("address_hmac"),
        _bytes("sealed"),
        _text("language", null=True),
        _text("place", null=True),
        _at("imported_at"),
        _of("recipient_import", null=True, column="import_id"),
        _text("state"),
        sa.UniqueConstraint("incident_id", "address_hmac", name="uq_recipient"),
    )
    _index("ix_recipient_page", "recipient", "incident_id", "id")
    op.create_table(
        "delivery",
        _id(),
        _of("notice"),
        _of("incident"),
        _of("recipient", null=True),
        _text("key"),
        _text("channel"),
        _text("state"),
        _number("attempts"),
        _text("claimed_by", null=True),
        *(_at(name, null=True) for name in ("claimed_until", "claimed_at", "retry_at", "done_at")),
        _text("provider_id", null=True),
        _json("receipt"),
        _text("bytes_sha256", null=True),
        _bytes("sealed"),
        _text("error_kind", null=True),
        _text("resolved_by", null=True),
        sa.UniqueConstraint("key"),
    )
    _index("ix_delivery_counts", "delivery", "incident_id", "state")
    _index("ix_delivery_notice", "delivery", "notice_id", "id")
    _index("ix_delivery_planned", "delivery", "id", where="state = 'planned'")
    _index("ix_delivery_planned_notice", "delivery", "notice_id", "id", where="state = 'planned'")
    _index("ix_delivery_claimed", "delivery", "claimed_until", where="state = 'claimed'")
    _index("ix_delivery_in_doubt", "delivery", "incident_id", "id", where="state = 'in-doubt'")


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", KEY, primary_key=True, autoincrement=False),
        _at("at"),
        _text("actor"),
        _text("act"),
        _text("incident_ref", null=True),
        _text("subject"),
        _text("lawbook_sha256", null=True),
        _json("payload"),
        _text("prev_hash"),
        _text("incident_prev"),
        _text("hash"),
    )
    _index("ix_journal_incident", "journal", "incident_ref", "seq")
    head = op.create_table(
        "journal_head",
        _text("name"),
        sa.Column("seq", KEY, nullable=False),
        _text("hash"),
        sa.PrimaryKeyConstraint("name"),
    )
    op.bulk_insert(head, [{"name": "", "seq": 0, "hash": GENESIS}])


def _append_only(table: str, act: str) -> None:
    """Refuse UPDATE or DELETE on a table; whoever owns the database can undo it, hence the chain."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION breach_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION breach_append_only()"
    )


def _journal_guards() -> None:
    """Refuse TRUNCATE, and entries out of line, INSERT OR REPLACE of an old one among them."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER journal_in_line BEFORE INSERT ON journal "
            "WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM journal) "
            "BEGIN SELECT RAISE(ABORT, 'journal entries stand in line'); END"
        )
        return
    op.execute(
        "CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal "
        "FOR EACH STATEMENT EXECUTE FUNCTION breach_append_only()"
    )
    op.execute(
        "CREATE FUNCTION breach_journal_in_line() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM journal) THEN "
        "RAISE EXCEPTION 'journal entries stand in line'; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER journal_in_line BEFORE INSERT ON journal "
        "FOR EACH ROW EXECUTE FUNCTION breach_journal_in_line()"
    )
