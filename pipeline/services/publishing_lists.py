"""Owns what people read of publishing at a site: what is on its way, in the order of its slots, and what came of it.

Reads only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import CalendarSlot, Content, Publication, Site

#: What is later than that is looked for among the articles, by its status.
_LOOKED_BACK: Final = timedelta(days=90)
_ON_THEIR_WAY: Final = (ContentStatus.SCHEDULED, ContentStatus.READY, ContentStatus.PUBLISHING)


@dataclass(frozen=True)
class Planned:
    """An article that stands on a slot and is not published yet."""

    content_id: int
    title: str
    status: ContentStatus
    slot_at: datetime
    pinned: bool

    def is_overdue(self, now: datetime) -> bool:
        """Whether its slot has passed and it waits for no person."""
        return self.slot_at <= now and self.status is not ContentStatus.READY


@dataclass(frozen=True)
class Result:
    """An article that stands on its site."""

    content_id: int
    title: str
    published_at: datetime | None
    url: str | None
    #: `deleted` or `edited` there since; None: as far as was seen, it stands as it was published.
    drift: str | None


def planned(session: Session, site: Site, *, now: datetime, limit: int = 50) -> Sequence[Planned]:
    """What stands on slots of the last 90 days or to come and is not published, the earliest first."""
    query = (
        select(Content.id, Content.title, Content.status, CalendarSlot.slot_at, CalendarSlot.pinned)
        .join(CalendarSlot, CalendarSlot.content_id == Content.id)
        .where(CalendarSlot.site_id == site.id, CalendarSlot.slot_at > now - _LOOKED_BACK)
        .where(Content.status.in_(_ON_THEIR_WAY))
        .order_by(CalendarSlot.slot_at)
        .limit(limit)
    )
    return [Planned(*row) for row in session.execute(query)]


def overdue(session: Session, site: Site, *, now: datetime, limit: int = 50) -> Sequence[Planned]:
    """What of that is late and waits for no person."""
    return [one for one in planned(session, site, now=now, limit=limit) if one.is_overdue(now)]


def results(session: Session, site: Site, *, after: int = 0, limit: int = 50) -> Sequence[Result]:
    """What stands on the site, published last first, without the first `after`."""
    query = (
        select(Content.id, Content.title, Publication.published_at, Publication.remote_url, Publication.drift)
        .join(Publication, Publication.content_id == Content.id)
        .where(
            Publication.site_id == site.id,
            Publication.status == PublicationStatus.PUBLISHED,
            Content.deleted_at.is_(None),
        )
        .order_by(Publication.published_at.desc(), Publication.id.desc())
        .offset(after)
        .limit(limit)
    )
    return [Result(*row) for row in session.execute(query)]
