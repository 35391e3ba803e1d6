"""Owns which sites somebody is narrowed down to: rows count only where the user or the key says that it is."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import AccountId, Base, Id
from pipeline.models.types import BigId


class SiteAccess(Base):
    """One site that a user or a key reaches."""

    __tablename__ = "site_access"
    __table_args__ = (
        CheckConstraint("(user_id IS NULL) <> (api_key_id IS NULL)", name="holder"),
        UniqueConstraint("user_id", "site_id"),
        UniqueConstraint("api_key_id", "site_id"),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    api_key_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("api_keys.id", ondelete="CASCADE"))
    site_id: Mapped[int] = mapped_column(BigId, ForeignKey("sites.id", ondelete="CASCADE"), index=True)
