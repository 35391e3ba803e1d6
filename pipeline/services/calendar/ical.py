"""Owns a site's calendar as iCalendar bytes (RFC 5545): one event an item, in UTC, the same rows the same bytes.

An event has no recurrence rule: every slot was resolved when it was made, and no reader shall resolve it anew.
Never: writes, locks, reads a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Row, func, or_, select
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus
from pipeline.models import CalendarSlot, Content, Publication, Site

if TYPE_CHECKING:
    import icalendar

#: How long what was published stays in the feed; what is still to come is all there.
PUBLISHED_FOR: Final = timedelta(days=90)

_PRODUCT: Final = "-//IGNY8//Pipeline//EN"
#: Behind every UID; it never changes, or readers would see every item twice.
_DOMAIN: Final = "calendar.igny8"
_SHOWN: Final = (
    ContentStatus.SCHEDULED,
    ContentStatus.READY,
    ContentStatus.PUBLISHING,
    ContentStatus.PUBLISHED,
)
_FIRST_PRINTABLE: Final = " "
_DELETE: Final = "\x7f"


@dataclass(frozen=True)
class _Item:
    """What an event is made of."""

    content_id: int
    title: str
    excerpt: str
    status: ContentStatus
    pinned: bool
    at: datetime
    #: When it was approved, planned, moved or published, whichever was last.
    changed_at: datetime
    #: Rises with every new plan and every edit.
    sequence: int
    #: None: it is not published.
    url: str | None


def ical(session: Session, site: Site, *, now: datetime) -> bytes:
    """Everything that is planned for the site, and what was published there in the 90 days before `now`."""
    import icalendar

    found = icalendar.Calendar()
    found.add("prodid", _PRODUCT)
    found.add("version", "2.0")
    found.add("calscale", "GREGORIAN")
    # The format does not know this name's kind, so that it escapes nothing of it.
    found.add("x-wr-calname", " ".join(_text(site.name).split()))
    for item in _items(session, site, since=now - PUBLISHED_FOR):
        found.add_component(_event(item, site))
    written: bytes = found.to_ical()
    return written


def _event(item: _Item, site: Site) -> icalendar.Event:
    import icalendar

    event = icalendar.Event()
    event.add("uid", f"content-{item.content_id}.site-{site.id}@{_DOMAIN}")
    event.add("dtstamp", item.changed_at)
    event.add("sequence", item.sequence)
    event.add("dtstart", item.at)
    event.add("summary", _text(item.title))
    event.add("description", _text(item.excerpt))
    event.add("categories", [item.status.value, "pinned"] if item.pinned else [item.status.value])
    # It takes nobody's time.
    event.add("transp", "TRANSPARENT")
    if item.url is not None and _is_address(item.url):
        event.add("url", item.url)
    return event


def _items(session: Session, site: Site, *, since: datetime) -> Sequence[_Item]:
    at = func.coalesce(Publication.slot_at, Publication.published_at)
    query = (
        select(
            Content.id,
            Content.title,
            Content.excerpt,
            Content.status,
            Content.approved_at,
            Content.version,
            at.label("at"),
            Publication.created_at,
            Publication.replanned_at,
            Publication.published_at,
            Publication.remote_url,
            Publication.ticket,
            CalendarSlot.pinned,
        )
        .join(Publication, Publication.content_id == Content.id)
        .outerjoin(CalendarSlot, CalendarSlot.content_id == Content.id)
        .where(Content.site_id == site.id, Content.status.in_(_SHOWN), at.is_not(None))
        .where(or_(Content.status != ContentStatus.PUBLISHED, at >= since))
        .order_by(at, Content.id)
    )
    return [_item(row) for row in session.execute(query)]


def _item(row: Row[*tuple[Any, ...]]) -> _Item:
    known = (row.created_at, row.replanned_at, row.approved_at, row.published_at)
    return _Item(
        content_id=row.id,
        title=row.title,
        excerpt=row.excerpt,
        status=row.status,
        pinned=bool(row.pinned),
        at=row.at,
        changed_at=max(instant for instant in known if instant is not None),
        sequence=row.ticket + row.version - 1,
        url=row.remote_url if row.status is ContentStatus.PUBLISHED else None,
    )


def _text(text: str) -> str:
    """Without the control characters that the format has no words for; a line ends by one newline."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(each for each in lines if each in "\n\t" or (each >= _FIRST_PRINTABLE and each != _DELETE))


def _is_address(url: str) -> bool:
    """Whether it may stand in the file as it is: a site's answer could hold anything."""
    return url.isprintable() and not any(each.isspace() for each in url)
