"""What people are told: notifications, webhooks, deliveries; what was found at sites; how far housekeeping has come.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from pipeline.core.alerts import NotificationKind
from pipeline.core.states import DeliveryStatus
from pipeline.models.types import BigId, Status, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_CHECKED = sa.text("next_check_at IS NOT NULL")
_DRIFTED = sa.text("drift IS NOT NULL")
_OPEN = sa.text("ended_at IS NULL")
_UNREAD = sa.text("read_at IS NULL")
_DUE = sa.text("due_at IS NOT NULL")
#: Sites that are there are looked at within the first hour, so many parts of it at once.
_PARTS = 60


def upgrade() -> None:
    _sites()
    _publications()
    _sync_events()
    _notifications()
    _webhooks()
    _deliveries()
    op.create_table(
        "housekeeping_positions",
        sa.Column("walk", sa.String(length=64), nullable=False),
        sa.Column("position", BigId, nullable=False),
        sa.PrimaryKeyConstraint("walk", name=op.f("pk_housekeeping_positions")),
    )


def downgrade() -> None:
    for name in ("housekeeping_positions", "deliveries", "webhooks", "notifications", "sync_events"):
        op.drop_table(name)
    op.drop_index("ix_publications_drift", table_name="publications")
    op.execute("ALTER TABLE publications DROP COLUMN drift")
    with op.batch_alter_table("sites", recreate="never") as table:
        table.drop_index("ix_sites_next_check_at")
        for name in ("check_position", "check_lease_until", "next_check_at", "sync_error"):
            table.drop_column(name)


def _sites() -> None:
    # Never recreated: SQLite adds columns in place, and a copy of the table would lose its checks.
    with op.batch_alter_table("sites", recreate="never") as table:
        table.add_column(sa.Column("sync_error", sa.Text(), nullable=True))
        table.add_column(sa.Column("next_check_at", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("check_lease_until", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("check_position", BigId, server_default=sa.text("0"), nullable=False))
        table.create_index(
            "ix_sites_next_check_at", ["next_check_at"], sqlite_where=_CHECKED, postgresql_where=_CHECKED
        )
    sites = sa.table("sites", sa.column("id", BigId), sa.column("next_check_at", UtcDateTime()))
    now = datetime.now(UTC)
    for part in range(_PARTS):
        due_at = now + timedelta(hours=1) * part / _PARTS
        op.execute(sa.update(sites).where(sites.c.id % _PARTS == part).values(next_check_at=due_at))


def _publications() -> None:
    # In one statement, so that SQLite takes column and check without a copy of the table.
    op.execute(
        "ALTER TABLE publications ADD COLUMN drift VARCHAR(16) "
        "CONSTRAINT ck_publications_drift CHECK (drift IN ('deleted', 'edited'))"
    )
    op.create_index(
        "ix_publications_drift", "publications", ["site_id"], sqlite_where=_DRIFTED, postgresql_where=_DRIFTED
    )


def _sync_events() -> None:
    op.create_table(
        "sync_events",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("site_id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("content_id", BigId, nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('failing', 'recovered', 'deleted', 'edited', 'back')", name=op.f("ck_sync_events_kind")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sync_events_account_id")),
        sa.ForeignKeyConstraint(
            ["content_id"], ["contents.id"], name=op.f("fk_sync_events_content_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_sync_events_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_events")),
    )
    op.create_index(op.f("ix_sync_events_account_id"), "sync_events", ["account_id"])
    op.create_index("ix_sync_events_site_id_at", "sync_events", ["site_id", "at"])


def _notifications() -> None:
    kinds = "'run_failed', 'credits_low', 'site_failing', 'review_waiting', 'automation_paused', 'books_wrong'"
    op.create_table(
        "notifications",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=True),
        sa.Column("kind", Status(NotificationKind), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=False),
        sa.Column("subject_id", BigId, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(f"kind IN ({kinds})", name=op.f("ck_notifications_kind")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_notifications_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.create_index(op.f("ix_notifications_account_id"), "notifications", ["account_id"])
    op.create_index("ix_notifications_created_at", "notifications", ["created_at"])
    op.create_index(
        "ix_notifications_unread", "notifications", ["account_id", "id"], sqlite_where=_UNREAD, postgresql_where=_UNREAD
    )
    op.create_index(
        "uq_notifications_open", "notifications", ["key"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    )


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("kinds", _JSON, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_webhooks_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sa.UniqueConstraint("account_id", "url", name=op.f("uq_webhooks_account_id_url")),
    )
    op.create_index(op.f("ix_webhooks_account_id"), "webhooks", ["account_id"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", BigId, nullable=False),
        sa.Column("notification_id", BigId, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("webhook_id", BigId, nullable=True),
        sa.Column("user_id", BigId, nullable=True),
        sa.Column("public_id", sa.String(length=36), nullable=False),
        sa.Column("status", Status(DeliveryStatus), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("ticket", sa.Integer(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_answer", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("channel IN ('webhook', 'email')", name=op.f("ck_deliveries_channel")),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'given_up')", name=op.f("ck_deliveries_status")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_deliveries_account_id")),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notifications.id"],
            name=op.f("fk_deliveries_notification_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_deliveries_user_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_deliveries_webhook_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("public_id", name=op.f("uq_deliveries_public_id")),
    )
    for name in ("account_id", "notification_id", "webhook_id"):
        op.create_index(op.f(f"ix_deliveries_{name}"), "deliveries", [name])
    op.create_index("ix_deliveries_due_at", "deliveries", ["due_at"], sqlite_where=_DUE, postgresql_where=_DUE)
