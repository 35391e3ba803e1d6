"""Owns what becomes of items whose slot passed too long ago to be published late.

They take the next slots in their order, and what stands there moves back by as much as it must, in its order; pinned
ones are missed: a person decides. What is pinned, being published, or partly at its site already never moves. Never:
commits; touches a site.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, or_, update
from sqlalchemy.orm import Session

from pipeline.core.calendar import Slot
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import CalendarSlot, Content, Publication
from pipeline.models.base import table_of
from pipeline.services import placing, stuck
from pipeline.services.calendar import dealing, rows
from pipeline.services.calendar.dealing import Item
from pipeline.services.calendar.reflow import Move, alone, make_anew, moves_of, put_dealt
from pipeline.services.calendar.rules import SlotRules
from pipeline.services.calendar.spots import Spot

MISSED: Final = "Its pinned time passed while nothing could be published."

_PUBLICATIONS: Final = table_of(Publication)
#: Nobody carries them out just now.
_WAITING: Final = (PublicationStatus.PLANNED, PublicationStatus.DRAFTED)
_UNDER_WAY: Final = (ContentStatus.SCHEDULED, ContentStatus.PUBLISHING)


@dataclass(frozen=True)
class PutBack:
    """What was decided about a site's overdue items."""

    #: Overdue ones and those behind that made room, in their order.
    moved: Sequence[Move]
    #: Contents whose pinned time passed.
    missed: Sequence[int]


def is_too_late(publication: Publication, *, now: datetime, grace: timedelta) -> bool:
    """Whether its slot passed more than `grace` ago, and nothing of it can be at the site yet."""
    if publication.status not in _WAITING or publication.due_at is None or publication.may_be_seen:
        return False
    return publication.slot_at is not None and now - publication.slot_at > grace


def put_back(session: Session, site_id: int, *, now: datetime, grace: timedelta) -> PutBack:
    """Decide about everything of the site that is overdue by more than `grace`, alone at its calendar."""
    rules = alone(session, site_id, now=now)
    late = _overdue(session, site_id, before=now - grace)
    missed = [item.content_id for item in late if item.spot.pinned]
    waiting = [item for item in late if not item.spot.pinned]
    _miss(session, missed, now=now)
    if not waiting:
        return PutBack([], missed)
    ahead = dealing.read(session, site_id, now=now, lock=True)
    dealt = deal(waiting, ahead, grid=_grid(rules, ahead, now=now))
    _wait_anew(session, [item.content_id for item in waiting])
    rows.remove_free(session, site_id)
    put_dealt(session, site_id, [*waiting, *ahead], dealt, zone=rules.zone, now=now)
    made_to = max((spot.at for spot in dealt.values() if spot is not None), default=now)
    make_anew(session, site_id, rules, now=now, made_to=made_to)
    return PutBack(moves_of([*waiting, *ahead], dealt), missed)


def deal(waiting: Sequence[Item], ahead: Sequence[Item], *, grid: Iterator[Slot]) -> dict[int, Spot | None]:
    """First come, first served: whoever loses its slot waits behind those that wait already, until a hole takes one."""
    holders = {item.spot.at: item.content_id for item in ahead if _makes_room(item)}
    queue = deque(item.content_id for item in waiting)
    dealt: dict[int, Spot | None] = {}
    while queue and (slot := next(grid, None)) is not None:
        if slot.at in holders:
            queue.append(holders[slot.at])
        dealt[queue.popleft()] = Spot(slot)
    return dealt | dict.fromkeys(queue)


def _overdue(session: Session, site_id: int, *, before: datetime) -> Sequence[Item]:
    """The items whose slot passed before that instant, earliest first; their publications are locked."""
    query = dealing.standing(site_id).where(
        CalendarSlot.slot_at < before,
        Publication.status.in_(_WAITING),
        Publication.due_at.is_not(None),
        or_(
            Publication.status == PublicationStatus.DRAFTED,
            and_(Publication.remote_id.is_(None), Publication.unknown_since.is_(None)),
        ),
        Content.status.in_(_UNDER_WAY),
    )
    return [dealing.item(row) for row in session.execute(query.with_for_update(of=Publication))]


def _grid(rules: SlotRules, ahead: Sequence[Item], *, now: datetime) -> Iterator[Slot]:
    """The instants after `now` that items may have: the site's slots, and where others stand that kept an old one."""
    fixed = [item.spot.at for item in ahead if not _makes_room(item)]
    kept = [item.spot.slot for item in ahead if _makes_room(item)]
    last = None
    for slot in heapq.merge(kept, rules.slots(after=now, taken=fixed), key=_by_instant):
        if slot.at != last:
            yield slot
        last = slot.at


def _makes_room(item: Item) -> bool:
    return not (item.locked or item.spot.pinned or item.may_be_seen)


def _miss(session: Session, content_ids: Sequence[int], *, now: datetime) -> None:
    """A person decides, and is told."""
    for content_id in content_ids:
        session.execute(
            update(_PUBLICATIONS)
            .where(_PUBLICATIONS.c.content_id == content_id)
            .values(
                status=PublicationStatus.MISSED,
                due_at=None,
                sends=0,
                error=MISSED,
                ticket=_PUBLICATIONS.c.ticket + 1,
            )
        )
        placing.move_content(session, content_id, ContentStatus.NEEDS_ATTENTION, of=_UNDER_WAY)
    stuck.tell(session, content_ids, now=now)


def _wait_anew(session: Session, content_ids: Sequence[int]) -> None:
    """One that waited for its next try waits for its slot like the others."""
    for content_id in content_ids:
        placing.move_content(session, content_id, ContentStatus.SCHEDULED, of=(ContentStatus.PUBLISHING,))


def _by_instant(slot: Slot) -> datetime:
    return slot.at
