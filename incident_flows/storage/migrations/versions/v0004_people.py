"""People in packed blocks, letters in packed batches, and what became of each."""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


_DELIVERY = (
    ("ix_delivery_counts", ["incident_id", "state"], None),
    ("ix_delivery_notice", ["notice_id", "id"], None),
    ("ix_delivery_planned", ["id"], "state = 'planned'"),
    ("ix_delivery_planned_notice", ["notice_id", "id"], "state = 'planned'"),
    ("ix_delivery_claimed", ["claimed_until"], "state = 'claimed'"),
    ("ix_delivery_in_doubt", ["incident_id", "id"], "state = 'in-doubt'"),
)


def upgrade() -> None:
    _people()
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
        _text("state"), _flag("replaced"), _number("progress"), _number("attempts"),
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


def _people() -> None:
    """Blocks of people in place of a row each; rows there are move over, still sealed one by one."""
    import_id = sa.Column("import_id", KEY, sa.ForeignKey("recipient_import.id"), nullable=True)
    block = op.create_table(
        "recipient_block",
        _of_key("incident"), _key("first"), _number("count"), import_id,
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
    )  # fmt: skip
    op.create_table(
        "recipient_exception",
        _of_key("incident"), _key("number"), _text("state"), _at("at", null=False),
        sa.Column("detail", sa.JSON(), nullable=False),
    )  # fmt: skip
    op.create_index("ix_recipient_exception_state", "recipient_exception", ["incident_id", "state", "number"])
    op.add_column("delivery", sa.Column("person", sa.Integer(), nullable=True))
    _move_deliveries(_move_people(block))
    for name, _, _ in _DELIVERY:
        op.drop_index(name, "delivery")
    with op.batch_alter_table("delivery") as delivery:
        delivery.drop_column("recipient_id")
    for name, columns, where in _DELIVERY:  # in this order: SQLite takes the newest of those that fit
        only = None if where is None else sa.text(where)
        op.create_index(name, "delivery", columns, sqlite_where=only, postgresql_where=only)
    op.drop_table("recipient")


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, KEY, primary_key=True, autoincrement=False)


def _of_key(table: str) -> sa.Column[int]:
    return sa.Column(f"{table}_id", KEY, sa.ForeignKey(f"{table}.id"), primary_key=True, autoincrement=False)


def _move_people(block: sa.Table) -> dict[int, int]:
    """Pack each incident's recipients, in the order they came; return their numbers by their old ids.

    The keys are not at hand, so each stays sealed as it was: a list of [language, place, sealed] in JSON
    after a byte 0, by which a reader tells it from what the vault sealed whole.
    """
    connection, numbers, counts = op.get_bind(), dict[int, int](), Counter[int]()
    rows: list[Any] = []
    statement = sa.text("SELECT * FROM recipient ORDER BY incident_id, id")
    for row in connection.execute(statement).mappings():
        if rows and (len(rows) == 1000 or _origin(rows[0]) != _origin(row)):
            _store_block(block, rows, counts[rows[0]["incident_id"]] - len(rows))
            rows = []
        numbers[row["id"]] = counts[row["incident_id"]]
        counts[row["incident_id"]] += 1
        rows.append(row)
        if row["state"] not in ("imported", "shredded"):
            connection.execute(
                sa.text(
                    "INSERT INTO recipient_exception (incident_id, number, state, at, detail) "
                    "SELECT incident_id, :number, state, imported_at, '{}' FROM recipient WHERE id = :id"
                ),
                {"number": numbers[row["id"]], "id": row["id"]},
            )
    if rows:
        _store_block(block, rows, counts[rows[0]["incident_id"]] - len(rows))
    return numbers


def _origin(row: Any) -> tuple[Any, ...]:
    return row["incident_id"], row["import_id"], row["sealed"] is None


def _store_block(block: sa.Table, rows: list[Any], first: int) -> None:
    people = [
        [row["language"], row["place"], base64.b64encode(bytes(row["sealed"])).decode()]
        for row in rows
        if row["sealed"] is not None
    ]
    summary = Counter((row["language"], row["place"]) for row in rows)
    op.get_bind().execute(
        block.insert().values(
            incident_id=rows[0]["incident_id"],
            first=first,
            count=len(rows),
            import_id=rows[0]["import_id"],
            sealed=b"\0" + json.dumps(people).encode() if people else None,
            digests=b"".join(bytes.fromhex(row["address_hmac"])[:16] for row in rows),
            summary=[[language, place, count] for (language, place), count in summary.items()],
        )
    )


def _move_deliveries(numbers: dict[int, int]) -> None:
    """Point deliveries to people by number; their keys say so, so that no letter is planned a second time."""
    connection = op.get_bind()
    statement = sa.text("SELECT id, key, recipient_id FROM delivery WHERE recipient_id IS NOT NULL")
    changed = []
    for row in connection.execute(statement):
        start, _, way = row.key.rpartition("/")
        number = numbers[row.recipient_id]
        changed.append({"id": row.id, "person": number, "key": f"{start.rpartition('/')[0]}/p{number}/{way}"})
    if changed:
        connection.execute(
            sa.text("UPDATE delivery SET person = :person, key = :key WHERE id = :id"), changed
        )
