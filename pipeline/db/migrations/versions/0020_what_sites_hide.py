"""What a site hides is told from what is deleted there; when a site last said that a draft is ours.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from pipeline.models.types import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

#: Table and column of a word, and the words before and after.
_WORDS: Final = (
    ("publications", "drift", "'deleted', 'edited'", "'deleted', 'unpublished', 'edited'"),
    (
        "sync_events",
        "kind",
        "'failing', 'recovered', 'deleted', 'edited', 'back'",
        "'failing', 'recovered', 'deleted', 'unpublished', 'edited', 'back'",
    ),
)


def upgrade() -> None:
    op.add_column("publications", sa.Column("seen_at", UtcDateTime(), nullable=True))
    for table, column, before, after in _WORDS:
        _allow(table, column, before, after)


def downgrade() -> None:
    for table, column, before, after in _WORDS:
        op.execute(f"UPDATE {table} SET {column} = 'deleted' WHERE {column} = 'unpublished'")  # noqa: S608 - no input
        _allow(table, column, after, before)
    op.drop_column("publications", "seen_at")


def _allow(table: str, column: str, old: str, new: str) -> None:
    """Let a column be one of other words."""
    if op.get_bind().dialect.name != "sqlite":
        check = op.f(f"ck_{table}_{column}")
        op.drop_constraint(check, table, type_="check")
        op.create_check_constraint(check, table, f"{column} IN ({new})")
        return
    # SQLite's own way to change a check in place (see 0008).
    bind = op.get_bind()
    version = bind.exec_driver_sql("PRAGMA schema_version").scalar_one()
    bind.exec_driver_sql("PRAGMA writable_schema = ON")
    bind.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = ?",
        (f"{column} IN ({old})", f"{column} IN ({new})", table),
    )
    bind.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema = OFF")
