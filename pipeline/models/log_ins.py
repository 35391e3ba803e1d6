"""Owns how people are known from one request to the next: log-ins, second factors, how often a password was tried."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import AccountId, Base, Id, Instant, utc_now
from pipeline.models.types import BigId, Encrypted


class LogIn(Base):
    """A person who logged in, by the token in their browser's cookie; the token itself is kept nowhere."""

    __tablename__ = "log_ins"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    #: SHA-256 of the token, in hexadecimal digits: what it is found by.
    token_hash: Mapped[str] = mapped_column(String(64))
    #: To the minute.
    last_seen_at: Mapped[Instant]
    #: From then on it is over, however much it was used.
    expires_at: Mapped[Instant] = mapped_column(index=True)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class LogInAttempts(Base):
    """How often a password was tried for one e-mail address, whether anybody has it or not."""

    __tablename__ = "log_in_attempts"

    #: SHA-256 of the address, in hexadecimal digits.
    email_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: The first attempt that counts.
    since: Mapped[Instant] = mapped_column(index=True)
    count: Mapped[int]


class SecondFactor(Base):
    """An app of a person that shows one-time codes; one a person."""

    __tablename__ = "second_factors"
    __table_args__ = (UniqueConstraint("user_id"),)

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    secret: Mapped[bytes] = mapped_column(Encrypted)
    #: Since when it is asked for; NULL: no code has shown yet that the app has the secret.
    confirmed_at: Mapped[datetime | None]
    #: Of the last code that was taken: none is taken twice, and no older one.
    last_step: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class RecoveryCode(Base):
    """A code that opens once, in place of a one-time code."""

    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    #: SHA-256 of the code, in hexadecimal digits.
    code_hash: Mapped[str] = mapped_column(String(64))
    #: NULL: it still opens.
    used_at: Mapped[datetime | None]
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
