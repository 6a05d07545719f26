"""People an earlier version stored a row each are found again, in blocks, and no letter is planned twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from incident_flows.services import people
from incident_flows.services.desk import Desk
from incident_flows.services.letters import numbers_of
from incident_flows.storage import database as door
from incident_flows.storage.database import Database
from incident_flows.storage.vault import Vault

AT = "2026-11-20 12:00:00.000000"


def _upgrade_to(database: Database, version: str) -> None:
    from alembic import command
    from alembic.config import Config

    with database._writer.connect() as connection, connection.begin():
        config = Config()
        config.set_main_option("script_location", str(Path(door.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def _insert(connection: Any, table: str, **values: Any) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(f":{name}" for name in values)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)


@pytest.fixture
def before(empty_database_url: str, open_database: Callable[..., Database]) -> Database:
    """Return a database as the version before left it."""
    database = open_database(empty_database_url)
    if database._is_sqlite:
        database._make_file()
    _upgrade_to(database, "0003")
    return database


def test_people_stored_one_by_one_move_into_blocks(before: Database) -> None:
    vault = Vault(b"k" * 32)
    keys = [vault.new_incident_key(), vault.new_incident_key()]
    with before._writer.connect() as connection, connection.begin():
        for number, key in enumerate(keys, start=1):
            _insert(
                connection, "incident", id=number, ref=f"INC-2026-000{number}", title="t", organisation_id="o",
                state="open", drill=False, opened_at=AT, opened_by="ana", facts_version=0,
                assessment_version=0, wrapped_key=key, ladder="{}",
            )  # fmt: skip
        for number in range(1, 2506):
            incident = 2 if number % 2 == 0 and number <= 10 else 1
            address = f"person-{number}@people.example"
            _insert(
                connection, "recipient", id=number, incident_id=incident,
                address_hmac=vault.address_hmac(keys[incident - 1], address),
                sealed=vault.seal(
                    keys[incident - 1], f"INC-2026-000{incident}", "recipient",
                    json.dumps({"email": address, "name": None}).encode(),
                ),
                language="es", place="ES", imported_at=AT, import_id=None,
                state="undeliverable" if number == 4 else "imported",
            )  # fmt: skip
        _insert(
            connection, "notice", id=1, incident_id=1, incident_ref="INC-2026-0001", ref="N-0001", oid="x",
            kind="people", phase="initial", language="es", state="sending", subject="s", text="t", sha256="ab",
            missing="[]", drafted_by="ana", drafted_at=AT, route="{}", created_at=AT,
        )  # fmt: skip
        for recipient in (11, None):
            _insert(
                connection, "delivery", id=recipient or 1, notice_id=1, incident_id=1, recipient_id=recipient,
                key=f"INC-2026-0001/N-0001/ab/{recipient or 'addressee'}/mail", channel="smtp",
                state="sent", attempts=1, receipt="{}",
            )  # fmt: skip
    _upgrade_to(before, "head")
    desk = Desk(database=before, library=None, vault=vault, channel=None)  # type: ignore[arg-type]
    found = {
        ref: [one for block in people.blocks(desk, ref) for one in block.people]
        for ref in ("INC-2026-0001", "INC-2026-0002")
    }
    assert [one.email for one in found["INC-2026-0002"]] == [
        f"person-{number}@people.example" for number in (2, 4, 6, 8, 10)
    ]
    assert [one.number for one in found["INC-2026-0001"]] == list(range(2500))
    assert found["INC-2026-0001"][5].email == "person-11@people.example"
    assert (found["INC-2026-0001"][5].language, found["INC-2026-0001"][5].place) == ("es", "ES")
    with before.read() as tx:
        sent = tx.deliveries.get(11)
        assert (sent.person, sent.key, sent.state) == (5, "INC-2026-0001/N-0001/ab/p5/mail", "sent")
        assert tx.deliveries.get(1).key == "INC-2026-0001/N-0001/ab/addressee/mail"
        digest = vault.address_digest(keys[0], "PERSON-2505@people.example")
        assert tx.people.find(1, digest) == 2499
        assert [(row.number, row.state) for row in tx.people.exceptions(2)] == [(1, "undeliverable")]


def test_what_is_in_a_batch_of_letters_moves_out_of_its_row(before: Database) -> None:
    _upgrade_to(before, "0009")
    with before._writer.connect() as connection, connection.begin():
        _insert(
            connection, "incident", id=1, ref="INC-2026-0001", title="t", organisation_id="o", state="open",
            drill=False, opened_at=AT, opened_by="ana", facts_version=0, assessment_version=0, wrapped_key=b"k",
            ladder="{}",
        )  # fmt: skip
        _insert(
            connection, "notice", id=1, incident_id=1, incident_ref="INC-2026-0001", ref="N-0001", oid="x",
            kind="people", phase="initial", language="es", state="sending", subject="s", text="t", sha256="ab",
            missing="[]", drafted_by="ana", drafted_at=AT, route="{}", created_at=AT,
        )  # fmt: skip
        for nonce, sealed in (("kept", b"letters"), ("gone", None)):
            _insert(
                connection, "letter_batch", notice_id=1, incident_id=1, wave=1, variant="es", seed=False, count=1,
                numbers=b"\7\0\0\0", template_sha256="ab", sealed=sealed, form="sendgrid", state="planned",
                replaced=False, progress=0, attempts=0, unknowns=0, nonce=nonce,
            )  # fmt: skip
    _upgrade_to(before, "head")
    with before.read() as tx:
        assert (tx.letters.body("kept"), tx.letters.body("gone")) == (b"letters", None)
        rows = tx.letters.page(1)
        assert [(row.nonce, row.state, numbers_of(row.numbers)) for row in rows] == [
            ("kept", "planned", [7]), ("gone", "planned", [7])
        ]  # fmt: skip
