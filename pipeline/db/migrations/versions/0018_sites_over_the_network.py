"""Sites that are reached over the network: what is known of one, its category, its titles, the sum of a post.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.models.types import UtcDateTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("sites", sa.Column("category", sa.String(200), nullable=True))
    op.add_column("publications", sa.Column("imprint", sa.String(64), nullable=True))
    op.create_table(
        "site_notes",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("site_id", _ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("value", sa.String(200), nullable=False),
        sa.Column("url", sa.String(2_000), nullable=True),
        sa.Column("content_id", _ID, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("kind IN ('tag', 'category', 'image', 'speech')", name=op.f("ck_site_notes_kind")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_site_notes_account_id")),
        sa.ForeignKeyConstraint(
            ["content_id"], ["contents.id"], name=op.f("fk_site_notes_content_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_site_notes_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_notes")),
        sa.UniqueConstraint("site_id", "kind", "key", name=op.f("uq_site_notes_site_id_kind_key")),
    )
    op.create_index("ix_site_notes_content_id", "site_notes", ["content_id"])
    op.create_table(
        "site_titles",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("site_id", _ID, nullable=False),
        sa.Column("remote_id", sa.String(64), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("normalised_title", sa.String(600), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_site_titles_account_id")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_site_titles_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_titles")),
        sa.UniqueConstraint("site_id", "remote_id", name=op.f("uq_site_titles_site_id_remote_id")),
    )
    op.create_index("ix_site_titles_normalised_title", "site_titles", ["site_id", "normalised_title"])


def downgrade() -> None:
    op.drop_table("site_titles")
    op.drop_table("site_notes")
    op.drop_column("publications", "imprint")
    op.drop_column("sites", "category")
