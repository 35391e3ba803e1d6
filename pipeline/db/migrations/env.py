"""Alembic's entry: runs the scripts on the connection that `pipeline.db.migrate` hands over. Batch mode for SQLite."""

from __future__ import annotations

from alembic import context

from pipeline.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
