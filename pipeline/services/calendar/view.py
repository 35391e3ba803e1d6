"""Owns what people are shown of a calendar: its days, what stands on none of them, and where the next item would go.

Never: writes, locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice, takewhile

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.calendar import Slot, clock_change_note, slot_wall_time
from pipeline.core.states import ContentStatus
from pipeline.models import CalendarSlot, Content, Site
from pipeline.services.calendar.free import free_slots
from pipeline.services.calendar.rules import SlotRules, read_state

_A_DAY = timedelta(days=1)
_THREE_DAYS = timedelta(days=3)


@dataclass(frozen=True)
class Entry:
    """One slot of a day, taken or free."""

    at: datetime
    #: "HH:MM" at the site.
    local_time: str
    #: None: the slot is free.
    content_id: int | None = None
    title: str | None = None
    status: ContentStatus | None = None
    pinned: bool = False
    #: What a clock change does to it: "29 Mar: 02:30 will publish at 03:30".
    note: str | None = None


@dataclass(frozen=True)
class Day:
    """One date at the site, its slots by time."""

    date: date
    entries: tuple[Entry, ...]


class Reason(StrEnum):
    """Why approved content stands on no slot."""

    #: The settings have no publishing day or no time.
    NO_SLOTS = "no slots"
    #: A person took it off the calendar.
    HELD_BACK = "held back"
    #: The next fill will schedule it.
    WAITING = "waiting"


@dataclass(frozen=True)
class Unscheduled:
    """Approved content without a slot."""

    content_id: int
    title: str
    reason: Reason


def entries(session: Session, site: Site, *, now: datetime, start: date | None = None, days: int = 14) -> Sequence[Day]:
    """`days` dates at the site from `start` (None: today there); free slots are shown where they lie after `now`."""
    first = start or slot_wall_time(now, site.timezone)[0]
    dates = [first + timedelta(days=number) for number in range(days)]
    held = _held(session, site, dates)
    taken = {entry.at for entries_of_day in held.values() for entry in entries_of_day}
    free = _free(read_state(session, site.id).wanted, dates, now=now, taken=taken)
    return [Day(day, tuple(sorted([*held.get(day, []), *free.get(day, [])], key=_by_instant))) for day in dates]


def unscheduled(session: Session, site: Site, *, limit: int = 100) -> Sequence[Unscheduled]:
    """Approved contents of the site that stand on no slot, each with the reason, in the order of the queue."""
    query = (
        select(Content.id, Content.title, Content.held_back)
        .where(Content.site_id == site.id, Content.status == ContentStatus.APPROVED)
        .order_by(Content.queue_position, Content.approved_at, Content.id)
        .limit(limit)
    )
    others = Reason.WAITING if read_state(session, site.id).wanted.has_slots else Reason.NO_SLOTS
    return [
        Unscheduled(content_id, title, Reason.HELD_BACK if held_back else others)
        for content_id, title, held_back in session.execute(query)
    ]


def predicted_slot(session: Session, site: Site, *, now: datetime) -> datetime | None:
    """Where content approved now would appear, behind everything that waits; None where the site has no slots."""
    free = free_slots(session, site.id, read_state(session, site.id), now=now)
    found = next(islice(free, count_waiting(session, site), None), None)
    return None if found is None else found.at


def count_waiting(session: Session, site: Site) -> int:
    """How many approved contents wait for a slot; those that a person holds back do not."""
    waiting = select(func.count()).where(
        Content.site_id == site.id, Content.status == ContentStatus.APPROVED, Content.held_back.is_(False)
    )
    return session.scalar(waiting) or 0


def _held(session: Session, site: Site, dates: Sequence[date]) -> dict[date, list[Entry]]:
    held: dict[date, list[Entry]] = {}
    if not dates:
        return held
    query = (
        select(CalendarSlot, Content.title, Content.status)
        .join(Content, Content.id == CalendarSlot.content_id)
        .where(
            CalendarSlot.site_id == site.id,
            CalendarSlot.slot_at > _before(dates[0]),
            CalendarSlot.slot_at < _before(dates[-1]) + _THREE_DAYS,
        )
    )
    for row, title, status in session.execute(query):
        slot = _told(row, site.timezone)
        note = clock_change_note(slot, site.timezone)
        entry = Entry(slot.at, slot.local_time, row.content_id, title, status, pinned=row.pinned, note=note)
        held.setdefault(slot.local_date, []).append(entry)
    return held


def _told(row: CalendarSlot, timezone: str) -> Slot:
    """The slot as it was asked for; one from before the site's zone was changed as the clocks show it now."""
    if row.zone == timezone:
        return Slot(row.slot_at, row.local_date, row.local_time)
    return Slot(row.slot_at, *slot_wall_time(row.slot_at, timezone))


def _free(rules: SlotRules, dates: Sequence[date], *, now: datetime, taken: set[datetime]) -> dict[date, list[Entry]]:
    free: dict[date, list[Entry]] = {}
    if not dates:
        return free
    after = max(now, _before(dates[0]))
    for slot in takewhile(lambda slot: slot.local_date <= dates[-1], rules.slots(after=after, taken=taken)):
        if slot.local_date >= dates[0]:
            entry = Entry(slot.at, slot.local_time, note=clock_change_note(slot, rules.zone))
            free.setdefault(slot.local_date, []).append(entry)
    return free


def _before(day: date) -> datetime:
    """An instant before that date begins anywhere: no zone is a day away from UTC."""
    return datetime.combine(day, time.min, tzinfo=UTC) - _A_DAY


def _by_instant(entry: Entry) -> datetime:
    return entry.at
