"""What a site has is listed, deleted and restored: deleted sites and keywords, versions of contents, indexes of lists.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from pipeline.models.types import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_LISTED = ("clusters", "keywords", "ideas", "content_tasks", "contents")
_THERE = sa.text("deleted_at IS NULL")
_KEYWORD_DELETED = sa.text("deleted_at IS NOT NULL")
_SITE_DELETED = sa.text("deleted_at IS NOT NULL AND cleared_at IS NULL")


def upgrade() -> None:
    op.add_column("sites", sa.Column("deleted_at", UtcDateTime(), nullable=True))
    op.add_column("sites", sa.Column("cleared_at", UtcDateTime(), nullable=True))
    op.add_column("keywords", sa.Column("deleted_at", UtcDateTime(), nullable=True))
    _content_versions()
    for table in _LISTED:
        op.create_index(f"ix_{table}_listed", table, ["site_id", "id"])
    op.create_index("ix_keywords_of_status", "keywords", ["site_id", "status", "id"])
    _partial("ix_keywords_deleted_at", "keywords", ["deleted_at"], _KEYWORD_DELETED)
    op.drop_index("uq_sites_account_id_name", "sites")
    _partial("uq_sites_account_id_name", "sites", ["account_id", "name"], _THERE, unique=True)
    _partial("ix_sites_deleted_at", "sites", ["deleted_at"], _SITE_DELETED)


def downgrade() -> None:
    op.drop_index("ix_sites_deleted_at", "sites")
    op.drop_index("uq_sites_account_id_name", "sites")
    op.create_index("uq_sites_account_id_name", "sites", ["account_id", "name"], unique=True)
    op.drop_index("ix_keywords_deleted_at", "keywords")
    op.drop_index("ix_keywords_of_status", "keywords")
    for table in _LISTED:
        op.drop_index(f"ix_{table}_listed", table)
    op.drop_table("content_versions")
    op.drop_column("keywords", "deleted_at")
    op.drop_column("sites", "cleared_at")
    op.drop_column("sites", "deleted_at")


def _content_versions() -> None:
    op.create_table(
        "content_versions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("content_id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("slug", sa.String(200), nullable=False),
        sa.Column("meta_title", sa.String(300), nullable=False),
        sa.Column("meta_description", sa.String(500), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("tags", _JSON, nullable=False),
        sa.Column("word_count", sa.Integer(), nullable=False),
        sa.Column("replaced_by", sa.String(200), nullable=False),
        sa.Column("replaced_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_content_versions_account_id")),
        sa.ForeignKeyConstraint(
            ["content_id"], ["contents.id"], name=op.f("fk_content_versions_content_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_versions")),
        sa.UniqueConstraint("content_id", "version", name=op.f("uq_content_versions_content_id_version")),
    )


def _partial(name: str, table: str, columns: list[str], where: sa.TextClause, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
