"""What calls were asked with and what a credit was worth, for reports; indexes of reports and metrics; prompts.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.models.types import BigId, UtcDateTime

revision = "0012"
down_revision = "0011"
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
        ["account_id", "resolved_at", *_REPORTED],
        sqlite_where=_RESOLVED,
        postgresql_where=_RESOLVED,
    )
    op.create_index(
        "ix_credit_entries_refunds",
        "credit_entries",
        ["account_id", "created_at"],
        sqlite_where=_REFUND,
        postgresql_where=_REFUND,
    )
    op.create_index("ix_runs_status", "runs", ["status"])
    op.create_index("ix_publications_status", "publications", ["status"])
    _prompts()


def _prompts() -> None:
    op.create_table(
        "prompts",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("site_id", BigId, nullable=True),
        sa.Column("stage_key", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_prompts_account_id")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_prompts_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompts")),
    )
    for name, column, where in (
        ("uq_prompts_account", "account_id", sa.text("site_id IS NULL")),
        ("uq_prompts_site", "site_id", sa.text("site_id IS NOT NULL")),
    ):
        columns = [column, "stage_key", "version"]
        op.create_index(name, "prompts", columns, unique=True, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_table("prompts")
    op.drop_index("ix_publications_status", table_name="publications")
    op.drop_index("ix_runs_status", table_name="runs")
    op.drop_index("ix_credit_entries_refunds", table_name="credit_entries")
    op.drop_index("ix_ai_calls_resolved", table_name="ai_calls")
    with op.batch_alter_table("ai_calls", recreate="never") as table:
        for name in ("credit_value_microdollars", "is_testing", "model"):
            table.drop_column(name)
