"""Owns what is written: content tasks, contents, and what a content said before it was edited."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.core.states import ContentStatus, ContentTaskStatus
from pipeline.models.base import AccountId, Base, Id, Instant, Json, SiteId, status_check, utc_now
from pipeline.models.types import BigId, Ordered, Status

_APPROVED = text("status = 'approved'")


class ContentTask(Base):
    """A row to write: one idea, accepted."""

    __tablename__ = "content_tasks"
    __table_args__ = (
        UniqueConstraint("idea_id"),
        status_check(ContentTaskStatus),
        Index("ix_content_tasks_waiting", "site_id", "status", "times_tried", "id"),
        Index("ix_content_tasks_listed", "site_id", "id"),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[SiteId]
    idea_id: Mapped[int] = mapped_column(BigId, ForeignKey("ideas.id"))
    title: Mapped[str] = mapped_column(String(300))
    status: Mapped[ContentTaskStatus] = mapped_column(Status(ContentTaskStatus), default=ContentTaskStatus.QUEUED)
    times_tried: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class Content(Base):
    """An article; title and slug are unique in its site."""

    __tablename__ = "contents"
    __table_args__ = (
        UniqueConstraint("site_id", "normalised_title"),
        UniqueConstraint("site_id", "slug"),
        UniqueConstraint("content_task_id"),
        status_check(ContentStatus),
        Index("ix_contents_waiting", "site_id", "status", "times_tried", "id"),
        Index("ix_contents_listed", "site_id", "id"),
        Index(
            "ix_contents_to_schedule",
            "site_id",
            "queue_position",
            "approved_at",
            "id",
            sqlite_where=_APPROVED,
            postgresql_where=_APPROVED,
        ),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[SiteId]
    content_task_id: Mapped[int] = mapped_column(BigId, ForeignKey("content_tasks.id"))
    title: Mapped[str] = mapped_column(String(300))
    normalised_title: Mapped[str] = mapped_column(Ordered(600))
    slug: Mapped[str] = mapped_column(String(200))
    meta_title: Mapped[str] = mapped_column(String(300))
    meta_description: Mapped[str] = mapped_column(String(500))
    excerpt: Mapped[str] = mapped_column(Text)
    #: Sanitised.
    body_html: Mapped[str] = mapped_column(Text)
    tags: Mapped[list[Any]] = mapped_column(Json, default=list)
    word_count: Mapped[int]
    status: Mapped[ContentStatus] = mapped_column(Status(ContentStatus), default=ContentStatus.DRAFT)
    #: Went to review although an image failed.
    images_missing: Mapped[bool] = mapped_column(default=False)
    approved_at: Mapped[datetime | None]
    #: A person unscheduled it: fill passes it over until a person schedules it.
    held_back: Mapped[bool] = mapped_column(default=False)
    #: Its place among what waits for a slot: 0 where its approval says it, below 0 where its slot was taken from it.
    queue_position: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    #: Raised by every edit: the ETag.
    version: Mapped[int] = mapped_column(default=1)
    #: A person deleted it: rows that came of it stay, nobody is shown it.
    deleted_at: Mapped[datetime | None]
    #: The status in which it was deleted; NULL: it was not, or nobody wrote that down then.
    deleted_as: Mapped[ContentStatus | None] = mapped_column(Status(ContentStatus))
    times_tried: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class ContentVersion(Base):
    """What a content said in a version that was replaced."""

    __tablename__ = "content_versions"
    __table_args__ = (UniqueConstraint("content_id", "version"),)

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    content_id: Mapped[int] = mapped_column(BigId, ForeignKey("contents.id", ondelete="CASCADE"))
    version: Mapped[int]
    title: Mapped[str] = mapped_column(String(300))
    slug: Mapped[str] = mapped_column(String(200))
    meta_title: Mapped[str] = mapped_column(String(300))
    meta_description: Mapped[str] = mapped_column(String(500))
    excerpt: Mapped[str] = mapped_column(Text)
    #: Sanitised.
    body_html: Mapped[str] = mapped_column(Text)
    tags: Mapped[list[Any]] = mapped_column(Json, default=list)
    word_count: Mapped[int]
    #: Who replaced it, and when.
    replaced_by: Mapped[str] = mapped_column(String(200))
    replaced_at: Mapped[Instant]
