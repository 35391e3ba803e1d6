"""People move what stands on a calendar, and take it back: the queue's order, a slot's zone rules, undo records.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations
from sqlalchemy.dialects import postgresql

import pipeline.models.types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_APPROVED = sa.text("status = 'approved'")
_OPEN = sa.text("undone_at IS NULL")
_QUEUE = "ix_contents_to_schedule"
_FILL = """
UPDATE calendar_slots SET
    zone = coalesce((SELECT made.zone FROM site_calendars AS made WHERE made.site_id = calendar_slots.site_id), ''),
    tzdata = coalesce((SELECT made.tzdata FROM site_calendars AS made WHERE made.site_id = calendar_slots.site_id), '')
"""


def upgrade() -> None:
    _upgrade_calendars()
    # Never recreated: SQLite adds columns in place, and a copy of the table would lose its checks.
    with op.batch_alter_table("contents", recreate="never") as table:
        table.add_column(sa.Column("queue_position", sa.Integer(), server_default=sa.text("0"), nullable=False))
        table.drop_index(_QUEUE)
        _queue_index(table, ["site_id", "queue_position", "approved_at", "id"])
    op.create_table(
        "undo_records",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("site_id", _ID, nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("moves", _JSON, nullable=False),
        sa.Column("rules", _JSON, nullable=True),
        sa.Column("at", pipeline.models.types.UtcDateTime(), nullable=False),
        sa.Column("undone_at", pipeline.models.types.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "action IN ('moved', 'pinned', 'unpinned', 'swapped', 'unscheduled', 'scheduled', 'changed')",
            name=op.f("ck_undo_records_action"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_undo_records_account_id")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_undo_records_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_undo_records")),
    )
    op.create_index(op.f("ix_undo_records_account_id"), "undo_records", ["account_id"])
    op.create_index(
        "ix_undo_records_open", "undo_records", ["site_id", "id"], sqlite_where=_OPEN, postgresql_where=_OPEN
    )


def downgrade() -> None:
    op.drop_table("undo_records")
    with op.batch_alter_table("contents", recreate="never") as table:
        table.drop_index(_QUEUE)
        _queue_index(table, ["site_id", "approved_at", "id"])
        table.drop_column("queue_position")
    op.drop_index("ix_site_calendars_tzdata", "site_calendars")
    with op.batch_alter_table("calendar_slots", recreate="never") as table:
        table.drop_column("tzdata")
        table.drop_column("zone")


def _upgrade_calendars() -> None:
    with op.batch_alter_table("calendar_slots", recreate="never") as table:
        table.add_column(sa.Column("zone", sa.String(length=64), server_default=sa.text("''"), nullable=False))
        table.add_column(sa.Column("tzdata", sa.String(length=32), server_default=sa.text("''"), nullable=False))
    op.execute(_FILL)
    op.create_index("ix_site_calendars_tzdata", "site_calendars", ["tzdata"])


def _queue_index(table: BatchOperations, columns: list[str]) -> None:
    table.create_index(_QUEUE, columns, unique=False, sqlite_where=_APPROVED, postgresql_where=_APPROVED)
