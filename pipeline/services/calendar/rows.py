"""Owns the rows of a calendar: its locks, its free slots, taking one and giving one back.

Three locks on the calendar's row. *Share* is every allocator's; *extend* adds slots at the end and goes together with
share (so that an allocator may ask for it while others hold share: no deadlock); *alone* goes with nothing.
Lock order: site, calendar, settings' row, publication, content, slot (decision 0010). Never: decides who gets a slot.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Table, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from pipeline.core.calendar import Slot, tzdata_version
from pipeline.core.errors import NotFoundError
from pipeline.models import CalendarSlot, Site, SiteCalendar
from pipeline.models.inserting import insert_into, insert_rows
from pipeline.services.calendar.rules import SlotRules, read_state

#: Free slots that are made at once where one is missing.
CHUNK: Final = 200
_INSTANT: Final = timedelta(microseconds=1)

SLOTS: Final = cast("Table", CalendarSlot.__table__)
_CALENDARS: Final = cast("Table", SiteCalendar.__table__)
_VERSION = select(SiteCalendar.version).where(SiteCalendar.site_id == bindparam("site"))
_SHARE = _VERSION.with_for_update(read=True, key_share=True)
_EXTEND = _VERSION.with_for_update(key_share=True)
_ALONE = _VERSION.with_for_update()
_ALONE_OR_NOT = _VERSION.with_for_update(skip_locked=True)
_SITE = select(Site.id).where(Site.id == bindparam("site")).with_for_update(key_share=True)
_IS_THERE = select(Site.id).where(Site.id == bindparam("site"), Site.deleted_at.is_(None))
_OWN_SITE = _SITE.where(Site.account_id == bindparam("account"), Site.deleted_at.is_(None)).cte("own_site")
#: The calendar's row is looked for by what the site's row gave: that one is locked first.
_SITE_AND_ALONE = (
    select(SiteCalendar.version)
    .where(SiteCalendar.site_id == select(_OWN_SITE.c.id).scalar_subquery())
    .with_for_update(of=SiteCalendar)
)

_EARLIEST_FREE = (
    select(SLOTS.c.slot_at)
    .where(SLOTS.c.site_id == bindparam("site"), SLOTS.c.content_id.is_(None), SLOTS.c.slot_at > bindparam("now"))
    .order_by(SLOTS.c.slot_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_TAKE = (
    update(SLOTS)
    .where(
        SLOTS.c.site_id == bindparam("site"),
        SLOTS.c.slot_at == _EARLIEST_FREE.scalar_subquery(),
        SLOTS.c.content_id.is_(None),
    )
    .values(content_id=bindparam("content"))
    .returning(SLOTS.c.slot_at)
)


def lock_site(session: Session, site_id: int) -> None:
    """Be the only one that changes the site or claims a publication of it, until the transaction ends."""
    session.scalar(_SITE, {"site": site_id})


def require_site(session: Session, site_id: int) -> None:
    """Ask under a lock of the calendar: NotFoundError where the site was deleted while that was waited for."""
    if session.scalar(_IS_THERE, {"site": site_id}) is None:
        raise NotFoundError(f"There is no site {site_id} any more: it was just deleted.")


def lock_share(session: Session, site_id: int) -> int:
    """Keep reflow and fill out until the transaction ends; the calendar's version, 0 where it has no row."""
    return session.scalar(_SHARE, {"site": site_id}) or 0


def lock_extend(session: Session, site_id: int) -> None:
    """Be the only one that adds slots, until the transaction ends."""
    session.scalar(_EXTEND, {"site": site_id})


def lock_alone(session: Session, site_id: int) -> None:
    """Be the only one at this calendar, until the transaction ends."""
    session.scalar(_ALONE, {"site": site_id})


def lock_site_and_alone(session: Session, *, account_id: int, site_id: int) -> bool:
    """As `lock_site`, then `lock_alone`, in one statement; False where the account has no such calendar."""
    return session.scalar(_SITE_AND_ALONE, {"account": account_id, "site": site_id}) is not None


def lock_alone_or_leave(session: Session, site_id: int) -> bool:
    """As `lock_alone`; False at once where somebody else is at it."""
    return session.scalar(_ALONE_OR_NOT, {"site": site_id}) is not None


def make(session: Session, site_id: int, rules: SlotRules) -> None:
    """The calendar's row, unless it is there."""
    values = {"site_id": site_id, "version": 1, **made_by(rules)}
    session.execute(insert_into(session, SiteCalendar).values(values).on_conflict_do_nothing())


def made_by(rules: SlotRules) -> dict[str, Any]:
    """The columns that say what slots were made by."""
    return {
        "zone": rules.zone,
        "tzdata": tzdata_version(),
        "days": list(rules.days),
        "time_slots": list(rules.time_slots),
        "skip_dates": [day.isoformat() for day in rules.skip_dates],
    }


def take_free(session: Session, *, site_id: int, content_id: int, now: datetime) -> datetime | None:
    """Give the content the earliest free slot after `now` that nobody else is just taking; None where there is none."""
    given = {"site": site_id, "content": content_id, "now": now}
    return cast("datetime | None", session.connection().execute(_TAKE, given).scalar_one_or_none())


def count_free(session: Session, site_id: int, *, now: datetime, up_to: int) -> int:
    """Free slots after `now`; counting ends at `up_to`."""
    free = select(SLOTS.c.slot_at).where(
        SLOTS.c.site_id == site_id, SLOTS.c.content_id.is_(None), SLOTS.c.slot_at > now
    )
    return session.scalar(select(func.count()).select_from(free.limit(up_to).subquery())) or 0


def add_free(session: Session, site_id: int, rules: SlotRules, *, now: datetime, count: int) -> int:
    """Make the next `count` slots behind the last one that was made; how many there were to make. Asks for a lock."""
    return _add(session, site_id, rules, [None] * count, now=now)


def add_taken(session: Session, site_id: int, rules: SlotRules, content_ids: Sequence[int], *, now: datetime) -> int:
    """As `add_free`, each slot made for one of the contents, in their order. Asks for a lock."""
    return _add(session, site_id, rules, content_ids, now=now)


def _add(session: Session, site_id: int, rules: SlotRules, holders: Sequence[int | None], *, now: datetime) -> int:
    refilled_to = session.scalar(select(SiteCalendar.refilled_to).where(SiteCalendar.site_id == site_id))
    after = max(now, refilled_to or now)
    # What stands beyond the end: items that stayed where they were when the slots changed.
    beyond = session.scalars(select(SLOTS.c.slot_at).where(SLOTS.c.site_id == site_id, SLOTS.c.slot_at > after))
    slots = list(islice(rules.slots(after=after, taken=beyond.all()), len(holders)))
    if slots:
        made = [
            slot_row(site_id, slot, zone=rules.zone, content_id=holder)
            for slot, holder in zip(slots, holders, strict=False)
        ]
        insert_rows(session, SLOTS, made)
        set_calendar(session, site_id, refilled_to=slots[-1].at)
    return len(slots)


def slot_row(
    site_id: int, slot: Slot, *, zone: str, content_id: int | None = None, pinned: bool = False
) -> dict[str, Any]:
    """The columns of a slot whose wall time is that of `zone`."""
    return {
        "site_id": site_id,
        "slot_at": slot.at,
        "content_id": content_id,
        "local_date": slot.local_date,
        "local_time": slot.local_time,
        "zone": zone,
        "tzdata": tzdata_version(),
        "pinned": pinned,
    }


def set_calendar(session: Session, site_id: int, **values: Any) -> None:
    """Change columns of the calendar's row."""
    session.execute(update(_CALENDARS).where(_CALENDARS.c.site_id == site_id).values(values))


def remove_free(session: Session, site_id: int, *, after: datetime | None = None, until: datetime | None = None) -> int:
    """Remove the free slots strictly after `after` or up to `until`; how many they were."""
    statement = delete(SLOTS).where(SLOTS.c.site_id == site_id, SLOTS.c.content_id.is_(None))
    if after is not None:
        statement = statement.where(SLOTS.c.slot_at > after)
    if until is not None:
        statement = statement.where(SLOTS.c.slot_at <= until)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def release(session: Session, content_id: int, *, site_id: int, now: datetime) -> None:
    """Give back what the content holds. It is free for others only where a slot would stand there if made now."""
    slot_at = session.scalar(select(SLOTS.c.slot_at).where(SLOTS.c.content_id == content_id))
    if slot_at is None:
        return
    here = (SLOTS.c.site_id == site_id, SLOTS.c.slot_at == slot_at, SLOTS.c.content_id == content_id)
    if _made_at(session, site_id, slot_at, now=now) is not None:
        session.execute(update(SLOTS).where(*here).values(content_id=None, pinned=False))
    else:
        session.execute(delete(SLOTS).where(*here))


def offer(session: Session, site_id: int, instants: Collection[datetime], *, now: datetime) -> None:
    """Make free slots where nothing stands any more, if slots would stand there if made now. Asks to be alone."""
    refilled_to = session.scalar(select(SiteCalendar.refilled_to).where(SiteCalendar.site_id == site_id))
    made = read_state(session, site_id).made_by
    wanted = {at for at in instants if refilled_to is not None and now < at <= refilled_to}
    if made is None or not wanted:
        return
    until = takewhile(lambda slot: slot.at <= max(wanted), made.slots(after=min(wanted) - _INSTANT))
    free = [slot_row(site_id, slot, zone=made.zone) for slot in until if slot.at in wanted]
    if free:
        session.connection().execute(insert_into(session, CalendarSlot).on_conflict_do_nothing(), free)


def _made_at(session: Session, site_id: int, slot_at: datetime, *, now: datetime) -> Slot | None:
    """The slot that making slots now gives at the instant."""
    refilled_to = session.scalar(select(SiteCalendar.refilled_to).where(SiteCalendar.site_id == site_id))
    if slot_at <= now or refilled_to is None or slot_at > refilled_to:
        return None
    made = read_state(session, site_id).made_by
    return None if made is None else made.slot_at(slot_at)
