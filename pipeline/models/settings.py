"""Owns stored settings: one row a site, key-value rows an account, one row for the system (plan 2.3.2, 2.5)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, Numeric, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import AccountId, Base, Id, Instant, Json, SiteId, utc_now, word_check
from pipeline.models.types import BigId

_WILL_RUN = text("next_run_at IS NOT NULL")
_IS_QUEUED = text("queued_for IS NOT NULL")
_HAS_PROFILE = text("content_author_profile_id IS NOT NULL")


class SiteAutomationSettings(Base):
    """The plan's SiteAIAutomationSettings: everything one site decides. Made with the site."""

    __tablename__ = "igny8_site_ai_automation_settings"
    __table_args__ = (
        UniqueConstraint("site_id"),
        word_check("automation_frequency", ("hourly", "daily", "weekly")),
        word_check("automation_overlap", ("skip", "queue")),
        Index("ix_site_settings_next_run_at", "next_run_at", sqlite_where=_WILL_RUN, postgresql_where=_WILL_RUN),
        Index("ix_site_settings_queued_for", "queued_for", sqlite_where=_IS_QUEUED, postgresql_where=_IS_QUEUED),
        Index(
            "ix_site_settings_author_profile",
            "content_author_profile_id",
            sqlite_where=_HAS_PROFILE,
            postgresql_where=_HAS_PROFILE,
        ),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[SiteId]
    automation_enabled: Mapped[bool] = mapped_column(default=False)
    automation_frequency: Mapped[str] = mapped_column(String(20), default="daily")
    #: Wall time at the site, "HH:MM".
    automation_time: Mapped[str] = mapped_column(String(5), default="02:00")
    automation_weekday: Mapped[str] = mapped_column(String(3), default="mon")
    automation_overlap: Mapped[str] = mapped_column(String(8), default="skip")
    automation_jitter_minutes: Mapped[int] = mapped_column(default=0)
    automation_pause_after_failures: Mapped[int] = mapped_column(default=5)
    #: The stage matrix, keys "1" to "7".
    stage_config: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    within_stage_delay: Mapped[int] = mapped_column(default=3)
    between_stage_delay: Mapped[int] = mapped_column(default=5)
    auto_approval_enabled: Mapped[bool] = mapped_column(default=True)
    auto_publish_enabled: Mapped[bool] = mapped_column(default=True)
    publish_days: Mapped[list[Any]] = mapped_column(Json, default=list)
    publish_time_slots: Mapped[list[Any]] = mapped_column(Json, default=list)
    skip_dates: Mapped[list[Any]] = mapped_column(Json, default=list)
    #: NULL inherits from the account, then from the system.
    ai_temperature: Mapped[float | None] = mapped_column(Float)
    ai_max_tokens: Mapped[int | None]
    ai_image_style: Mapped[str | None] = mapped_column(String(100))
    ai_image_quality: Mapped[str | None] = mapped_column(String(50))
    content_language: Mapped[str] = mapped_column(String(35), default="en")
    content_audience: Mapped[str | None] = mapped_column(String(500))
    content_tone: Mapped[str | None] = mapped_column(String(200))
    content_author_profile: Mapped[str | None] = mapped_column(String(2_000))
    #: The profile that those words are of, and follow; NULL: they are the site's own.
    content_author_profile_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("author_profiles.id"))
    content_ideas_per_cluster: Mapped[int] = mapped_column(default=3)
    content_in_article_images: Mapped[int] = mapped_column(default=2)
    #: When the next run starts, jitter included: computed from now on every change; NULL while off or paused.
    next_run_at: Mapped[datetime | None]
    #: The instant of a run that waits for the live one to end: one at most.
    queued_for: Mapped[datetime | None]
    #: Since when, and why, the schedule starts nothing; NULL: it does.
    paused_at: Mapped[datetime | None]
    paused_reason: Mapped[str | None] = mapped_column(Text)
    #: Scheduled runs that failed since the last that did not.
    failed_in_a_row: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    #: Raised by every save: the ETag.
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[Instant] = mapped_column(default=utc_now)


class AccountSetting(Base):
    """One key of an account, such as `ai.temperature`: an override of the system's default."""

    __tablename__ = "account_settings"
    __table_args__ = (UniqueConstraint("account_id", "key"),)

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    key: Mapped[str] = mapped_column(String(100))
    value: Mapped[Any] = mapped_column(Json)


class SystemAiSettings(Base):
    """The system's defaults of AI parameters: exactly one row."""

    __tablename__ = "system_ai_settings"
    __table_args__ = (CheckConstraint("id = 1", name="singleton"),)

    id: Mapped[Id]
    temperature: Mapped[float] = mapped_column(Float, default=0.7)
    max_tokens: Mapped[int] = mapped_column(default=8_192)
    image_style: Mapped[str] = mapped_column(String(100), default="photorealistic")
    image_quality: Mapped[str] = mapped_column(String(50), default="standard")
    #: US dollars that one credit is worth in reports.
    credit_value_usd: Mapped[Decimal] = mapped_column(Numeric(12, 6), default=Decimal("0.01"))
