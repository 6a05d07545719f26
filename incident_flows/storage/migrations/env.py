"""Runs migrations on the connection, and in the transaction, that `Database.migrate` holds."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # SQLite too: a migration that is killed leaves nothing behind
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
