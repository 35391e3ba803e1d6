"""Owns the sites of an account: where content goes, in which zone they live, and what was found there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.models.base import AccountId, Base, Id, Instant, utc_now, word_check
from pipeline.models.types import BigId, Encrypted

TARGETS = ("folder", "site", "webhook")
SYNC_STATUSES = ("never", "ok", "drifted", "failing")
NOTES = ("tag", "category", "image", "speech")
SYNC_EVENTS = ("failing", "recovered", "deleted", "unpublished", "edited", "back")
_THERE = text("deleted_at IS NULL")
_DELETED = text("deleted_at IS NOT NULL AND cleared_at IS NULL")
_CHECKED = text("next_check_at IS NOT NULL")


class Site(Base):
    """One site: its own address and credentials (plan 2.4), its zone, its health."""

    __tablename__ = "sites"
    __table_args__ = (
        word_check("target", TARGETS),
        word_check("sync_status", SYNC_STATUSES),
        Index(
            "uq_sites_account_id_name", "account_id", "name", unique=True, sqlite_where=_THERE, postgresql_where=_THERE
        ),
        Index("ix_sites_deleted_at", "deleted_at", sqlite_where=_DELETED, postgresql_where=_DELETED),
        Index("ix_sites_next_check_at", "next_check_at", sqlite_where=_CHECKED, postgresql_where=_CHECKED),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    name: Mapped[str] = mapped_column(String(100))
    #: Which kind of target its content goes to.
    target: Mapped[str] = mapped_column(String(16), default="folder")
    url: Mapped[str | None] = mapped_column(String(2_000))
    username: Mapped[str | None] = mapped_column(String(200))
    #: Encrypted; the key id stands in front.
    credentials: Mapped[bytes | None] = mapped_column(Encrypted)
    #: The category that its articles get there; NULL: whatever the site gives them.
    category: Mapped[str | None] = mapped_column(String(200))
    #: IANA name; every wall time of the site is in it.
    timezone: Mapped[str] = mapped_column(String(64))
    sync_status: Mapped[str] = mapped_column(String(16), default="never")
    last_sync_at: Mapped[datetime | None]
    #: What the site said when it failed last; NULL: it answers.
    sync_error: Mapped[str | None] = mapped_column(Text)
    #: When its health is looked at next; NULL: never.
    next_check_at: Mapped[datetime | None]
    #: One check at a time: who holds this very lease may write what it found.
    check_lease_until: Mapped[datetime | None]
    #: The last publication that was looked at: a check goes on behind it. 0: from the first.
    check_position: Mapped[int] = mapped_column(BigId, default=0, server_default=text("0"))
    #: A person deleted it: it can be restored until housekeeping clears it.
    deleted_at: Mapped[datetime | None]
    #: Since when nothing is left of it but its name, its runs and what they cost.
    cleared_at: Mapped[datetime | None]
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class SyncEvent(Base):
    """Something that was found at a site, or came to an end there."""

    __tablename__ = "sync_events"
    __table_args__ = (word_check("kind", SYNC_EVENTS), Index("ix_sync_events_site_id_at", "site_id", "at"))

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[int] = mapped_column(BigId, ForeignKey("sites.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    #: The article it is about; NULL: the site as a whole.
    content_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("contents.id", ondelete="SET NULL"))
    #: What was found and what to do, for a person.
    message: Mapped[str] = mapped_column(Text)
    at: Mapped[Instant] = mapped_column(default=utc_now)


class SiteNote(Base):
    """What is known of a site that is reached over the network, so that it is asked for once."""

    __tablename__ = "site_notes"
    __table_args__ = (
        word_check("kind", NOTES),
        UniqueConstraint("site_id", "kind", "key"),
        Index("ix_site_notes_content_id", "content_id"),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[int] = mapped_column(BigId, ForeignKey("sites.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    key: Mapped[str] = mapped_column(String(200))
    #: The site's own name for it, or what is known.
    value: Mapped[str] = mapped_column(String(200))
    #: Of an image: where its bytes are shown.
    url: Mapped[str | None] = mapped_column(String(2_000))
    #: The article whose image it is; NULL: of the site as a whole.
    content_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("contents.id", ondelete="CASCADE"))
    created_at: Mapped[Instant] = mapped_column(default=utc_now)


class SiteTitle(Base):
    """A title that stands on a site, whoever wrote it: no article of ours gets it again."""

    __tablename__ = "site_titles"
    __table_args__ = (
        UniqueConstraint("site_id", "remote_id"),
        Index("ix_site_titles_normalised_title", "site_id", "normalised_title"),
    )

    id: Mapped[Id]
    account_id: Mapped[AccountId]
    site_id: Mapped[int] = mapped_column(BigId, ForeignKey("sites.id", ondelete="CASCADE"))
    #: The site's own name for the page.
    remote_id: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(300))
    normalised_title: Mapped[str] = mapped_column(String(600))
    created_at: Mapped[Instant] = mapped_column(default=utc_now)
