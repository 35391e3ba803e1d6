"""Publications know which version stands on the site and whether an answer is missing; contents can be deleted.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import pipeline.models.types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_LEASED = sa.text("lease_until IS NOT NULL")
_INDEX = "ix_publications_leased"
_PLACED = """
UPDATE publications SET placed_version = (SELECT version FROM contents WHERE contents.id = publications.content_id)
WHERE status = 'published'
"""


def upgrade() -> None:
    # Never recreated: SQLite adds columns in place, and a copy of the table would lose its checks.
    with op.batch_alter_table("publications", recreate="never") as table:
        table.add_column(sa.Column("placed_version", sa.Integer(), nullable=True))
        table.add_column(sa.Column("unknown_since", pipeline.models.types.UtcDateTime(), nullable=True))
        table.create_index(
            _INDEX, ["site_id", "lease_until"], unique=False, sqlite_where=_LEASED, postgresql_where=_LEASED
        )
    with op.batch_alter_table("contents", recreate="never") as table:
        table.add_column(sa.Column("deleted_at", pipeline.models.types.UtcDateTime(), nullable=True))
    op.execute(_PLACED)


def downgrade() -> None:
    with op.batch_alter_table("contents", recreate="never") as table:
        table.drop_column("deleted_at")
    with op.batch_alter_table("publications", recreate="never") as table:
        table.drop_index(_INDEX)
        for name in ("unknown_since", "placed_version"):
            table.drop_column(name)
