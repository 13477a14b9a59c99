"""Alembic's environment: runs the revisions on the connection that ``ivr.store.schema`` has locked."""

from __future__ import annotations

from alembic import context

from ivr.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # on SQLite too, so that a failed migration is rolled back
)
with context.begin_transaction():
    context.run_migrations()
