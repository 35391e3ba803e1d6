"""Owns the duty of the calendar: approved content -> the next free slots of its site.

Never: chooses slots; the allocator does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus
from pipeline.models import Content, SiteAutomationSettings
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
    """Sites with approved content that nobody holds back, and with a slot to put it on."""
    waiting = (
        select(Content.site_id)
        .where(Content.status == ContentStatus.APPROVED, Content.held_back.is_(False))
        .distinct()
        .subquery()
    )
    query = (
        select(
            SiteAutomationSettings.site_id,
            SiteAutomationSettings.publish_days,
            SiteAutomationSettings.publish_time_slots,
        )
        .join(waiting, waiting.c.site_id == SiteAutomationSettings.site_id)
        .order_by(SiteAutomationSettings.site_id)
    )
    return [site_id for site_id, days, time_slots in session.execute(query) if days and time_slots]
