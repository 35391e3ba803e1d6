"""What calls were asked with and what a credit was worth, for reports; indexes of reports, ledger and metrics.

Revision ID: 0011
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0007"
branch_labels = None
depends_on = None

_RESOLVED = sa.text("resolved_at IS NOT NULL")
_REFUND = sa.text("kind = 'refund'")
_REPORTED = [
    "stage_run_id",
    "model",
    "is_testing",
    "status",
    "held_amount",
    "charged_amount",
    "credit_value_microdollars",
    "cost_picodollars",
    "input_tokens",
    "output_tokens",
]
#: Of calls that are there: the model stands in their price, whether for testing in what their run froze.
_FROZEN = {
    "sqlite": """
        UPDATE ai_calls SET
            model = coalesce(json_extract(price, '$.model'), ''),
            is_testing = coalesce((
                SELECT json_extract(runs.settings, '$.site.stages."' || stage_runs.number || '".use_testing')
                FROM stage_runs JOIN runs ON runs.id = stage_runs.run_id WHERE stage_runs.id = ai_calls.stage_run_id
            ), 0)
    """,
    "postgresql": """
        UPDATE ai_calls SET
            model = coalesce(price ->> 'model', ''),
            is_testing = coalesce((
                runs.settings -> 'site' -> 'stages' -> (stage_runs.number::text) ->> 'use_testing'
            )::boolean, false)
        FROM stage_runs JOIN runs ON runs.id = stage_runs.run_id
        WHERE stage_runs.id = ai_calls.stage_run_id
    """,
}


def upgrade() -> None:
    op.add_column("ai_calls", sa.Column("model", sa.String(200), nullable=False, server_default=sa.text("''")))
    op.add_column("ai_calls", sa.Column("is_testing", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column(
        "ai_calls",
        sa.Column("credit_value_microdollars", sa.BigInteger(), nullable=False, server_default=sa.text("10000")),
    )
    op.execute(_FROZEN[op.get_bind().dialect.name])
    op.create_index(
        "ix_ai_calls_resolved",
        "ai_calls",
        ["account_id", "resolved_at"],
        sqlite_where=_RESOLVED,
        postgresql_where=_RESOLVED,
        postgresql_include=_REPORTED,
    )
    op.create_index(
        "ix_credit_entries_refunds",
        "credit_entries",
        ["account_id", "created_at"],
        sqlite_where=_REFUND,
        postgresql_where=_REFUND,
    )
    op.create_index("ix_credit_entries_account_id_id", "credit_entries", ["account_id", "id"])
    op.create_index("ix_runs_status", "runs", ["status"])
    op.create_index("ix_publications_status", "publications", ["status"])


def downgrade() -> None:
    op.drop_index("ix_publications_status", table_name="publications")
    op.drop_index("ix_runs_status", table_name="runs")
    op.drop_index("ix_credit_entries_account_id_id", table_name="credit_entries")
    op.drop_index("ix_credit_entries_refunds", table_name="credit_entries")
    op.drop_index("ix_ai_calls_resolved", table_name="ai_calls")
    with op.batch_alter_table("ai_calls", recreate="never") as table:
        for name in ("credit_value_microdollars", "is_testing", "model"):
            table.drop_column(name)
