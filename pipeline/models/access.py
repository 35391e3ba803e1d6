"""Owns how programs reach an account: API keys, and the requests that were done once already."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.accounts import ROLES
from pipeline.models.base import AccountId, Base, Id, Instant, Json, utc_now, word_check
from pipeline.models.types import BigId


class ApiKey(Base):
    """What a program sends to be known; the key itself is shown once and kept nowhere."""

    __tablename__ = "api_keys"
    __table_args__ = (
        word_check("role", ROLES),
        UniqueConstraint("key_hash"),
        Index("ix_api_keys_account_id", "account_id"),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    #: Whose it is; NULL: the account's own.
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("users.id"), index=True)
    #: What people call it.
    name: Mapped[str] = mapped_column(String(100), default="")
    #: How it begins, so that people tell their keys apart.
    prefix: Mapped[str] = mapped_column(String(16))
    #: SHA-256 of the key, in hexadecimal digits: what it is found by.
    key_hash: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    #: Whether the whole installation is within its reach: providers, models, every account.
    is_platform_admin: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Whether only the sites in `site_access` are there for it.
    is_narrowed: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Parts of the API it is narrowed down to; empty: none is left out.
    scopes: Mapped[list[Any]] = mapped_column(Json, default=list)
    #: From then on it is refused; NULL: never.
    expires_at: Mapped[datetime | None]
    #: To the minute.
    last_used_at: Mapped[datetime | None]
    #: Since when it is refused; NULL: it is not.
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class IdempotencyKey(Base):
    """A request that was done, by the key its sender gave it, with its answer: sent again, it gets the same one."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("account_id", "key"),)

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    key: Mapped[str] = mapped_column(String(255))
    #: SHA-256 of what was asked for: the same key for something else is a mistake.
    request_hash: Mapped[str] = mapped_column(String(64))
    response: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
