"""Owns what stands on a calendar after now, and where each of it would stand by other rules.

Never: writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, or_, select
from sqlalchemy.orm import Session

from pipeline.core import calendar as arithmetic
from pipeline.core.calendar import ReflowItem, Slot, WallTime, slot_wall_time, wall_slot
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import CalendarSlot, Content, Publication
from pipeline.models.base import table_of
from pipeline.models.publishing import UNSEEN
from pipeline.services.calendar.rules import SlotRules
from pipeline.services.calendar.spots import Spot

_MOVABLE = frozenset({PublicationStatus.PLANNED, PublicationStatus.DRAFTED})


@dataclass(frozen=True)
class Item:
    """One content that stands on the calendar."""

    content_id: int
    title: str
    spot: Spot
    #: That of its wall time.
    zone: str
    #: The release of the zone's rules that its instant follows from.
    tzdata: str
    #: It is being published: it may not move any more.
    locked: bool
    #: Visitors of its site see something of it, or may see it.
    may_be_seen: bool


def read(session: Session, site_id: int, *, now: datetime, lock: bool) -> Sequence[Item]:
    """Everything that stands after `now`, in the order of its slots; with `lock`, its publications are locked."""
    query = standing(site_id).where(CalendarSlot.slot_at > now)
    if lock:
        query = query.with_for_update(of=Publication)
    return [item(row) for row in session.execute(query)]


def standing(site_id: int) -> Select[Any]:
    """Whatever stands on the site's calendar, in the order of its slots, in rows for `item`."""
    return (
        select(
            *table_of(CalendarSlot).columns,
            Content.title,
            Content.status,
            Publication.status.label("publication"),
            and_(
                or_(Publication.remote_id.is_not(None), Publication.unknown_since.is_not(None)),
                Publication.status.not_in(UNSEEN),
            ).label("may_be_seen"),
        )
        .join(Content, Content.id == CalendarSlot.content_id)
        .join(Publication, Publication.content_id == CalendarSlot.content_id)
        .where(CalendarSlot.site_id == site_id)
        .order_by(CalendarSlot.slot_at)
    )


def item(row: Row[Any]) -> Item:
    """What stands there, of a row of `standing`."""
    return Item(
        content_id=row.content_id,
        title=row.title,
        spot=Spot(Slot(row.slot_at, row.local_date, row.local_time), pinned=row.pinned),
        zone=row.zone,
        tzdata=row.tzdata,
        locked=row.status is not ContentStatus.SCHEDULED or row.publication not in _MOVABLE,
        may_be_seen=row.may_be_seen,
    )


def deal(items: Sequence[Item], rules: SlotRules, *, now: datetime) -> dict[int, Spot | None]:
    """The slots after `now` dealt again in the order of `items`; the spot of each that may move, None without a slot.

    Pins keep their wall time, and what they hold is not dealt.
    """
    locked = _instants(items, locked=True)
    pins = _pins(items, rules, now=now, taken=locked)
    loose = [item for item in items if not item.locked and not item.spot.pinned]
    return {**pins, **_dealt(loose, rules, now=now, fixed={*locked, *(spot.at for spot in pins.values())})}


def deal_around(
    items: Sequence[Item], rules: SlotRules, *, now: datetime, reserved: Collection[datetime], stood: Mapping[int, Spot]
) -> dict[int, Spot | None]:
    """As `deal`, where rules of before return: an item moves only if it must, and nothing gets a `reserved` instant.

    It stays where it is pinned, where it stood by those rules already (`stood`, told as there), and on their slots.
    """
    movable = [item for item in items if not item.locked]
    # A pin needs no slot: one far ahead is no reason to list all slots up to there.
    grid = _slots_until(rules, now, max((item.spot.at for item in movable if not item.spot.pinned), default=now))
    stays: dict[int, Spot] = {}
    for item in movable:
        spot = _staying(item, rules.zone, grid, stood)
        if spot is not None and (spot.pinned or spot.at not in reserved):
            stays[item.content_id] = spot
    loose = [item for item in movable if item.content_id not in stays]
    fixed = {*reserved, *_instants(items, locked=True), *(spot.at for spot in stays.values())}
    return {**stays, **_dealt(loose, rules, now=now, fixed=fixed)}


def keep(items: Sequence[Item], rules: SlotRules, *, now: datetime) -> dict[int, Spot | None]:
    """Every item where it is, told in the zone of `rules`; only pins move, with their wall time."""
    stays = {item.spot.at for item in items if item.locked or not item.spot.pinned}
    pins = _pins(items, rules, now=now, taken=stays)
    loose = [item for item in items if not item.locked and not item.spot.pinned]
    return {**pins, **{item.content_id: _as_shown(item, rules.zone) for item in loose}}


def _dealt(
    loose: Sequence[Item], rules: SlotRules, *, now: datetime, fixed: Collection[datetime]
) -> dict[int, Spot | None]:
    """The slots after `now` that are not `fixed`, in the order of the items."""
    dealt = arithmetic.reflow(
        [*_held(fixed), *(ReflowItem(id=item.content_id, at=None, pinned=False, locked=False) for item in loose)],
        timezone=rules.zone,
        days=rules.days,
        time_slots=rules.time_slots,
        now=now,
        skip_dates=rules.skip_dates,
    )
    last = max((at for item in loose if (at := dealt[item.content_id]) is not None), default=now)
    slots = _slots_until(rules, now, last)
    placed = {item.content_id: slots.get(at) if (at := dealt[item.content_id]) else None for item in loose}
    return {content_id: None if slot is None else Spot(slot) for content_id, slot in placed.items()}


def _staying(item: Item, zone: str, grid: Mapping[datetime, Slot], stood: Mapping[int, Spot]) -> Spot | None:
    """Its spot where it is; None where it is neither pinned nor at home there."""
    before = stood.get(item.content_id)
    if before is not None and before.at == item.spot.at:
        return replace(before, pinned=item.spot.pinned)
    if item.spot.pinned:
        return _as_shown(item, zone)
    slot = grid.get(item.spot.at)
    return None if slot is None else Spot(slot)


def _pins(items: Sequence[Item], rules: SlotRules, *, now: datetime, taken: Collection[datetime]) -> dict[int, Spot]:
    """Pins at their wall time; one that is gone, past or taken in the new zone leaves the pin at its instant."""
    pinned = {item.content_id: item for item in items if item.spot.pinned and not item.locked}
    stay = {content_id: _as_shown(item, rules.zone) for content_id, item in pinned.items()}
    spots = {content_id: _anchored(item, rules.zone, now) or stay[content_id] for content_id, item in pinned.items()}
    while clashing := _clashing(spots, stay, taken):
        spots.update({content_id: stay[content_id] for content_id in clashing})
    return spots


def _clashing(spots: Mapping[int, Spot], stay: Mapping[int, Spot], taken: Collection[datetime]) -> list[int]:
    """Pins that would move onto an instant that something else holds."""
    counts = Counter(spot.at for spot in spots.values())
    moving = [content_id for content_id, spot in spots.items() if spot.at != stay[content_id].at]
    return [content_id for content_id in moving if counts[spots[content_id].at] > 1 or spots[content_id].at in taken]


def _anchored(item: Item, zone: str, now: datetime) -> Spot | None:
    if item.zone == zone:
        return item.spot
    slot = wall_slot(WallTime(item.spot.slot.local_date, item.spot.slot.local_time), zone)
    return None if slot is None or slot.at <= now else replace(item.spot, slot=slot)


def _as_shown(item: Item, zone: str) -> Spot:
    """Its instant, named as the clocks of the zone show it; as it was asked for where the zone is the same."""
    if item.zone == zone:
        return item.spot
    return replace(item.spot, slot=Slot(item.spot.at, *slot_wall_time(item.spot.at, zone)))


def _instants(items: Sequence[Item], *, locked: bool) -> set[datetime]:
    return {item.spot.at for item in items if item.locked is locked}


def _held(instants: Collection[datetime]) -> list[ReflowItem[int]]:
    """Stand-ins for what holds these instants; ids of contents are positive."""
    return [ReflowItem(id=-number, at=at, pinned=True, locked=True) for number, at in enumerate(instants, start=1)]


def _slots_until(rules: SlotRules, after: datetime, last: datetime) -> dict[datetime, Slot]:
    slots: dict[datetime, Slot] = {}
    for slot in rules.slots(after=after):
        if slot.at > last:
            break
        slots[slot.at] = slot
    return slots
