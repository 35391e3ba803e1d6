"""Owns the keyword library: industries, their sectors, and keywords to begin with. It is everybody's."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import Base, Id, Instant, utc_now
from pipeline.models.types import BigId


class Industry(Base):
    """A line of business."""

    __tablename__ = "industries"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class Sector(Base):
    """A part of an industry that a site may be about."""

    __tablename__ = "sectors"
    __table_args__ = (UniqueConstraint("industry_id", "name"),)

    id: Mapped[Id]
    industry_id: Mapped[int] = mapped_column(BigId, ForeignKey("industries.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    #: When its keywords were written or imported last.
    dated_at: Mapped[datetime]
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class SeedKeyword(Base):
    """A keyword to begin with; its normalised form is unique in its sector."""

    __tablename__ = "seed_keywords"
    __table_args__ = (
        UniqueConstraint("sector_id", "normalised"),
        Index("ix_seed_keywords_listed", "sector_id", "id"),
    )

    id: Mapped[Id]
    sector_id: Mapped[int] = mapped_column(BigId, ForeignKey("sectors.id", ondelete="CASCADE"))
    text: Mapped[str] = mapped_column(String(200))
    normalised: Mapped[str] = mapped_column(String(400))
    #: Searches a month; NULL is unknown.
    volume: Mapped[int | None] = mapped_column(BigInteger)
    #: 0 to 100; NULL is unknown, never 0.
    difficulty: Mapped[int | None]
    intent: Mapped[str | None] = mapped_column(String(100))
    country: Mapped[str | None] = mapped_column(String(64))
    #: Of the set that is shipped: its figures are a guess and no measurement, so that no site is given them.
    is_example: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
