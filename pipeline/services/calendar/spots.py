"""Owns where an item of a calendar stands, and the rows that say so.

Its caller is alone at the calendar. Never: decides who stands where; free slots to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import bindparam, delete
from sqlalchemy.orm import Session

from pipeline.core.calendar import Slot, WallTime, slot_wall_time, wall_slot
from pipeline.models.inserting import insert_rows
from pipeline.models.selecting import is_one_of, portions
from pipeline.services.calendar import rows


@dataclass(frozen=True)
class Spot:
    """Where an item stands: on a slot, or pinned beside the slots."""

    slot: Slot
    #: A person chose it: no reflow moves it.
    pinned: bool = False

    @property
    def at(self) -> datetime:
        """The instant, in UTC."""
        return self.slot.at


def told_in(spot: Spot, zone: str) -> Spot:
    """The spot at its wall time where that stands for its instant in the zone; else as the clocks there show it."""
    wall = WallTime(spot.slot.local_date, spot.slot.local_time)
    if wall_slot(wall, zone) == spot.slot:
        return spot
    return replace(spot, slot=Slot(spot.at, *slot_wall_time(spot.at, zone)))


def clear(session: Session, content_ids: Sequence[int]) -> None:
    """Take the contents off their spots, which are not free by that."""
    for some in portions(content_ids):
        session.execute(delete(rows.SLOTS).where(is_one_of(session, rows.SLOTS.c.content_id, some)))


def clear_free(session: Session, site_id: int, instants: Sequence[datetime]) -> None:
    """Remove the free slots that stand at these instants."""
    if not instants:
        return
    free = delete(rows.SLOTS).where(
        rows.SLOTS.c.site_id == site_id, rows.SLOTS.c.slot_at == bindparam("at"), rows.SLOTS.c.content_id.is_(None)
    )
    session.connection().execute(free, [{"at": at} for at in instants])


def put(session: Session, site_id: int, spots: Mapping[int, Spot], *, zone: str) -> None:
    """Put each content on its spot; nothing may stand there any more."""
    made = [
        rows.slot_row(site_id, spot.slot, zone=zone, content_id=content_id, pinned=spot.pinned)
        for content_id, spot in spots.items()
    ]
    insert_rows(session, rows.SLOTS, made)
