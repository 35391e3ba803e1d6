"""Owns which slots of a site are free, earliest first: those that were made, then those that would be.

Never: writes, locks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.calendar import Slot
from pipeline.models import CalendarSlot
from pipeline.services.calendar.rules import CalendarState

#: Rows that are fetched at once: most who ask want the first.
_AT_ONCE: Final = 100


def free_slots(session: Session, site_id: int, state: CalendarState, *, now: datetime) -> Iterator[Slot]:
    """The free slots strictly after `now`; endless where the settings have any.

    Where rows are what the settings want, every slot up to the last one made is a row: however many are taken, they
    are not read. Where settings changed and nothing was dealt anew yet, they are.
    """
    if not state.is_current or state.refilled_to is None:
        yield from state.wanted.slots(after=now, taken=_taken(session, site_id, after=now))
        return
    yield from _made(session, site_id, after=now)
    end = max(now, state.refilled_to)
    yield from state.wanted.slots(after=end, taken=_taken(session, site_id, after=end))


def _made(session: Session, site_id: int, *, after: datetime) -> Iterator[Slot]:
    slot = CalendarSlot
    query = (
        select(slot.slot_at, slot.local_date, slot.local_time)
        .where(slot.site_id == site_id, slot.content_id.is_(None))
        .order_by(slot.slot_at)
        .limit(_AT_ONCE)
    )
    while rows := session.execute(query.where(slot.slot_at > after)).all():
        yield from (Slot(*row) for row in rows)
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].slot_at


def _taken(session: Session, site_id: int, *, after: datetime) -> list[datetime]:
    query = select(CalendarSlot.slot_at).where(
        CalendarSlot.site_id == site_id, CalendarSlot.slot_at > after, CalendarSlot.content_id.is_not(None)
    )
    return list(session.scalars(query))
