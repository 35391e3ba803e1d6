"""Owns what becomes of items whose slot passed too long ago to be published late.

They take the next slots in their order, and what stands there moves back by as much as it must, in its order; pinned
ones are missed: a person decides. What is pinned, being published, or partly at its site already never moves. Never:
commits; touches a site.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from pipeline.core.calendar import Slot
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import CalendarSlot, Content, Publication, SiteCalendar
from pipeline.models.base import table_of
from pipeline.services import placing
from pipeline.services.calendar import rows
from pipeline.services.calendar.reflow import alone, drop
from pipeline.services.calendar.rules import read_state

MISSED: Final = "Its pinned time passed while nothing could be published. Publish it now, or schedule it again."

_PUBLICATIONS: Final = table_of(Publication)
_UNDER_WAY: Final = (ContentStatus.SCHEDULED, ContentStatus.PUBLISHING)
_NO_TRACE: Final = (Publication.remote_id.is_(None), Publication.unknown_since.is_(None))


@dataclass(frozen=True)
class Pushed:
    """An item that has another slot now."""

    content_id: int
    was_at: datetime
    #: None: there is no slot for it any more; it is approved again.
    now_at: datetime | None


@dataclass(frozen=True)
class PutBack:
    """What was decided about a site's overdue items."""

    #: Overdue ones and those behind that made room, in their order.
    moved: Sequence[Pushed]
    #: Contents whose pinned time passed.
    missed: Sequence[int]


@dataclass(frozen=True)
class _Item:
    content_id: int
    #: Where it stands.
    slot: Slot
    #: Whether it may move: nobody pinned it, and it has not begun to appear.
    is_movable: bool


def is_too_late(publication: Publication, *, now: datetime, grace: timedelta) -> bool:
    """Whether its slot passed more than `grace` ago, and nothing of it can be at the site yet."""
    if publication.status is not PublicationStatus.PLANNED or publication.due_at is None or publication.has_trace:
        return False
    return publication.slot_at is not None and now - publication.slot_at > grace


def put_back(session: Session, site_id: int, *, now: datetime, grace: timedelta) -> PutBack:
    """Decide about everything of the site that is overdue by more than `grace`, alone at its calendar."""
    rules = alone(session, site_id, now=now)
    late = _overdue(session, site_id, before=now - grace)
    missed = [item.content_id for item in late if not item.is_movable]
    waiting = [item for item in late if item.is_movable]
    _miss(session, missed)
    if not waiting:
        return PutBack([], missed)
    ahead = _ahead(session, site_id, now=now)
    dealt = _deal(waiting, ahead, grid=_grid(session, site_id, ahead, now=now))
    _put(session, site_id, dealt, zone=rules.zone, now=now)
    was_at = {item.content_id: item.slot.at for item in (*waiting, *ahead)}
    moved = [
        Pushed(content_id, was_at[content_id], None if slot is None else slot.at) for content_id, slot in dealt.items()
    ]
    return PutBack(moved, missed)


def _overdue(session: Session, site_id: int, *, before: datetime) -> list[_Item]:
    """The items whose slot passed before that instant, earliest first; their publications are locked."""
    query = (
        select(Publication.content_id, Publication.slot_at, CalendarSlot.pinned)
        .join(Content, Content.id == Publication.content_id)
        .outerjoin(CalendarSlot, CalendarSlot.content_id == Publication.content_id)
        .where(
            Publication.site_id == site_id,
            Publication.status == PublicationStatus.PLANNED,
            Publication.due_at.is_not(None),
            Publication.slot_at < before,
            *_NO_TRACE,
            Content.status.in_(_UNDER_WAY),
        )
        .order_by(Publication.slot_at, Publication.content_id)
        .with_for_update(of=Publication)
    )
    return [
        # Its wall time does not matter any more: it leaves that slot.
        _Item(content_id, Slot(slot_at, slot_at.date(), ""), is_movable=not pinned)
        for content_id, slot_at, pinned in session.execute(query)
        if slot_at is not None
    ]


def _ahead(session: Session, site_id: int, *, now: datetime) -> list[_Item]:
    """Everything that stands after `now`, in the order of its slots; its publications are locked."""
    query = (
        select(
            CalendarSlot.slot_at,
            CalendarSlot.local_date,
            CalendarSlot.local_time,
            Publication.content_id,
            # What may move: nobody chose its instant, and nothing of it is at the site yet.
            and_(
                ~CalendarSlot.pinned,
                Content.status == ContentStatus.SCHEDULED,
                Publication.status == PublicationStatus.PLANNED,
                *_NO_TRACE,
            ).label("is_movable"),
        )
        .join(Content, Content.id == CalendarSlot.content_id)
        .join(Publication, Publication.content_id == CalendarSlot.content_id)
        .where(CalendarSlot.site_id == site_id, CalendarSlot.slot_at > now)
        .order_by(CalendarSlot.slot_at)
        .with_for_update(of=Publication)
    )
    return [
        _Item(content_id, Slot(at, local_date, local_time), is_movable=is_movable)
        for at, local_date, local_time, content_id, is_movable in session.execute(query)
    ]


def _grid(session: Session, site_id: int, ahead: Sequence[_Item], *, now: datetime) -> Iterator[Slot]:
    """The instants after `now` that items may have: the site's slots, and where others stand that kept an old one."""
    rules = read_state(session, site_id).wanted
    fixed = [item.slot.at for item in ahead if not item.is_movable]
    kept = [item.slot for item in ahead if item.is_movable]
    last = None
    for slot in heapq.merge(kept, rules.slots(after=now, taken=fixed), key=_by_instant):
        if slot.at != last:
            yield slot
        last = slot.at


def _deal(waiting: Sequence[_Item], ahead: Sequence[_Item], *, grid: Iterator[Slot]) -> dict[int, Slot | None]:
    """First come, first served: whoever loses its slot waits behind those that wait already, until a hole takes one."""
    holders = {item.slot.at: item.content_id for item in ahead if item.is_movable}
    queue = deque(item.content_id for item in waiting)
    dealt: dict[int, Slot | None] = {}
    while queue and (slot := next(grid, None)) is not None:
        if slot.at in holders:
            queue.append(holders[slot.at])
        dealt[queue.popleft()] = slot
    return dealt | dict.fromkeys(queue)


def _miss(session: Session, content_ids: Sequence[int]) -> None:
    for content_id in content_ids:
        session.execute(
            update(_PUBLICATIONS)
            .where(_PUBLICATIONS.c.content_id == content_id)
            .values(status=PublicationStatus.MISSED, due_at=None, sends=0, error=MISSED)
        )
        placing.move_content(session, content_id, ContentStatus.NEEDS_ATTENTION, of=_UNDER_WAY)


def _put(session: Session, site_id: int, dealt: Mapping[int, Slot | None], *, zone: str, now: datetime) -> None:
    """Give each content its slot, and its publication the new instant. All let go first: no two may hold one."""
    if not dealt:
        return
    taken = {content_id: slot for content_id, slot in dealt.items() if slot is not None}
    of_site = rows.SLOTS.c.site_id == site_id
    left = delete(rows.SLOTS).where(of_site, rows.SLOTS.c.content_id == bindparam("content"))
    free = delete(rows.SLOTS).where(of_site, rows.SLOTS.c.slot_at == bindparam("at"), rows.SLOTS.c.content_id.is_(None))
    _run(session, left, [{"content": content_id} for content_id in dealt])
    _run(session, free, [{"at": slot.at} for slot in taken.values()])
    _run(
        session,
        insert(rows.SLOTS),
        [rows.slot_row(site_id, slot, zone=zone, content_id=content_id) for content_id, slot in taken.items()],
    )
    placing.move_planned(session, [placing.Moved(content_id, slot.at, slot.at) for content_id, slot in taken.items()])
    # One that waited for its next try waits for its slot like the others.
    tried = Content.id.in_(dealt) & (Content.status == ContentStatus.PUBLISHING)
    session.execute(update(Content).where(tried).values(status=ContentStatus.SCHEDULED))
    drop(session, site_id, [content_id for content_id in dealt if content_id not in taken], now=now)
    _extend(session, site_id, max((slot.at for slot in taken.values()), default=now))


def _extend(session: Session, site_id: int, last: datetime) -> None:
    """Up to `last` every slot is taken: those that are made next stand behind it."""
    made_to = session.scalar(select(SiteCalendar.refilled_to).where(SiteCalendar.site_id == site_id))
    if made_to is None or made_to < last:
        rows.set_calendar(session, site_id, refilled_to=last)


def _run(session: Session, statement: Any, values: list[dict[str, Any]]) -> None:
    if values:
        session.connection().execute(statement, values)


def _by_instant(slot: Slot) -> datetime:
    return slot.at
