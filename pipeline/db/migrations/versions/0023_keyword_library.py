"""Industries, sectors, and keywords to begin with.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.models.types import BigId, UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "industries",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_industries")),
        sa.UniqueConstraint("name", name=op.f("uq_industries_name")),
    )
    op.create_table(
        "sectors",
        sa.Column("id", BigId, nullable=False),
        sa.Column("industry_id", BigId, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("dated_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["industry_id"], ["industries.id"], name=op.f("fk_sectors_industry_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sectors")),
        sa.UniqueConstraint("industry_id", "name", name=op.f("uq_sectors_industry_id_name")),
    )
    op.create_table(
        "seed_keywords",
        sa.Column("id", BigId, nullable=False),
        sa.Column("sector_id", BigId, nullable=False),
        sa.Column("text", sa.String(200), nullable=False),
        sa.Column("normalised", sa.String(400), nullable=False),
        sa.Column("volume", sa.BigInteger(), nullable=True),
        sa.Column("difficulty", sa.Integer(), nullable=True),
        sa.Column("intent", sa.String(100), nullable=True),
        sa.Column("country", sa.String(64), nullable=True),
        sa.Column("is_example", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sector_id"], ["sectors.id"], name=op.f("fk_seed_keywords_sector_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seed_keywords")),
        sa.UniqueConstraint("sector_id", "normalised", name=op.f("uq_seed_keywords_sector_id_normalised")),
    )
    op.create_index("ix_seed_keywords_listed", "seed_keywords", ["sector_id", "id"])


def downgrade() -> None:
    op.drop_table("seed_keywords")
    op.drop_table("sectors")
    op.drop_table("industries")
