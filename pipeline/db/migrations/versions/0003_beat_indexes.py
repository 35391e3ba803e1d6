"""Beat finds cancelled runs by an index of their own, however many runs are live.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CANCELLING = sa.text("status = 'cancelling'")


def upgrade() -> None:
    op.create_index(
        "ix_runs_cancelling", "runs", ["id"], unique=False, sqlite_where=_CANCELLING, postgresql_where=_CANCELLING
    )


def downgrade() -> None:
    op.drop_index("ix_runs_cancelling", table_name="runs")
