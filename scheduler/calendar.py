"""Owns the duty of the calendar: approved content -> the next free slots of its site.

Never: chooses slots; the allocator does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Integer, Select, bindparam, select
from sqlalchemy.orm import Session

from pipeline.core.states import ContentStatus
from pipeline.models import Content, Site, SiteAutomationSettings
from pipeline.models.base import table_of
from pipeline.models.selecting import written_out
from pipeline.models.types import BigId
from pipeline.services import calendar
from scheduler.duty import Context
from scheduler.sick_sites import SickSites

#: Most contents of one site in one transaction; what is left is due at once.
CONTENTS_A_SITE: Final = 2_000
#: Most sites a tick.
SITES_A_TICK: Final = 100


class CalendarDuty:
    """The duty, for one process. It goes round: each tick begins behind the site that the last one came to."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is for tests."""
        self._sick = SickSites("calendar", clock=clock)
        self._after = 0

    def __call__(self, context: Context) -> datetime | None:
        """Schedule what waits, one transaction a site. Now, where more waits than a tick takes."""
        with context.database.reading() as session:
            found = _sites_that_wait(session, after=self._after)
        sites, more = found[:SITES_A_TICK], len(found) > SITES_A_TICK
        self._after = sites[-1] if more else 0
        for site_id in sites:
            if not self._sick.may_be_tried(site_id):
                continue
            with self._sick.kept_apart(site_id), context.database.transaction() as session:
                filled = calendar.fill(session, site_id, now=context.now, limit=CONTENTS_A_SITE)
                more = more or filled == CONTENTS_A_SITE
        return context.now if more else None


def _sites_that_wait(session: Session, *, after: int) -> Sequence[int]:
    """Sites with approved content that nobody holds back, and with a slot to put it on; one more than a tick takes."""
    return session.scalars(_WAITING, {"after": after, "most": SITES_A_TICK + 1}).all()


def _waiting_query() -> Select[Any]:
    contents, settings, sites = table_of(Content).c, table_of(SiteAutomationSettings).c, table_of(Site).c
    approved = contents.status == written_out(ContentStatus.APPROVED), contents.held_back.is_(False)
    behind = contents.site_id > bindparam("after", type_=BigId)
    waiting = select(contents.site_id).where(*approved, behind).distinct().subquery()
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
