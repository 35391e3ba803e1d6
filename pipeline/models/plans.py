"""Owns what accounts are offered: plans with their limits, and packages of credits. Nothing is paid here."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import Amount, Base, Id, Instant, utc_now


class Plan(Base):
    """What an account may have: sites and people, up to so many."""

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint("price_cents >= 0", name="price_cents"),
        CheckConstraint("most_sites > 0 AND most_people > 0", name="limits"),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(100), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    #: A month, in hundredths of the currency; NULL: it is not told.
    price_cents: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3), default="USD")
    #: NULL: as many as they want.
    most_sites: Mapped[int | None]
    most_people: Mapped[int | None]
    #: Whether it is shown and may be given; who has it keeps it.
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class CreditPackage(Base):
    """So many credits at a price; whoever runs the installation books them."""

    __tablename__ = "credit_packages"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("price_cents >= 0", name="price_cents"),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(100), unique=True)
    #: Micro-credits.
    amount: Mapped[Amount]
    price_cents: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3), default="USD")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
