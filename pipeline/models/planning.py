"""Owns what is planned: keywords, clusters, ideas."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.core.states import ClusterStatus, IdeaStatus, KeywordStatus
from pipeline.models.base import AccountId, Base, Id, Instant, Json, SiteId, status_check, utc_now
from pipeline.models.types import BigId, Ordered, Status

_DELETED = text("deleted_at IS NOT NULL")


class Cluster(Base):
    """A group of keywords; its normalised name is unique in its site, so that a later run finds it again."""

    __tablename__ = "clusters"
    __table_args__ = (
        UniqueConstraint("site_id", "normalised"),
        status_check(ClusterStatus),
        Index("ix_clusters_waiting", "site_id", "status", "times_tried", "id"),
        Index("ix_clusters_listed", "site_id", "id"),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[SiteId]
    name: Mapped[str] = mapped_column(String(200))
    normalised: Mapped[str] = mapped_column(Ordered(400))
    description: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[ClusterStatus] = mapped_column(Status(ClusterStatus), default=ClusterStatus.NEW)
    #: How often it was taken and left waiting; the least tried come first.
    times_tried: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class Keyword(Base):
    """A search phrase of a site, as imported."""

    __tablename__ = "keywords"
    __table_args__ = (
        UniqueConstraint("site_id", "normalised"),
        status_check(KeywordStatus),
        Index("ix_keywords_waiting", "site_id", "status", "times_tried", "id"),
        Index("ix_keywords_listed", "site_id", "id"),
        Index("ix_keywords_of_status", "site_id", "status", "id"),
        Index("ix_keywords_deleted_at", "deleted_at", sqlite_where=_DELETED, postgresql_where=_DELETED),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[SiteId]
    text: Mapped[str] = mapped_column(String(200))
    #: The form duplicates are found by.
    normalised: Mapped[str] = mapped_column(Ordered(400))
    #: Searches a month; NULL is unknown.
    volume: Mapped[int | None] = mapped_column(BigInteger)
    #: 0 to 100; NULL is unknown, never 0.
    difficulty: Mapped[int | None]
    intent: Mapped[str | None] = mapped_column(String(100))
    country: Mapped[str | None] = mapped_column(String(64))
    cluster_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("clusters.id"), index=True)
    status: Mapped[KeywordStatus] = mapped_column(Status(KeywordStatus), default=KeywordStatus.NEW)
    times_tried: Mapped[int] = mapped_column(default=0)
    #: A person deleted it: nobody is shown it, nothing is made of it; housekeeping removes it later.
    deleted_at: Mapped[datetime | None]
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class Idea(Base):
    """A proposed article of a cluster."""

    __tablename__ = "ideas"
    __table_args__ = (
        UniqueConstraint("site_id", "normalised_title"),
        status_check(IdeaStatus),
        Index("ix_ideas_waiting", "site_id", "status", "times_tried", "id"),
        Index("ix_ideas_listed", "site_id", "id"),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[SiteId]
    cluster_id: Mapped[int] = mapped_column(BigId, ForeignKey("clusters.id"), index=True)
    title: Mapped[str] = mapped_column(String(300))
    normalised_title: Mapped[str] = mapped_column(Ordered(600))
    angle: Mapped[str] = mapped_column(Text, default="")
    #: Headings in order.
    outline: Mapped[list[Any]] = mapped_column(Json, default=list)
    status: Mapped[IdeaStatus] = mapped_column(Status(IdeaStatus), default=IdeaStatus.NEW)
    times_tried: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class IdeaKeyword(Base):
    """A keyword that an idea targets: the link that lineage follows."""

    __tablename__ = "idea_keywords"

    idea_id: Mapped[int] = mapped_column(BigId, ForeignKey("ideas.id", ondelete="CASCADE"), primary_key=True)
    keyword_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("keywords.id", ondelete="CASCADE"), primary_key=True, index=True
    )
