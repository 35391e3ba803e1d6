"""Plans, which an account may have one of, and packages of credits.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.models.types import BigId, UtcDateTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plans",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("price_cents", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("most_sites", sa.Integer(), nullable=True),
        sa.Column("most_people", sa.Integer(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("price_cents >= 0", name=op.f("ck_plans_price_cents")),
        sa.CheckConstraint("most_sites > 0 AND most_people > 0", name=op.f("ck_plans_limits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("name", name=op.f("uq_plans_name")),
    )
    op.create_table(
        "credit_packages",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("price_cents", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_credit_packages_amount")),
        sa.CheckConstraint("price_cents >= 0", name=op.f("ck_credit_packages_price_cents")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_packages")),
        sa.UniqueConstraint("name", name=op.f("uq_credit_packages_name")),
    )
    kind = BigId.compile(op.get_bind().dialect)
    # In one statement, so that SQLite takes the reference without a copy of the table.
    op.execute(f"ALTER TABLE accounts ADD COLUMN plan_id {kind} CONSTRAINT fk_accounts_plan_id REFERENCES plans (id)")


def downgrade() -> None:
    op.drop_column("accounts", "plan_id")
    op.drop_table("credit_packages")
    op.drop_table("plans")
