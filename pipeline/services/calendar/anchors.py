"""Owns keeping slots at their wall times when the rules of zones change with a new release.

Pins stay at their instants: a person was told those. Only a newer release moves anything, so that machines with two of
them do not move slots to and fro. Never: commits; does anything where the release is that of the slots.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from pipeline.core.calendar import Slot, WallTime, slot_wall_time, tzdata_version, wall_slot
from pipeline.models import SiteCalendar
from pipeline.services.calendar import dealing, rows
from pipeline.services.calendar.dealing import Item
from pipeline.services.calendar.reflow import Move, make_anew, moves_of, put_dealt
from pipeline.services.calendar.rules import SlotRules, read_state
from pipeline.services.calendar.spots import Spot


@dataclass(frozen=True)
class Outdated:
    """A calendar whose slots follow from an older release of the zones' rules than is installed."""

    site_id: int
    tzdata: str


def outdated(session: Session, *, limit: int, after: Outdated | None = None) -> Sequence[Outdated]:
    """The oldest of them, or those behind `after`; one look into an index."""
    order = (SiteCalendar.tzdata, SiteCalendar.site_id)
    query = select(SiteCalendar.site_id, SiteCalendar.tzdata).where(SiteCalendar.tzdata < tzdata_version())
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(after.tzdata, after.site_id))
    return [Outdated(site_id, tzdata) for site_id, tzdata in session.execute(query.order_by(*order).limit(limit))]


def re_anchor(session: Session, site_id: int, *, now: datetime) -> Sequence[Move]:
    """Move future unpinned items and free slots to the instants that their wall times have now; what moved.

    A wall time that is gone or taken gives its item the next slot behind it; where the site has none, an item whose
    instant another one has got is approved again. Nothing where the release is the same.
    """
    rows.lock_alone(session, site_id)
    stands = session.scalar(select(SiteCalendar.tzdata).where(SiteCalendar.site_id == site_id))
    if stands is None or stands >= tzdata_version():
        return ()
    rules = read_state(session, site_id).made_by
    if rules is None:
        return ()
    items = dealing.read(session, site_id, now=now, lock=True)
    anchored = _anchored(items, rules, now=now)
    rows.remove_free(session, site_id)
    put_dealt(session, site_id, items, anchored, zone=rules.zone, now=now)
    make_anew(session, site_id, rules, now=now, made_to=now)
    return moves_of(items, anchored)


def _anchored(items: Sequence[Item], rules: SlotRules, *, now: datetime) -> dict[int, Spot | None]:
    """The spot of every item that may move, each at an instant of its own."""
    movable = [item for item in items if not item.locked]
    spots: dict[int, Spot | None] = {item.content_id: _as_told(item) for item in movable if item.spot.pinned}
    taken = {item.spot.at for item in items if item.locked or item.spot.pinned}
    homeless = []
    for item in movable:
        if item.spot.pinned:
            continue
        slot = wall_slot(WallTime(item.spot.slot.local_date, item.spot.slot.local_time), item.zone)
        if slot is None or slot.at <= now or slot.at in taken:
            homeless.append(item)
            continue
        taken.add(slot.at)
        spots[item.content_id] = replace(item.spot, slot=slot)
    for item in homeless:
        spot = _next_spot(item, rules, taken, now=now)
        spots[item.content_id] = spot
        if spot is not None:
            taken.add(spot.at)
    return spots


def _next_spot(item: Item, rules: SlotRules, taken: Collection[datetime], *, now: datetime) -> Spot | None:
    """The next slot behind it; where the site has none, its instant, or none where something else stands there now."""
    slot = next(rules.slots(after=max(now, item.spot.at), taken=taken), None)
    if slot is not None:
        return replace(item.spot, slot=slot)
    return None if item.spot.at in taken else _as_told(item)


def _as_told(item: Item) -> Spot:
    """Its instant, at the wall time that the clocks show then by the rules in use."""
    return replace(item.spot, slot=Slot(item.spot.at, *slot_wall_time(item.spot.at, item.zone)))
