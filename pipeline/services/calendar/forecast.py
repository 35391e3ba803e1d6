"""Owns how far a site's queue reaches, and whether its backlog grows.

Never: writes, locks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.calendar import capacity, slot_wall_time
from pipeline.models import CalendarSlot, Content, Site
from pipeline.services.calendar.rules import SlotRules, read_state
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
    rules = read_state(session, site.id).wanted
    waiting = count_waiting(session, site)
    held = _held(session, site.id, now)
    last = _last_instant(rules, held, waiting=waiting, now=now)
    return Forecast(
        queued=len(held) + waiting,
        covers_days=_days_to(last, site.timezone, now=now) if last or not waiting else None,
        approved_a_week=_approved_a_week(session, site.id, now=now),
        slots_a_week=capacity(rules.days, rules.time_slots).weekly,
    )


def _held(session: Session, site_id: int, now: datetime) -> dict[datetime, bool]:
    """Instants after `now` that are taken, and whether a person pinned each."""
    query = select(CalendarSlot.slot_at, CalendarSlot.pinned).where(
        CalendarSlot.site_id == site_id, CalendarSlot.slot_at > now, CalendarSlot.content_id.is_not(None)
    )
    return dict(session.execute(query).all())


def _last_instant(rules: SlotRules, held: dict[datetime, bool], *, waiting: int, now: datetime) -> datetime | None:
    """When the queue ends; an article pinned to next year makes no queue until then."""
    standing = [at for at, pinned in held.items() if not pinned]
    to_come = islice(rules.slots(after=now, taken=held), waiting - 1, waiting) if waiting else ()
    return max([*standing, *(slot.at for slot in to_come)], default=None)


def _days_to(last: datetime | None, timezone: str, *, now: datetime) -> int:
    if last is None:
        return 0
    today: date = slot_wall_time(now, timezone)[0]
    return (slot_wall_time(last, timezone)[0] - today).days + 1


def _approved_a_week(session: Session, site_id: int, *, now: datetime) -> float:
    approved = (Content.site_id == site_id, Content.approved_at <= now)
    first = session.scalar(select(func.min(Content.approved_at)).where(*approved))
    if first is None:
        return 0.0
    since = now - _MOST_WEEKS * _A_WEEK
    count = session.scalar(select(func.count()).where(*approved, Content.approved_at > since)) or 0
    weeks = min(max((now - first) / _A_WEEK, 1.0), float(_MOST_WEEKS))
    return round(count / weeks, 1)
