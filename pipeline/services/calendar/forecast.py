"""Owns how far a site's queue reaches, and whether its backlog grows.

Never: writes, locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.calendar import capacity, slot_wall_time
from pipeline.models import CalendarSlot, Content, Site
from pipeline.services.calendar.free import free_slots
from pipeline.services.calendar.rules import read_state
from pipeline.services.calendar.view import count_waiting

_A_WEEK: Final = timedelta(days=7)
#: Approvals are counted over so many weeks, fewer where the site's first is younger.
_MOST_WEEKS: Final = 4


@dataclass(frozen=True)
class Forecast:
    """A site's supply of articles against its slots."""

    #: Articles that stand on a slot after now, or wait for one.
    queued: int
    #: Dates at the site from today to the last that the queue fills, both counted; None: it waits and there is no slot.
    covers_days: int | None
    #: Articles approved a week, over the last four.
    approved_a_week: float
    #: Slots a week by the settings; skipped dates are not taken off.
    slots_a_week: int

    @property
    def backlog_growth_a_week(self) -> float:
        """Articles a week that find no slot of that week; below 0: slots that find no article."""
        return round(self.approved_a_week - self.slots_a_week, 1)


def forecast(session: Session, site: Site, *, now: datetime) -> Forecast:
    """How far the queue reaches now, and how it grows."""
    state = read_state(session, site.id)
    rules, waiting = state.wanted, count_waiting(session, site)
    held, last_held = _held(session, site.id, now)
    to_come = islice(free_slots(session, site.id, state, now=now), waiting - 1, waiting) if waiting else ()
    last = max([*last_held, *(slot.at for slot in to_come)], default=None)
    return Forecast(
        queued=held + waiting,
        covers_days=_days_to(last, site.timezone, now=now) if last or not waiting else None,
        approved_a_week=_approved_a_week(session, site.id, now=now),
        slots_a_week=capacity(rules.days, rules.time_slots).weekly,
    )


def _held(session: Session, site_id: int, now: datetime) -> tuple[int, Sequence[datetime]]:
    """How many slots after `now` are taken, and the last of them; one pinned to next year makes no queue until then."""
    slot = CalendarSlot
    taken = (slot.site_id == site_id, slot.slot_at > now, slot.content_id.is_not(None))
    last = select(slot.slot_at).where(*taken, slot.pinned.is_(False)).order_by(slot.slot_at.desc()).limit(1)
    return session.scalar(select(func.count()).where(*taken)) or 0, session.scalars(last).all()


def _days_to(last: datetime | None, timezone: str, *, now: datetime) -> int:
    if last is None:
        return 0
    today: date = slot_wall_time(now, timezone)[0]
    return (slot_wall_time(last, timezone)[0] - today).days + 1


def _approved_a_week(session: Session, site_id: int, *, now: datetime) -> float:
    since = now - _MOST_WEEKS * _A_WEEK
    lately = func.count().filter(Content.approved_at > since)
    query = select(func.min(Content.approved_at), lately).where(Content.site_id == site_id, Content.approved_at <= now)
    first, count = session.execute(query).one()
    if first is None:
        return 0.0
    weeks = min(max((now - first) / _A_WEEK, 1.0), float(_MOST_WEEKS))
    return round(count / weeks, 1)
