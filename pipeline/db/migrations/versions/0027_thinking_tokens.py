"""How many tokens a model may think before it writes; none of those that are there.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

#: An older program asks for the answer alone, as it did before.
breaks_older = False


def upgrade() -> None:
    # With its check in one statement, so that SQLite takes both without a copy of the table.
    check = sa.CheckConstraint("thinking_tokens >= 0", name=op.f("ck_ai_models_thinking_tokens"))
    op.add_column(
        "ai_models", sa.Column("thinking_tokens", sa.Integer(), check, server_default=sa.text("0"), nullable=False)
    )


def downgrade() -> None:
    with op.batch_alter_table("ai_models") as table:
        table.drop_constraint(op.f("ck_ai_models_thinking_tokens"), type_="check")
        table.drop_column("thinking_tokens")
