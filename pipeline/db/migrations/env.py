"""Alembic's entry: runs the scripts on the connection that `pipeline.db.migrate` hands over. Batch mode for SQLite."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy.dialects.postgresql import JSONB

from pipeline.models import Base
from pipeline.models.types import Status, UtcDateTime


def _written(kind: str, item: Any, _autogenerate: Any) -> str | Literal[False]:
    """How a new script writes our column types: plainly, so that it means the same for ever."""
    if kind != "type":
        return False
    if isinstance(item, UtcDateTime):
        return "pipeline.models.types.UtcDateTime()"
    if isinstance(item, Status):
        return "sa.String(length=32)"
    return "postgresql.JSONB()" if isinstance(item, JSONB) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=_written,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
