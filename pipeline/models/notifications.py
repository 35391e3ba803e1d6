"""Owns what people are told: notifications, the webhooks that want them, and each of their deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.core.alerts import NotificationKind
from pipeline.core.states import DeliveryStatus
from pipeline.models.base import AccountId, Base, Id, Instant, Json, status_check, utc_now, word_check
from pipeline.models.types import BigId, Encrypted, Status

CHANNELS = ("webhook", "email")
_OPEN = text("ended_at IS NULL")
_UNREAD = text("read_at IS NULL")
_DUE = text("due_at IS NOT NULL")


class Notification(Base):
    """One alert: what is wrong or waits, and what to do. While a state lasts, it has one."""

    __tablename__ = "notifications"
    __table_args__ = (
        status_check(NotificationKind, "kind"),
        Index("uq_notifications_open", "key", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_notifications_unread", "account_id", "id", sqlite_where=_UNREAD, postgresql_where=_UNREAD),
        Index("ix_notifications_created_at", "created_at"),
    )

    id: Mapped[Id]
    #: NULL: for whoever runs the installation.
    account_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("accounts.id"), index=True)
    kind: Mapped[NotificationKind] = mapped_column(Status(NotificationKind))
    #: The state it tells of: `site_failing:7`. Of one key at most one is open.
    key: Mapped[str] = mapped_column(String(100))
    #: What a person may look at: a run, a site, a content, an account.
    subject_kind: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(BigId)
    message: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
    read_at: Mapped[datetime | None]
    #: When the state was over; NULL: it lasts, and is not told again.
    ended_at: Mapped[datetime | None]


class Webhook(Base):
    """An address of an account that wants notifications of some kinds."""

    __tablename__ = "webhooks"
    #: No id is ever given twice: whoever still names one that is gone meets nobody else's.
    __table_args__ = (UniqueConstraint("account_id", "url"), {"sqlite_autoincrement": True})

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    url: Mapped[str] = mapped_column(String(2_000))
    #: What signs each delivery; encrypted, the key id in front.
    secret: Mapped[bytes] = mapped_column(Encrypted)
    #: `NotificationKind`s.
    kinds: Mapped[list[Any]] = mapped_column(Json)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
    #: A key that expires made it, and it ends with the key; NULL: it stays.
    ends_at: Mapped[datetime | None]


class Delivery(Base):
    """One notification on its way over one channel: at least once, always under the same id."""

    __tablename__ = "deliveries"
    __table_args__ = (
        status_check(DeliveryStatus),
        word_check("channel", CHANNELS),
        Index("ix_deliveries_due_at", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    notification_id: Mapped[int] = mapped_column(BigId, ForeignKey("notifications.id", ondelete="CASCADE"), index=True)
    channel: Mapped[str] = mapped_column(String(16))
    webhook_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("webhooks.id", ondelete="CASCADE"), index=True)
    #: Whose address an e-mail goes to.
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    #: What the receiver knows a repetition by.
    public_id: Mapped[str] = mapped_column(String(36), unique=True)
    status: Mapped[DeliveryStatus] = mapped_column(Status(DeliveryStatus), default=DeliveryStatus.PENDING)
    #: When its task is sent (again); NULL: nothing is to be done.
    due_at: Mapped[datetime | None]
    sends: Mapped[int] = mapped_column(default=0)
    #: Raised by every claim; only the holder of the last one may write what came of it.
    ticket: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    #: What the receiver said last, or why it could not be asked.
    last_answer: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
    delivered_at: Mapped[datetime | None]
