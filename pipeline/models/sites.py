"""Owns the sites of an account: where content goes and in which zone they live."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import AccountId, Base, Id, Instant, utc_now, word_check

TARGETS = ("folder", "site", "webhook")
SYNC_STATUSES = ("never", "ok", "drifted", "failing")


class Site(Base):
    """One site: its own address and credentials (plan 2.4), its zone, its health."""

    __tablename__ = "sites"
    __table_args__ = (
        word_check("target", TARGETS),
        word_check("sync_status", SYNC_STATUSES),
        Index("uq_sites_account_id_name", "account_id", "name", unique=True),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    name: Mapped[str] = mapped_column(String(100))
    #: Which kind of target its content goes to.
    target: Mapped[str] = mapped_column(String(16), default="folder")
    url: Mapped[str | None] = mapped_column(String(2_000))
    username: Mapped[str | None] = mapped_column(String(200))
    #: Encrypted; the key id stands in front.
    credentials: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: IANA name; every wall time of the site is in it.
    timezone: Mapped[str] = mapped_column(String(64))
    sync_status: Mapped[str] = mapped_column(String(16), default="never")
    last_sync_at: Mapped[datetime | None]
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
