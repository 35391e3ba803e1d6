"""Owns taking everything off a site's calendar at once: a site that is deleted publishes nothing more.

Lock order: site, calendar, publication, content, slot. Never: commits; asks a site for anything: what may stand there
of an article that was never published is due to be taken away.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import CalendarSlot, Content, Publication, Site
from pipeline.models.base import table_of
from pipeline.models.selecting import is_one_of
from pipeline.services import placing
from pipeline.services.calendar import rows, spots
from pipeline.services.calendar.reflow import alone, drop

#: Publishing too: while it waits for its next try, nobody places it.
_STANDING = (ContentStatus.SCHEDULED, ContentStatus.READY, ContentStatus.PUBLISHING)


def clear(session: Session, site: Site, *, also_stuck: bool, now: datetime) -> int:
    """Take every article off the site's calendar, pinned ones too; how many stood there.

    They are approved again and keep their order; with `also_stuck`, what a person is asked about leaves it too.
    ConflictError, and nothing changed, while one is just being published.
    """
    alone(session, site.id, now=now)
    under_way = select(Publication.content_id).where(
        Publication.site_id == site.id, Publication.status == PublicationStatus.PUBLISHING
    )
    publishing = session.scalars(under_way.order_by(Publication.id).with_for_update()).first()
    if publishing is not None:
        raise ConflictError(f"Content {publishing} of {site.name} is just being published. Try again in a minute.")
    standing = _standing(session, site.id, (*_STANDING, ContentStatus.NEEDS_ATTENTION) if also_stuck else _STANDING)
    content_ids = [content_id for content_id, _ in standing]
    spots.clear(session, content_ids)
    drop(
        session, site.id, [content_id for content_id, status in standing if status is ContentStatus.SCHEDULED], now=now
    )
    placing.withdraw_many(session, content_ids, now=now)
    contents = table_of(Content)
    others = contents.c.status.in_((ContentStatus.READY, ContentStatus.PUBLISHING))
    session.execute(
        update(contents)
        .where(is_one_of(session, contents.c.id, content_ids), others)
        .values(status=ContentStatus.APPROVED)
    )
    rows.remove_free(session, site.id)
    return sum(1 for _, status in standing if status in _STANDING)


def _standing(session: Session, site_id: int, statuses: Collection[ContentStatus]) -> list[tuple[int, ContentStatus]]:
    """What stands on the calendar or is a person's to place, in the order of its instants."""
    query = (
        select(Content.id, Content.status)
        .outerjoin(CalendarSlot, CalendarSlot.content_id == Content.id)
        .join(Publication, Publication.content_id == Content.id)
        .where(Content.site_id == site_id, Content.status.in_(statuses))
        .order_by(CalendarSlot.slot_at, Content.id)
        .with_for_update(of=(Publication, Content))
    )
    return [(content_id, status) for content_id, status in session.execute(query)]
