"""Owns author profiles: who seems to write the articles of an account's sites."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import AccountId, Base, Id, Instant, utc_now

_THERE = text("deleted_at IS NULL")
_DELETED = text("deleted_at IS NOT NULL")


class AuthorProfile(Base):
    """An author of an account, whom any of its sites may write as."""

    __tablename__ = "author_profiles"
    __table_args__ = (
        Index(
            "uq_author_profiles_account_id_name",
            "account_id",
            "name",
            unique=True,
            sqlite_where=_THERE,
            postgresql_where=_THERE,
        ),
        Index("ix_author_profiles_deleted_at", "deleted_at", sqlite_where=_DELETED, postgresql_where=_DELETED),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    name: Mapped[str] = mapped_column(String(100))
    #: Voice, experience, point of view: as wide as `content.author_profile`, where sites keep it.
    text: Mapped[str] = mapped_column(String(2_000))
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
    updated_at: Mapped[Instant] = mapped_column(default=utc_now)
    #: A person deleted it; for 30 days it can be restored.
    deleted_at: Mapped[datetime | None]
