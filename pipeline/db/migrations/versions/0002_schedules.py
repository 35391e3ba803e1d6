"""Schedules start runs: the run that waits, the pause, the failures in a row.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import pipeline.models.types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLE = "igny8_site_ai_automation_settings"
_QUEUED = sa.text("queued_for IS NOT NULL")
_INDEX = "ix_site_settings_queued_for"


def upgrade() -> None:
    # Never recreated: SQLite adds columns in place, and a copy of the table would lose its checks.
    with op.batch_alter_table(_TABLE, recreate="never") as table:
        table.add_column(sa.Column("queued_for", pipeline.models.types.UtcDateTime(), nullable=True))
        table.add_column(sa.Column("paused_at", pipeline.models.types.UtcDateTime(), nullable=True))
        table.add_column(sa.Column("paused_reason", sa.Text(), nullable=True))
        table.add_column(sa.Column("failed_in_a_row", sa.Integer(), server_default=sa.text("0"), nullable=False))
        table.create_index(_INDEX, ["queued_for"], unique=False, sqlite_where=_QUEUED, postgresql_where=_QUEUED)


def downgrade() -> None:
    with op.batch_alter_table(_TABLE, recreate="never") as table:
        table.drop_index(_INDEX)
        for name in ("failed_in_a_row", "paused_reason", "paused_at", "queued_for"):
            table.drop_column(name)
