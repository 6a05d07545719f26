"""The migrated tables are the declared ones, and what runs in a tick is answered by its index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import SQLModel

from incident_flows.storage import migrations
from incident_flows.storage.database import Database, Tx
from incident_flows.storage.tables import IncidentRow


def test_the_migrations_make_the_declared_tables(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_every_migration_is_known_and_they_stand_in_one_line() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    known = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(known)) == migrations.KNOWN
    assert scripts.get_heads() == [migrations.HEAD]


HOUR = timedelta(hours=1)
IN_A_TICK: dict[str, Callable[[Tx, datetime], object]] = {
    "ix_step_pending": lambda tx, now: tx.steps.claim(now, "w", HOUR, 10),
    "ix_step_claimed": lambda tx, now: tx.steps.claim(now, "w", HOUR, 10),
    "ix_step_unfired": lambda tx, now: tx.steps.due_unfired(now, HOUR),
    "ix_step_pending ": lambda tx, now: tx.steps.next_due(),
    "ix_step_pending  ": lambda tx, now: tx.steps.upcoming(),
    "ix_obligation_running": lambda tx, now: tx.obligations.open_clocks(),
    "ix_delivery_planned": lambda tx, now: tx.deliveries.claim(None, "w", now, HOUR, 10),
    "ix_delivery_planned_notice": lambda tx, now: tx.deliveries.claim(1, "w", now, HOUR, 10),
    "ix_delivery_claimed": lambda tx, now: tx.deliveries.leftovers(now),
    "ix_delivery_in_doubt": lambda tx, now: tx.deliveries.in_doubt(),
    "ix_notice_state": lambda tx, now: tx.notices.in_state("approved"),
    "ix_incident_state": lambda tx, now: tx.incidents.list("open"),
}


@pytest.mark.parametrize("index", IN_A_TICK)
def test_a_tick_reads_only_what_is_still_to_do(
    database: Database, incident: IncidentRow, noon: datetime, index: str
) -> None:
    with database.write() as tx:
        with _statements(database) as executed:
            IN_A_TICK[index](tx, noon)
        plans = [_plan_of(tx, statement, parameters) for statement, parameters in executed]
    assert any(index.strip() in plan.split() for plan in plans), "\n\n".join(plans)
    for plan in plans:
        assert "SCAN step\n" not in plan


@contextmanager
def _statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    executed: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        executed.append((statement, parameters))

    event.listen(database._engine, "before_cursor_execute", note)
    yield executed
    event.remove(database._engine, "before_cursor_execute", note)


def _plan_of(tx: Tx, statement: str, parameters: Any) -> str:
    connection = tx.steps._session.connection()
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return "\n".join(row[3] for row in rows) + "\n"
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the tables are empty, so it would scan
    connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
    connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
    return "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
