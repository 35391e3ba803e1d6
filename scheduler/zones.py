"""Owns the duty of zones: a newer release of their rules -> slots at the wall times they stand for.

Never: moves slots; the calendar does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from pipeline.core.calendar import tzdata_version
from pipeline.logs import get_logger
from pipeline.services import calendar
from pipeline.services.calendar import Outdated
from scheduler.duty import Context
from scheduler.sick_sites import SickSites

#: Most sites a tick.
SITES_A_TICK: Final = 20
#: A release is installed with a process, so that an old slot can only come from an older process beside this one.
PAUSE_SECONDS: Final = 60.0
_log = get_logger(__name__)


class ZonesDuty:
    """Looks once a minute, unless there is something to do; then it goes round, each tick behind the last one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is for tests."""
        self._clock = clock
        self._looks_at = clock()
        self._sick = SickSites("zones", clock=clock)
        self._after: Outdated | None = None

    def __call__(self, context: Context) -> datetime | None:
        """Re-anchor calendars of an older release, one transaction a site. Now, where more wait than a tick takes."""
        if self._clock() < self._looks_at:
            return None
        with context.database.reading() as session:
            found = calendar.outdated(session, after=self._after, limit=SITES_A_TICK)
        for each in found:
            if self._sick.may_be_tried(each.site_id):
                self._re_anchor(context, each.site_id)
        if found:
            self._after = found[-1]
            return context.now
        self._after, self._looks_at = None, self._clock() + PAUSE_SECONDS
        return None

    def _re_anchor(self, context: Context, site_id: int) -> None:
        with self._sick.kept_apart(site_id):
            with context.database.transaction() as session:
                moves = calendar.re_anchor(session, site_id, now=context.now)
            _log.info("calendar_re_anchored", site_id=site_id, tzdata=tzdata_version(), moved=len(moves))
