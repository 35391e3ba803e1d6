"""Owns publications: the placing of a content on its site, once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.core.states import PublicationStatus
from pipeline.models.base import AccountId, Base, Id, Instant, SiteId, status_check, utc_now, word_check
from pipeline.models.types import BigId, Status

DRIFTS = ("deleted", "unpublished", "edited")
#: What stands on the site is a draft, if anything does.
UNSEEN = (PublicationStatus.DRAFTING, PublicationStatus.DRAFTED)
_DUE = text("due_at IS NOT NULL")
_LEASED = text("lease_until IS NOT NULL")
_DRIFTED = text("drift IS NOT NULL")
_STUCK = text("error IS NOT NULL AND due_at IS NULL")


class Publication(Base):
    """One content on its way to, or on, its site."""

    __tablename__ = "publications"
    __table_args__ = (
        UniqueConstraint("content_id"),
        status_check(PublicationStatus),
        word_check("drift", DRIFTS),
        Index("ix_publications_site_id", "site_id"),
        Index("ix_publications_status", "status"),
        Index("ix_publications_due_at", "due_at", sqlite_where=_DUE, postgresql_where=_DUE),
        Index("ix_publications_leased", "site_id", "lease_until", sqlite_where=_LEASED, postgresql_where=_LEASED),
        Index("ix_publications_drift", "site_id", sqlite_where=_DRIFTED, postgresql_where=_DRIFTED),
        Index("ix_publications_stuck", "site_id", "id", sqlite_where=_STUCK, postgresql_where=_STUCK),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[SiteId]
    content_id: Mapped[int] = mapped_column(BigId, ForeignKey("contents.id"))
    status: Mapped[PublicationStatus] = mapped_column(Status(PublicationStatus), default=PublicationStatus.PLANNED)
    #: The instant people were told.
    slot_at: Mapped[datetime | None]
    #: When its task is sent (again); NULL: nothing is to be done.
    due_at: Mapped[datetime | None]
    sends: Mapped[int] = mapped_column(default=0)
    #: Raised by every claim, and by whatever moves it on without one; only the holder of the last one may finalise.
    ticket: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    remote_id: Mapped[str | None] = mapped_column(String(200))
    remote_url: Mapped[str | None] = mapped_column(String(2_000))
    #: The version of the content that the site shows; NULL: none.
    placed_version: Mapped[int | None]
    #: What was written there, as a short sum of it; NULL: unknown.
    imprint: Mapped[str | None] = mapped_column(String(64))
    #: When the site last said that the draft there is ours; NULL: not since it was told how to be reached.
    seen_at: Mapped[datetime | None]
    #: Since when an answer of the site is missing; NULL: whatever was asked of it is known.
    unknown_since: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    published_at: Mapped[datetime | None]
    #: How the site's page differs from what was published; NULL: as far as was seen, it does not.
    drift: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
    #: When it was planned anew or got another instant; NULL: it stands as it was made.
    replanned_at: Mapped[datetime | None]

    @property
    def has_trace(self) -> bool:
        """Whether something of the content stands on the site, or may stand there."""
        return self.remote_id is not None or self.unknown_since is not None

    @property
    def may_be_seen(self) -> bool:
        """Whether visitors may see something of the content: what was only drafted nobody sees."""
        return self.has_trace and self.status not in UNSEEN
