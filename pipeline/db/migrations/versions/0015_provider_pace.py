"""Providers have a pace that all workers keep, and a breaker for each of their models.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.models.types import UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_PROVIDERS = "integration_providers"


def upgrade() -> None:
    op.add_column(_PROVIDERS, sa.Column("requests_per_minute", sa.Integer(), nullable=True))
    op.add_column(_PROVIDERS, sa.Column("tokens_per_minute", sa.BigInteger(), nullable=True))
    op.add_column(_PROVIDERS, sa.Column("next_call_us", sa.BigInteger(), nullable=True))
    op.create_table(
        "provider_breakers",
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.Column("open_until", UtcDateTime(), nullable=True),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("probing_until", UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("failures >= 0 AND openings >= 0", name=op.f("ck_provider_breakers_counts")),
        sa.PrimaryKeyConstraint("provider", "model", name=op.f("pk_provider_breakers")),
    )


def downgrade() -> None:
    op.drop_table("provider_breakers")
    op.drop_column(_PROVIDERS, "next_call_us")
    op.drop_column(_PROVIDERS, "tokens_per_minute")
    op.drop_column(_PROVIDERS, "requests_per_minute")
