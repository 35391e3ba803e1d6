"""Owns the secret addresses under which calendars are read by programs that send no key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import AccountId, Base, Id, Instant, utc_now
from pipeline.models.types import BigId


class CalendarFeed(Base):
    """The one feed of a site; whoever knows its token reads the calendar and nothing else."""

    __tablename__ = "calendar_feeds"
    __table_args__ = (UniqueConstraint("site_id"), UniqueConstraint("token_hash"))

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[int] = mapped_column(BigId, ForeignKey("sites.id", ondelete="CASCADE"))
    #: SHA-256 of the token, in hexadecimal digits: what it is found by.
    token_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
    #: A key that expires made it, and it ends with the key; NULL: it stays.
    ends_at: Mapped[datetime | None]
