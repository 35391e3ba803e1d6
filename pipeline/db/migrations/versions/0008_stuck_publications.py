"""Publications that wait for a person are told and listed; a publication knows when it was planned anew.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from pipeline.models.types import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STUCK = sa.text("error IS NOT NULL AND due_at IS NULL")
_CHECK: Final = "ck_notifications_kind"
_BEFORE: Final = "'run_failed', 'credits_low', 'site_failing', 'review_waiting', 'automation_paused', 'books_wrong'"
_AFTER: Final = (
    "'run_failed', 'credits_low', 'site_failing', 'review_waiting', 'publication_stuck', 'automation_paused', "
    "'books_wrong'"
)


def upgrade() -> None:
    # Never recreated: SQLite adds columns in place, and a copy of the table would lose its checks.
    with op.batch_alter_table("publications", recreate="never") as table:
        table.add_column(sa.Column("replanned_at", UtcDateTime(), nullable=True))
        table.create_index("ix_publications_stuck", ["site_id", "id"], sqlite_where=_STUCK, postgresql_where=_STUCK)
    _allow(_BEFORE, _AFTER)


def downgrade() -> None:
    op.execute("DELETE FROM notifications WHERE kind = 'publication_stuck'")
    _allow(_AFTER, _BEFORE)
    with op.batch_alter_table("publications", recreate="never") as table:
        table.drop_index("ix_publications_stuck")
        table.drop_column("replanned_at")


def _allow(old: str, new: str) -> None:
    """Let notifications be of other kinds."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f(_CHECK), "notifications", type_="check")
        op.create_check_constraint(op.f(_CHECK), "notifications", f"kind IN ({new})")
        return
    # SQLite's own way to change a check in place: a copy of the table would take its deliveries along when it is
    # dropped, because foreign keys cannot be switched off within a transaction.
    bind = op.get_bind()
    version = bind.exec_driver_sql("PRAGMA schema_version").scalar_one()
    bind.exec_driver_sql("PRAGMA writable_schema = ON")
    bind.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'notifications'", (old, new)
    )
    bind.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    bind.exec_driver_sql("PRAGMA writable_schema = OFF")
