"""Author profiles; in which status contents were deleted; feeds and webhooks that end with a key; webhooks count on.

Revision ID: 0017
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.models.types import BigId, UtcDateTime

revision = "0017"
down_revision = "0013"
branch_labels = None
depends_on = None

_SETTINGS = "igny8_site_ai_automation_settings"
_PROFILE = "content_author_profile_id"
_THERE = sa.text("deleted_at IS NULL")
_DELETED = sa.text("deleted_at IS NOT NULL")
_HAS_PROFILE = sa.text(f"{_PROFILE} IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "author_profiles",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("text", sa.String(2_000), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_author_profiles_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_author_profiles")),
        sqlite_autoincrement=True,
    )
    _partial("uq_author_profiles_account_id_name", "author_profiles", ["account_id", "name"], _THERE, unique=True)
    _partial("ix_author_profiles_deleted_at", "author_profiles", ["deleted_at"], _DELETED)
    kind = BigId.compile(op.get_bind().dialect)
    # In one statement, so that SQLite takes the reference without a copy of the table.
    op.execute(
        f"ALTER TABLE {_SETTINGS} ADD COLUMN {_PROFILE} {kind} "
        f"CONSTRAINT fk_{_SETTINGS}_{_PROFILE} REFERENCES author_profiles (id)"
    )
    _partial("ix_site_settings_author_profile", _SETTINGS, [_PROFILE], _HAS_PROFILE)
    # "Factory" is no zone any more that a site may have; its clocks are UTC's.
    for table, column in (("sites", "timezone"), ("site_calendars", "zone"), ("calendar_slots", "zone")):
        op.execute(f"UPDATE {table} SET {column} = 'UTC' WHERE {column} = 'Factory'")
    op.execute("DELETE FROM user_settings WHERE key = 'timezone' AND CAST(value AS TEXT) = '\"Factory\"'")
    op.add_column("contents", sa.Column("deleted_as", sa.String(32), nullable=True))
    op.add_column("calendar_feeds", sa.Column("ends_at", UtcDateTime(), nullable=True))
    op.add_column("webhooks", sa.Column("ends_at", UtcDateTime(), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        _count_webhooks_on(auto=True)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _count_webhooks_on(auto=False)
    op.drop_column("webhooks", "ends_at")
    op.drop_column("calendar_feeds", "ends_at")
    op.drop_column("contents", "deleted_as")
    op.drop_index("ix_site_settings_author_profile", _SETTINGS)
    op.drop_column(_SETTINGS, _PROFILE)
    op.drop_table("author_profiles")


def _count_webhooks_on(*, auto: bool) -> None:
    """Make SQLite's table of webhooks anew. Dropping the old one takes their deliveries along: these are kept beside."""
    op.execute("CREATE TEMPORARY TABLE kept_deliveries AS SELECT * FROM deliveries")
    with op.batch_alter_table("webhooks", recreate="always", table_kwargs={"sqlite_autoincrement": auto}):
        pass
    op.execute("DELETE FROM deliveries")
    op.execute("INSERT INTO deliveries SELECT * FROM kept_deliveries")
    op.execute("DROP TABLE kept_deliveries")


def _partial(name: str, table: str, columns: list[str], where: sa.TextClause, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
