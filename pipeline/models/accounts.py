"""Owns accounts and the people in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import AccountId, Amount, Base, Id, Instant, utc_now, word_check
from pipeline.models.types import BigId

ROLES = ("owner", "editor", "viewer")


class Account(Base):
    """A customer: the tenant every other row belongs to, with its credits."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("balance >= 0", name="balance"), CheckConstraint("held >= 0", name="held"))

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(100), unique=True)
    #: Micro-credits: the sum of its entries.
    balance: Mapped[Amount] = mapped_column(default=0)
    #: Micro-credits: the sum of its open holds.
    held: Mapped[Amount] = mapped_column(default=0)
    #: What limits its sites and people; NULL: nothing does.
    plan_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("plans.id"))
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class User(Base):
    """A person of an account."""

    __tablename__ = "users"
    __table_args__ = (word_check("role", ROLES), Index("ix_users_account_id", "account_id"))

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(16))
    #: Whether the whole installation is theirs: providers, models, every account.
    is_platform_admin: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Whether only the sites in `site_access` are there for them.
    is_narrowed: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Argon2id, with its parameters in front; NULL: no password was set, nobody logs in.
    password_hash: Mapped[str | None] = mapped_column(String(200))
    #: Since when they are not let in; NULL: they are.
    disabled_at: Mapped[datetime | None]
    last_log_in_at: Mapped[datetime | None]
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
