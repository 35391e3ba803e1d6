"""Owns what a person does with one item of a calendar: move, pin, unpin, swap, unschedule, schedule.

Each is alone at the calendar, a compare-and-set on the content, written down for the audit trail, and can be undone.
Never: commits; touches a site.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, InvalidValueError, NotFoundError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content
from pipeline.services.calendar import destinations, positions, rows, undo_records
from pipeline.services.calendar.destinations import To
from pipeline.services.calendar.positions import Position, Snapshot
from pipeline.services.calendar.reflow import Move, alone
from pipeline.services.calendar.rules import SlotRules
from pipeline.services.calendar.spots import Spot
from pipeline.services.content_refusals import what_it_is

_SCHEDULED: Final = frozenset({ContentStatus.SCHEDULED})
_UNSCHEDULED: Final = frozenset({ContentStatus.APPROVED, ContentStatus.READY})


@dataclass(frozen=True)
class Action:
    """What a person did."""

    #: Of `undo`.
    undo_id: int
    moves: Sequence[Move]


def move(session: Session, content: Content, *, to: To, actor: str, now: datetime) -> Action:
    """Move scheduled content to a free slot, or to any wall time of the site: that one is pinned, being no slot.

    Raises InvalidValueError for what has passed, is too far ahead, does not exist or is a skipped date; ConflictError,
    naming the holder, for what is taken, and for content that is not scheduled.
    """
    rules, (was,) = _begin(session, [content], now=now)
    _require(was, _SCHEDULED)
    spot = destinations.spot(session, content.site_id, rules, to, moving=was, now=now)
    pinned = spot.pinned or (was.position.spot is not None and was.position.spot.pinned)
    new = Position(ContentStatus.SCHEDULED, replace(spot, pinned=pinned))
    return _do(session, content, "moved", [(was, new)], rules=rules, actor=actor, now=now)


def pin(session: Session, content: Content, *, to: To | None, actor: str, now: datetime) -> Action:
    """Pin content where it stands, or at a slot or wall time: no reflow moves it. Approved and ready content too.

    A wall time that is no slot takes none. Raises as `move`, and InvalidValueError where it stands nowhere and no
    time is given.
    """
    rules, (was,) = _begin(session, [content], now=now)
    if was.position.status is not ContentStatus.SCHEDULED:
        _require_to_plan(was)
    if to is None:
        if was.position.status is not ContentStatus.SCHEDULED or was.position.spot is None:
            raise InvalidValueError(f"Content {content.id} stands on no slot: give the time to pin it at.")
        spot = was.position.spot
    else:
        spot = destinations.spot(session, content.site_id, rules, to, moving=was, now=now)
    new = Position(ContentStatus.SCHEDULED, replace(spot, pinned=True))
    if was.position.is_at(new):
        raise ConflictError(f"Content {content.id} is pinned there already. To let it move again, unpin it.")
    return _do(session, content, "pinned", [(was, new)], rules=rules, actor=actor, now=now)


def unpin(session: Session, content: Content, *, actor: str, now: datetime) -> Action:
    """Let reflows move it again. What stands beside the slots takes the next free one.

    Raises ConflictError where it is not pinned, or not scheduled.
    """
    rules, (was,) = _begin(session, [content], now=now)
    _require(was, _SCHEDULED)
    spot = was.position.spot
    if spot is None or not spot.pinned:
        raise ConflictError(f"Content {content.id} is not pinned: there is nothing to unpin.")
    if rules.slot_at(spot.at) is None:
        spot = destinations.next_free(session, content.site_id, rules, now=now)
    new = Position(ContentStatus.SCHEDULED, replace(spot, pinned=False))
    return _do(session, content, "unpinned", [(was, new)], rules=rules, actor=actor, now=now)


def swap(session: Session, first: Content, second: Content, *, actor: str, now: datetime) -> Action:
    """Two scheduled contents of one site change places; a pin stays with its content.

    Raises InvalidValueError for content of two sites, or one and the same; ConflictError for what is not scheduled or
    whose slot has passed.
    """
    if first.id == second.id or (first.account_id, first.site_id) != (second.account_id, second.site_id):
        raise InvalidValueError("Only two different articles of one site can change places.")
    rules, both = _begin(session, [first, second], now=now)
    spots = [_spot_to_give(was, now=now) for was in both]
    wanted = [
        (was, Position(ContentStatus.SCHEDULED, _taken_over(other, own=own, rules=rules)))
        for was, own, other in zip(both, spots, reversed(spots), strict=True)
    ]
    return _do(session, first, "swapped", wanted, rules=rules, actor=actor, now=now)


def unschedule(session: Session, content: Content, *, actor: str, now: datetime) -> Action:
    """Take scheduled or ready content off the calendar and hold it back, until a person schedules it.

    Raises ConflictError where it is neither, above all when it is just being published.
    """
    rules, (was,) = _begin(session, [content], now=now)
    _require(was, _SCHEDULED | {ContentStatus.READY})
    wanted = [(was, Position(ContentStatus.APPROVED, held_back=True))]
    return _do(session, content, "unscheduled", wanted, rules=rules, actor=actor, now=now)


def schedule(session: Session, content: Content, *, to: To | None, actor: str, now: datetime) -> Action:
    """Put approved or ready content on the next free slot, or on a given one; what was held back is so no longer.

    So too what was missed, or got stuck in publishing.
    Raises as `move`, and ConflictError where the site has no slots.
    """
    rules, (was,) = _begin(session, [content], now=now)
    _require_to_plan(was)
    if to is None:
        spot = destinations.next_free(session, content.site_id, rules, now=now)
    else:
        spot = destinations.spot(session, content.site_id, rules, to, moving=was, now=now)
    wanted = [(was, Position(ContentStatus.SCHEDULED, spot))]
    return _do(session, content, "scheduled", wanted, rules=rules, actor=actor, now=now)


def _begin(session: Session, contents: Sequence[Content], *, now: datetime) -> tuple[SlotRules, tuple[Snapshot, ...]]:
    """Be alone at the calendar, and lock the contents as they are now."""
    site_id = contents[0].site_id
    rules = alone(session, site_id, now=now)
    rows.require_site(session, site_id)
    found = positions.lock(session, site_id, [content.id for content in contents])
    for content in contents:
        if content.id not in found:
            raise NotFoundError(f"Content {content.id} is not there any more.")
    return rules, tuple(found[content.id] for content in contents)


def _do(
    session: Session,
    content: Content,
    action: str,
    wanted: Sequence[tuple[Snapshot, Position]],
    *,
    rules: SlotRules,
    actor: str,
    now: datetime,
) -> Action:
    if all(was.position.is_at(new) for was, new in wanted):
        raise ConflictError(f"Content {content.id} stands exactly there already.")
    positions.put(session, content.site_id, wanted, zone=rules.zone, now=now)
    record = undo_records.remember(session, content, action=action, moves=wanted, actor=actor, now=now)
    for was, new in wanted:
        undo_records.write_down(session, was, new, action=action, actor=actor, now=now)
    return Action(record.id, [Move(was.content_id, was.title, was.position.spot, new.spot) for was, new in wanted])


def _require(was: Snapshot, statuses: Collection[ContentStatus]) -> None:
    status = was.position.status
    if was.publication is PublicationStatus.DRAFTING:
        raise ConflictError(
            f"Content {was.content_id} is just being written at its site, ahead of its slot. Try again in a minute."
        )
    if was.publication is PublicationStatus.PUBLISHING:
        status = ContentStatus.PUBLISHING
    if status is ContentStatus.PUBLISHING or status not in statuses:
        raise ConflictError(what_it_is(was.content_id, status))


def _require_to_plan(was: Snapshot) -> None:
    if was.is_leaving:
        raise ConflictError(
            f"Content {was.content_id} is just being taken off its site. Schedule it once that is done."
        )
    _require(was, _UNSCHEDULED | ({ContentStatus.NEEDS_ATTENTION} if was.is_stuck else set()))


def _spot_to_give(was: Snapshot, *, now: datetime) -> Spot:
    _require(was, _SCHEDULED)
    spot = was.position.spot
    if spot is None or spot.at <= now:
        raise ConflictError(f"The slot of content {was.content_id} has passed: move the other one to a free slot.")
    return spot


def _taken_over(spot: Spot, *, own: Spot, rules: SlotRules) -> Spot:
    """Another's instant under one's own pin; beside the slots everything is pinned."""
    return replace(spot, pinned=own.pinned or rules.slot_at(spot.at) is None)
