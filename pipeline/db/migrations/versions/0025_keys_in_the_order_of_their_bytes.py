"""Keys of keywords, clusters, ideas and articles are in the order of their bytes: found by how they begin.

SQLite's are already. PostgreSQL makes the unique indexes anew, and no row.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_KEYS = (
    ("keywords", "normalised", 400),
    ("clusters", "normalised", 400),
    ("ideas", "normalised_title", 600),
    ("contents", "normalised_title", 600),
)


def upgrade() -> None:
    _collate("C")


def downgrade() -> None:
    _collate(None)


def _collate(collation: str | None) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, column, length in _KEYS:
        op.alter_column(table, column, type_=sa.String(length, collation=collation), existing_nullable=False)
