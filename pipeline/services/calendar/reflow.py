"""Owns what happens to a calendar when its slots change: rows made anew, and scheduled items moved or left.

What is being published and what is overdue never moves, a pin only with its wall time. Never: commits; touches a site.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from pipeline.core.calendar import tzdata_version
from pipeline.core.states import ContentStatus
from pipeline.models import Content, Publication, Site
from pipeline.models.base import table_of
from pipeline.services import placing
from pipeline.services.calendar import dealing, rows, spots
from pipeline.services.calendar.dealing import Item
from pipeline.services.calendar.rules import CalendarState, SlotRules, read_state
from pipeline.services.calendar.spots import Spot

_PUBLICATIONS: Final = table_of(Publication)
_CONTENTS: Final = table_of(Content)


@dataclass(frozen=True)
class Move:
    """An item that was moved, or would be."""

    content_id: int
    title: str
    #: None: it stood on no slot.
    was: Spot | None
    #: None: it stands on no slot any more; it is approved again.
    now: Spot | None

    @property
    def was_at(self) -> datetime | None:
        """The instant it stood at."""
        return None if self.was is None else self.was.at

    @property
    def now_at(self) -> datetime | None:
        """The instant it stands at."""
        return None if self.now is None else self.now.at


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


def alone(session: Session, site_id: int, *, now: datetime) -> SlotRules:
    """As `current_rules`, and nobody else is at the calendar until the transaction ends.

    The site is locked before it: a publisher that puts items back has it locked, and a change of zone writes it.
    """
    rows.lock_site(session, site_id)
    current_rules(session, site_id, now=now)
    rows.lock_alone(session, site_id)
    # Settings may have been saved while the lock was waited for.
    return current_rules(session, site_id, now=now)


def reflow(session: Session, site: Site, *, now: datetime) -> Sequence[Move]:
    """Deal the slots after `now` again by the settings as they are, in the order of the queue; what moved, and whereto.

    Call it in the transaction that saved the settings or the zone. Items without a slot are approved again.
    """
    rows.make(session, site.id, read_state(session, site.id).wanted)
    return _reflow(session, site.id, now=now)


def keep(session: Session, site: Site, *, now: datetime) -> Sequence[Move]:
    """Take the settings for free slots only: what is scheduled stays where it is, but pins keep their wall time."""
    rows.make(session, site.id, read_state(session, site.id).wanted)
    rows.lock_alone(session, site.id)
    rules = read_state(session, site.id).wanted
    items = dealing.read(session, site.id, now=now, lock=True)
    kept = dealing.keep(items, rules, now=now)
    rows.remove_free(session, site.id)
    put_dealt(session, site.id, items, kept, zone=rules.zone, now=now)
    make_anew(session, site.id, rules, now=now, made_to=now)
    return moves_of(items, kept)


def moves_of(items: Sequence[Item], dealt: Mapping[int, Spot | None]) -> Sequence[Move]:
    """Those that stand at another instant, or at none."""
    moves = (
        Move(item.content_id, item.title, item.spot, dealt[item.content_id])
        for item in items
        if item.content_id in dealt
    )
    return [move for move in moves if move.now_at != move.was_at]


def put_dealt(
    session: Session,
    site_id: int,
    items: Sequence[Item],
    dealt: Mapping[int, Spot | None],
    *,
    zone: str,
    now: datetime,
) -> None:
    """Give each content its spot. All are cleared first: on the way no two may hold one."""
    were = {item.content_id: item for item in items}
    made = (zone, tzdata_version())
    changed = {
        content_id: spot
        for content_id, spot in dealt.items()
        if spot != were[content_id].spot or (were[content_id].zone, were[content_id].tzdata) != made
    }
    if not changed:
        return
    taken = {content_id: spot for content_id, spot in changed.items() if spot is not None}
    spots.clear(session, list(changed))
    spots.put(session, site_id, taken, zone=zone)
    placing.retime(
        session, [placing.Retimed(content_id, spot.at, spot.at) for content_id, spot in taken.items()], now=now
    )
    gone = [item.content_id for item in items if changed.get(item.content_id, item) is None]
    drop(session, site_id, gone, now=now)


def make_anew(session: Session, site_id: int, rules: SlotRules, *, now: datetime, made_to: datetime) -> None:
    """Free slots by `rules` from `made_to` on; up to there every slot is taken."""
    rows.remove_free(session, site_id)
    version = read_state(session, site_id).version + 1
    rows.set_calendar(session, site_id, refilled_to=made_to, version=version, **rows.made_by(rules))
    rows.add_free(session, site_id, rules, now=now, count=rows.CHUNK)


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
    items = dealing.read(session, site_id, now=now, lock=True)
    dealt = dealing.deal(items, rules, now=now)
    made_to = max((spot.at for spot in dealt.values() if spot is not None and not spot.pinned), default=now)
    rows.remove_free(session, site_id)
    put_dealt(session, site_id, items, dealt, zone=rules.zone, now=now)
    make_anew(session, site_id, rules, now=now, made_to=made_to)
    return moves_of(items, dealt)


def drop(session: Session, site_id: int, content_ids: Sequence[int], *, now: datetime) -> None:
    """Approve these again; they wait in their order, before all that waited already."""
    if not content_ids:
        return
    waiting = (Content.site_id == site_id, Content.status == ContentStatus.APPROVED)
    first = min(session.scalar(select(func.min(Content.queue_position)).where(*waiting)) or 0, 0) - len(content_ids)
    placing.withdraw_many(session, content_ids, now=now)
    again = (
        update(_CONTENTS)
        .where(_CONTENTS.c.id == bindparam("content"), _CONTENTS.c.status == ContentStatus.SCHEDULED)
        .values(status=ContentStatus.APPROVED, queue_position=bindparam("position"))
    )
    queue = [{"content": content_id, "position": first + number} for number, content_id in enumerate(content_ids)]
    session.connection().execute(again, queue)
