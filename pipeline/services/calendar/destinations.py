"""Owns where a person may put an item: the spot of an instant or wall time, or why it cannot be had.

Its caller is alone at the calendar. Never: writes.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from pipeline.core.calendar import Slot, WallTime, slot_wall_time, wall_slot
from pipeline.core.errors import ConflictError, InvalidValueError
from pipeline.core.states import ContentStatus
from pipeline.models import CalendarSlot, Content
from pipeline.services.calendar.positions import Snapshot
from pipeline.services.calendar.rules import SlotRules
from pipeline.services.calendar.spots import Spot

#: How many years from today, as the site's clocks tell it, a person may put an item.
FARTHEST_YEARS: Final = 5
#: An instant, or what the clocks of the site show then.
To = datetime | WallTime


def spot(session: Session, site_id: int, rules: SlotRules, to: To, *, moving: Snapshot, now: datetime) -> Spot:
    """The spot of `to` for `moving`, which leaves its own; pinned where it is no slot of the site.

    Raises InvalidValueError for what has passed, is more than `FARTHEST_YEARS` ahead, does not exist or is a skipped
    date, ConflictError for what is taken.
    """
    # First of all: at the ends of the calendar there is no arithmetic with instants.
    _require_in_reach(_wall_time(rules, to), rules, now=now)
    wanted = _slot(rules, to)
    on_grid = rules.slot_at(wanted.at)
    slot = on_grid or wanted
    when = _told(slot.local_date, slot.local_time)
    if slot.at <= now:
        raise _passed(when)
    if slot.local_date in rules.skip_dates:
        raise InvalidValueError(
            f"{when} is on a date that the site skips. Choose another date, or take it out of publishing.skip_dates."
        )
    holder = _holder(session, site_id, slot.at)
    if holder is not None and holder.id != moving.content_id:
        # Only two that are scheduled change places.
        both = moving.position.status is holder.status is ContentStatus.SCHEDULED
        instead = "Swap the two, or choose another time." if both else "Choose another time."
        raise ConflictError(f"{when} is taken by content {holder.id}, {holder.title!r}. {instead}")
    return Spot(slot, pinned=on_grid is None)


def next_free(session: Session, site_id: int, rules: SlotRules, *, now: datetime) -> Spot:
    """The earliest free slot after `now`; ConflictError where the site has none."""
    after_now = (CalendarSlot.site_id == site_id, CalendarSlot.slot_at > now)
    row = session.scalar(
        select(CalendarSlot)
        .where(*after_now, CalendarSlot.content_id.is_(None))
        .order_by(CalendarSlot.slot_at)
        .limit(1)
        .execution_options(populate_existing=True)
    )
    if row is not None:
        return Spot(Slot(row.slot_at, row.local_date, row.local_time))
    held = session.scalars(select(CalendarSlot.slot_at).where(*after_now)).all()
    slot = next(rules.slots(after=now, taken=held), None)
    if slot is None:
        raise ConflictError(
            "The site has no slots: nothing can be scheduled. "
            "`igny8 settings set SITE publishing.publish_days=… publishing.time_slots=…` gives it some."
        )
    return Spot(slot)


def _wall_time(rules: SlotRules, to: To) -> WallTime:
    return to if isinstance(to, WallTime) else WallTime(*slot_wall_time(to, rules.zone))


def _require_in_reach(wall: WallTime, rules: SlotRules, *, now: datetime) -> None:
    """The date is none before today at the site, and none behind the last that may be planned."""
    today, _ = slot_wall_time(now, rules.zone)
    when = _told(wall.day, wall.time)
    if wall.day < today:
        raise _passed(when)
    farthest = _farthest(today)
    if wall.day > farthest:
        raise InvalidValueError(
            f"{when} is too far ahead: articles are planned at most {FARTHEST_YEARS} years ahead. "
            f"Choose a date up to {farthest}."
        )


def _farthest(today: date) -> date:
    is_leap_day = (today.month, today.day) == (2, 29)
    return today.replace(year=today.year + FARTHEST_YEARS, day=28 if is_leap_day else today.day)


def _passed(when: str) -> InvalidValueError:
    return InvalidValueError(f"{when} has passed at the site. Choose a later time.")


def _slot(rules: SlotRules, to: To) -> Slot:
    if isinstance(to, datetime):
        return Slot(to, *slot_wall_time(to, rules.zone))
    slot = wall_slot(to, rules.zone)
    if slot is None:
        raise InvalidValueError(
            f"{to.day} {to.time} does not exist in {rules.zone}: a clock change leaves it out. Choose another time."
        )
    return slot


def _holder(session: Session, site_id: int, slot_at: datetime) -> Row[int, str, ContentStatus] | None:
    query = (
        select(Content.id, Content.title, Content.status)
        .join(CalendarSlot, CalendarSlot.content_id == Content.id)
        .where(CalendarSlot.site_id == site_id, CalendarSlot.slot_at == slot_at)
    )
    return session.execute(query).one_or_none()


def _told(day: date, clock_time: str) -> str:
    return f"{day:%a} {day} {clock_time}"
