"""Owns the duty of the calendar: approved content -> the next free slots of its site.

Never: chooses slots; the allocator does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Integer, Select, bindparam, select
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus
from pipeline.models import Content, Site, SiteAutomationSettings
from pipeline.models.base import table_of
from pipeline.models.selecting import written_out
from pipeline.services import calendar
from scheduler.duty import Context

#: Most contents of one site in one transaction; what is left is due at once.
CONTENTS_A_SITE: Final = 2_000
#: Most sites a tick.
SITES_A_TICK: Final = 100


def fill_calendars(context: Context) -> datetime | None:
    """Schedule what waits, one transaction a site. Now, where more waits than a tick takes."""
    with context.database.reading() as session:
        sites = _sites_that_wait(session)
    more = False
    for site_id in sites[:SITES_A_TICK]:
        with context.database.transaction() as session:
            filled = calendar.fill(session, site_id, now=context.now, limit=CONTENTS_A_SITE)
        more = more or filled == CONTENTS_A_SITE or (filled > 0 and len(sites) > SITES_A_TICK)
    return context.now if more else None


def _sites_that_wait(session: Session) -> Sequence[int]:
    """Sites with approved content that nobody holds back, and with a slot to put it on; one more than a tick takes."""
    return session.scalars(_WAITING, {"most": SITES_A_TICK + 1}).all()


def _waiting_query() -> Select[Any]:
    contents, settings, sites = table_of(Content).c, table_of(SiteAutomationSettings).c, table_of(Site).c
    approved = contents.status == written_out(ContentStatus.APPROVED), contents.held_back.is_(False)
    waiting = select(contents.site_id).where(*approved).distinct().subquery()
    return (
        select(settings.site_id)
        .join(waiting, waiting.c.site_id == settings.site_id)
        .join(table_of(Site), sites.id == settings.site_id)
        .where(settings.publish_days != [], settings.publish_time_slots != [], sites.deleted_at.is_(None))
        .order_by(settings.site_id)
        .limit(bindparam("most", type_=Integer))
    )


#: Made once: beat asks it every second.
_WAITING: Final = _waiting_query()
