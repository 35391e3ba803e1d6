"""What a model takes and gives: temperature, JSON schema, the name and the most of its answer's tokens.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_CHECKS = {
    "max_tokens_name": "max_tokens_name IN ('max_completion_tokens', 'max_tokens')",
    "output_token_limit": "output_token_limit > 0",
}
_COLUMNS = ("has_temperature", "has_json_schema", "max_tokens_name", "output_token_limit")


def upgrade() -> None:
    for name in ("has_temperature", "has_json_schema"):
        op.add_column("ai_models", sa.Column(name, sa.Boolean(), server_default=sa.true(), nullable=False))
    # With its check in one statement, so that SQLite takes both without a copy of the table.
    named = "VARCHAR(32) DEFAULT 'max_completion_tokens' NOT NULL"
    op.execute(f"ALTER TABLE ai_models ADD COLUMN max_tokens_name {named} {_check('max_tokens_name')}")
    op.execute(f"ALTER TABLE ai_models ADD COLUMN output_token_limit INTEGER {_check('output_token_limit')}")


def downgrade() -> None:
    with op.batch_alter_table("ai_models") as table:
        for name in _CHECKS:
            table.drop_constraint(op.f(f"ck_ai_models_{name}"), type_="check")
        for name in _COLUMNS:
            table.drop_column(name)


def _check(name: str) -> str:
    return f"CONSTRAINT ck_ai_models_{name} CHECK ({_CHECKS[name]})"
