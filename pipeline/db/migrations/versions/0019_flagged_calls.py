"""Calls that went otherwise than they should are found without looking at all others.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_FLAGGED = sa.text("(flags <> '[]' OR status = 'lost')")


def upgrade() -> None:
    op.create_index(
        "ix_ai_calls_flagged",
        "ai_calls",
        ["account_id", "resolved_at"],
        sqlite_where=_FLAGGED,
        postgresql_where=_FLAGGED,
    )


def downgrade() -> None:
    op.drop_index("ix_ai_calls_flagged", table_name="ai_calls")
