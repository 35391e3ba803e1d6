"""Owns what becomes of deleted sites and keywords in the end: what they had is removed, a portion at a time.

Of a site its name, its runs, their calls and what those cost stay for ever, and so do image files, which other articles
may share. Never: commits; touches what can still be restored.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, CursorResult, Table, delete, select, tuple_, update
from sqlalchemy.orm import Session

from pipeline.models import (
    CalendarFeed,
    CalendarSlot,
    Cluster,
    Content,
    ContentTask,
    Idea,
    Image,
    ImagePrompt,
    Keyword,
    Prompt,
    Publication,
    Site,
    SiteCalendar,
    SiteNote,
    SiteTitle,
    SyncEvent,
    UndoRecord,
)
from pipeline.models.base import table_of
from pipeline.services.site_deletion import KEPT

#: What a site has, those first that nothing else refers to.
_HELD: Final[tuple[Table, ...]] = tuple(
    map(
        table_of,
        (
            *(
                CalendarFeed,
                Prompt,
                UndoRecord,
                CalendarSlot,
                SiteCalendar,
                SyncEvent,
                SiteNote,
                SiteTitle,
                Publication,
            ),
            *(Image, ImagePrompt, Content, ContentTask, Idea, Keyword, Cluster),
        ),
    )
)


def clear_sites(session: Session, *, now: datetime, size: int) -> bool:
    """Remove up to `size` rows of a site that was deleted 30 days ago; whether more may follow."""
    old = select(Site).where(Site.deleted_at < now - KEPT, Site.cleared_at.is_(None))
    site = session.scalars(old.order_by(Site.deleted_at, Site.id).limit(1).with_for_update(skip_locked=True)).first()
    if site is None:
        return False
    for table in _HELD:
        if _deleted(session, table, _of_site(table, site.id), size=size):
            return True
    bare = {"cleared_at": now, "url": None, "username": None, "credentials": None, "sync_error": None}
    session.execute(update(Site).where(Site.id == site.id).values(bare))
    return True


def forget_keywords(session: Session, *, now: datetime, size: int) -> bool:
    """Remove up to `size` keywords that were deleted 30 days ago; whether more may follow."""
    table = table_of(Keyword)
    return _deleted(session, table, table.c.deleted_at < now - KEPT, size=size) == size


def _of_site(table: Table, site_id: int) -> ColumnElement[bool]:
    """Images are found by their articles: that is what their index is of."""
    if table is table_of(Image):
        return table.c.content_id.in_(select(Content.id).where(Content.site_id == site_id))
    return table.c.site_id == site_id


def _deleted(session: Session, table: Table, where: ColumnElement[bool], *, size: int) -> int:
    """Delete up to `size` rows; how many they were."""
    key: Any = tuple_(*table.primary_key.columns) if len(table.primary_key) > 1 else next(iter(table.primary_key))
    some = select(*table.primary_key.columns).where(where).limit(size)
    return cast("CursorResult[Any]", session.execute(delete(table).where(key.in_(some)))).rowcount
