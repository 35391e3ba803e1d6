"""Owns what happens to a calendar when its slots change: rows made anew, and scheduled items moved or left.

What a person pinned, what is being published and what is overdue never moves. Never: commits; touches a site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from pipeline.core import calendar as arithmetic
from pipeline.core.calendar import ReflowItem, Slot
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import CalendarSlot, Content, Publication, Site
from pipeline.services import placing
from pipeline.services.calendar import rows
from pipeline.services.calendar.rules import CalendarState, SlotRules, read_state

_PUBLICATIONS: Final = cast("Table", Publication.__table__)


@dataclass(frozen=True)
class Move:
    """An item that a reflow moved."""

    content_id: int
    was_at: datetime
    #: None: there is no slot for it any more; it is approved again.
    now_at: datetime | None


def current_rules(session: Session, site_id: int, *, now: datetime) -> SlotRules:
    """What the settings want and the calendar's rows are made by: they are made or reflowed where they differ."""
    return _current_state(session, site_id, now=now).wanted


def share(session: Session, site_id: int, *, now: datetime) -> SlotRules:
    """As `current_rules`, and nobody changes them until the transaction ends."""
    while True:
        state = _current_state(session, site_id, now=now)
        # A reflow may have been committed while the lock was waited for.
        if rows.lock_share(session, site_id) == state.version:
            return state.wanted


def reflow(session: Session, site: Site, *, now: datetime) -> Sequence[Move]:
    """Deal the slots after `now` again by the settings as they are, in the order of the queue; what moved, and whereto.

    Call it in the transaction that saved the settings or the zone. Items without a slot are approved again.
    """
    rows.make(session, site.id, read_state(session, site.id).wanted)
    return _reflow(session, site.id, now=now)


def keep(session: Session, site: Site, *, now: datetime) -> None:
    """Take the settings for free slots only: what is scheduled stays where it is."""
    rows.make(session, site.id, read_state(session, site.id).wanted)
    rows.lock_alone(session, site.id)
    rules = read_state(session, site.id).wanted
    _make_anew(session, site.id, rules, now=now, made_to=now)


def _current_state(session: Session, site_id: int, *, now: datetime) -> CalendarState:
    state = read_state(session, site_id)
    if state.made_by is None:
        rows.make(session, site_id, state.wanted)
        state = read_state(session, site_id)
    if not state.is_current:
        _reflow(session, site_id, now=now)
        state = read_state(session, site_id)
    return state


def _reflow(session: Session, site_id: int, *, now: datetime) -> Sequence[Move]:
    rows.lock_alone(session, site_id)
    rules = read_state(session, site_id).wanted
    items = _items(session, site_id, now=now)
    dealt = arithmetic.reflow(
        items,
        timezone=rules.zone,
        days=rules.days,
        time_slots=rules.time_slots,
        now=now,
        skip_dates=rules.skip_dates,
    )
    free = {item.id: dealt[item.id] for item in items if not (item.pinned or item.locked)}
    made_to = max((at for at in free.values() if at is not None), default=now)
    rows.remove_free(session, site_id)
    _put(session, site_id, free, slots=_slots_until(rules, now, made_to))
    _make_anew(session, site_id, rules, now=now, made_to=made_to)
    return [
        Move(item.id, item.at, dealt[item.id]) for item in items if item.at is not None and dealt[item.id] != item.at
    ]


def _items(session: Session, site_id: int, *, now: datetime) -> list[ReflowItem[int]]:
    """Everything that stands after `now`, in the order of its slots. Its publications are locked."""
    query = (
        select(CalendarSlot.content_id, CalendarSlot.slot_at, CalendarSlot.pinned, Content.status, Publication.status)
        .join(Content, Content.id == CalendarSlot.content_id)
        .join(Publication, Publication.content_id == CalendarSlot.content_id)
        .where(CalendarSlot.site_id == site_id, CalendarSlot.slot_at > now)
        .order_by(CalendarSlot.slot_at)
        .with_for_update(of=Publication)
    )
    waiting = (ContentStatus.SCHEDULED, PublicationStatus.PLANNED)
    return [
        ReflowItem(id=content_id, at=slot_at, pinned=pinned, locked=(content, publication) != waiting)
        for content_id, slot_at, pinned, content, publication in session.execute(query)
        if content_id is not None
    ]


def _slots_until(rules: SlotRules, after: datetime, last: datetime) -> dict[datetime, Slot]:
    slots: dict[datetime, Slot] = {}
    for slot in rules.slots(after=after):
        if slot.at > last:
            break
        slots[slot.at] = slot
    return slots


def _put(session: Session, site_id: int, dealt: dict[int, datetime | None], *, slots: dict[datetime, Slot]) -> None:
    """Give each content its slot. All are cleared first: on the way no two may hold one."""
    if not dealt:
        return
    cleared = delete(rows.SLOTS).where(rows.SLOTS.c.site_id == site_id, rows.SLOTS.c.content_id == bindparam("content"))
    session.connection().execute(cleared, [{"content": content_id} for content_id in dealt])
    placed = {content_id: at for content_id, at in dealt.items() if at is not None}
    if placed:
        session.execute(
            insert(rows.SLOTS),
            [rows.slot_row(site_id, slots[at], content_id=content_id) for content_id, at in placed.items()],
        )
        _move_publications(session, placed)
    for content_id in dealt.keys() - placed.keys():
        placing.withdraw(session, content_id)
        placing.move_content(session, content_id, ContentStatus.APPROVED, of=(ContentStatus.SCHEDULED,))


def _move_publications(session: Session, placed: dict[int, datetime]) -> None:
    moved = (
        update(_PUBLICATIONS)
        .where(_PUBLICATIONS.c.content_id == bindparam("content"))
        .values(slot_at=bindparam("at"), due_at=bindparam("at"), sends=0, ticket=_PUBLICATIONS.c.ticket + 1)
    )
    session.connection().execute(moved, [{"content": content_id, "at": at} for content_id, at in placed.items()])


def _make_anew(session: Session, site_id: int, rules: SlotRules, *, now: datetime, made_to: datetime) -> None:
    """Free slots by `rules` from `made_to` on; up to there every slot is taken."""
    rows.remove_free(session, site_id)
    version = read_state(session, site_id).version + 1
    rows.set_calendar(session, site_id, refilled_to=made_to, version=version, **rows.made_by(rules))
    rows.add_free(session, site_id, rules, now=now, count=rows.CHUNK)
