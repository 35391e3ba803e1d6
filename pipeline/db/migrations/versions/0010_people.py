"""People: passwords, log-ins, access by site, platform admins; the secret addresses of calendars.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.models.types import BigId, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_HOLDERS = ("users", "api_keys")


def upgrade() -> None:
    for holder in _HOLDERS:
        with op.batch_alter_table(holder, recreate="never") as table:
            table.add_column(_no("is_platform_admin"))
            table.add_column(_no("is_narrowed"))
    with op.batch_alter_table("users", recreate="never") as table:
        table.add_column(sa.Column("password_hash", sa.String(200), nullable=True))
        table.add_column(sa.Column("disabled_at", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("last_log_in_at", UtcDateTime(), nullable=True))
    # Whoever made the installation runs it.
    op.execute("UPDATE users SET is_platform_admin = true WHERE email = 'owner@localhost' AND role = 'owner'")
    _log_ins()
    _site_access()
    _calendar_feeds()


def downgrade() -> None:
    for name in ("calendar_feeds", "site_access", "log_in_attempts", "log_ins"):
        op.drop_table(name)
    with op.batch_alter_table("users", recreate="never") as table:
        for name in ("last_log_in_at", "disabled_at", "password_hash"):
            table.drop_column(name)
    for holder in _HOLDERS:
        with op.batch_alter_table(holder, recreate="never") as table:
            table.drop_column("is_narrowed")
            table.drop_column("is_platform_admin")


def _no(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, UtcDateTime(), nullable=False)


def _id(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, BigId, nullable=nullable)


def _reference(table: str, column: str, to: str, *, cascade: bool = True) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=name, ondelete="CASCADE" if cascade else None)


def _log_ins() -> None:
    op.create_table(
        "log_ins",
        _id("id"),
        _id("account_id"),
        _id("user_id"),
        sa.Column("token_hash", sa.String(64), nullable=False),
        _instant("last_seen_at"),
        _instant("expires_at"),
        _instant("created_at"),
        _reference("log_ins", "account_id", "accounts", cascade=False),
        _reference("log_ins", "user_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_ins")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_log_ins_token_hash")),
    )
    for column in ("user_id", "expires_at"):
        op.create_index(op.f(f"ix_log_ins_{column}"), "log_ins", [column])
    op.create_table(
        "log_in_attempts",
        sa.Column("email_hash", sa.String(64), nullable=False),
        _instant("since"),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("email_hash", name=op.f("pk_log_in_attempts")),
    )
    op.create_index(op.f("ix_log_in_attempts_since"), "log_in_attempts", ["since"])


def _site_access() -> None:
    op.create_table(
        "site_access",
        _id("id"),
        _id("account_id"),
        _id("user_id", nullable=True),
        _id("api_key_id", nullable=True),
        _id("site_id"),
        sa.CheckConstraint("(user_id IS NULL) <> (api_key_id IS NULL)", name=op.f("ck_site_access_holder")),
        _reference("site_access", "account_id", "accounts", cascade=False),
        _reference("site_access", "user_id", "users"),
        _reference("site_access", "api_key_id", "api_keys"),
        _reference("site_access", "site_id", "sites"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_access")),
        sa.UniqueConstraint("user_id", "site_id", name=op.f("uq_site_access_user_id_site_id")),
        sa.UniqueConstraint("api_key_id", "site_id", name=op.f("uq_site_access_api_key_id_site_id")),
    )
    op.create_index(op.f("ix_site_access_site_id"), "site_access", ["site_id"])


def _calendar_feeds() -> None:
    op.create_table(
        "calendar_feeds",
        _id("id"),
        _id("account_id"),
        _id("site_id"),
        sa.Column("token_hash", sa.String(64), nullable=False),
        _instant("created_at"),
        _reference("calendar_feeds", "account_id", "accounts", cascade=False),
        _reference("calendar_feeds", "site_id", "sites"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feeds")),
        sa.UniqueConstraint("site_id", name=op.f("uq_calendar_feeds_site_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_calendar_feeds_token_hash")),
    )
