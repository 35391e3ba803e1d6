"""Owns who gets which slot: the one allocator, for a single content and in bulk.

The earliest free slot after now, holes before the tail; in bulk in the order of the queue
(queue_position, approved_at, id). Never: commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Select, Table, func, literal, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import TransitionError
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Site
from pipeline.services import placing
from pipeline.services.calendar import rows
from pipeline.services.calendar.reflow import current_rules, share
from pipeline.services.calendar.rules import SlotRules

_CONTENTS: Final = cast("Table", Content.__table__)
#: The queue; the id decides last.
_ORDER: Final = (_CONTENTS.c.queue_position, _CONTENTS.c.approved_at)
_FROM: Final = (ContentStatus.APPROVED, ContentStatus.READY)


def refill(session: Session, site: Site, *, now: datetime, until_free: int) -> int:
    """Make free slots until `until_free` stand after `now`; remove those that passed. How many were made."""
    rules = current_rules(session, site.id, now=now)
    rows.lock_extend(session, site.id)
    rows.remove_free(session, site.id, until=now)
    return _refill(session, site.id, rules, now=now, until_free=until_free)


def schedule_next(session: Session, content: Content, *, now: datetime) -> datetime | None:
    """Put an approved content on the earliest free slot after `now` and plan its publication; a ready one anew.

    None, and nothing changed, where the site has no slots. Any number of writers get distinct slots without holes.
    So is one whose publication got stuck or was missed. Raises TransitionError where the content is none of these.
    """
    if not (rules := share(session, content.site_id, now=now)).has_slots:
        return None
    planned = placing.lock_to_schedule(session, content.id)
    of = (*_FROM, ContentStatus.NEEDS_ATTENTION) if planned in placing.STUCK else _FROM
    new = {"held_back": False, "queue_position": 0}
    if not placing.move_content(session, content.id, ContentStatus.SCHEDULED, of=of, **new):
        raise TransitionError(
            f"Content {content.id} is {content.status}: only approved or ready content can be scheduled. "
            "Approve it first, or look at what became of it."
        )
    if planned is not None:
        rows.release(session, content.id, site_id=content.site_id, now=now)
    slot_at = _take(session, content, rules, now=now)
    if slot_at is None:
        placing.move_content(session, content.id, ContentStatus.APPROVED, of=(ContentStatus.SCHEDULED,))
        return None
    placing.plan(session, content, slot_at=slot_at, due_at=slot_at, now=now)
    return slot_at


def fill(session: Session, site_id: int, *, now: datetime, limit: int) -> int:
    """Schedule up to `limit` approved contents that nobody holds back; how many were.

    A few statements, however many there are; rows loaded in this session are not told. 0 at once where another beat
    is at this site.
    """
    if not current_rules(session, site_id, now=now).has_slots or not rows.lock_alone_or_leave(session, site_id):
        return 0
    rules = current_rules(session, site_id, now=now)
    if not rules.has_slots:
        return 0
    rows.remove_free(session, site_id, until=now)
    free = rows.count_free(session, site_id, now=now, up_to=limit)
    if free:
        _pair(session, site_id, now=now, limit=free)
    behind = _locked_without_slot(session, site_id, limit=limit - free)
    rows.add_taken(session, site_id, rules, behind, now=now)
    placing.plan_selected(session, _plans(site_id, now))
    return _schedule_paired(session, site_id)


def _take(session: Session, content: Content, rules: SlotRules, *, now: datetime) -> datetime | None:
    slot_at = rows.take_free(session, site_id=content.site_id, content_id=content.id, now=now)
    if slot_at is not None:
        return slot_at
    rows.lock_extend(session, content.site_id)
    # Whoever had the lock before has made slots. What others are just taking looks free: so no counting here.
    slot_at = rows.take_free(session, site_id=content.site_id, content_id=content.id, now=now)
    if slot_at is None and rows.add_free(session, content.site_id, rules, now=now, count=rows.CHUNK):
        slot_at = rows.take_free(session, site_id=content.site_id, content_id=content.id, now=now)
    return slot_at


def _refill(session: Session, site_id: int, rules: SlotRules, *, now: datetime, until_free: int) -> int:
    missing = until_free - rows.count_free(session, site_id, now=now, up_to=until_free)
    return rows.add_free(session, site_id, rules, now=now, count=max(missing, rows.CHUNK)) if missing > 0 else 0


def _waiting(site_id: int) -> Select[*tuple[Any, ...]]:
    return select(_CONTENTS.c.id, *_ORDER).where(
        _CONTENTS.c.site_id == site_id,
        # The literal lets the partial index serve it.
        _CONTENTS.c.status == ContentStatus.APPROVED,
        _CONTENTS.c.held_back.is_(False),
    )


def _pair(session: Session, site_id: int, *, now: datetime, limit: int) -> None:
    """The n-th waiting content gets the n-th free slot; the contents are locked."""
    first = _waiting(site_id).order_by(*_ORDER, _CONTENTS.c.id).limit(limit)
    waiting = first.with_for_update().cte("waiting")
    order = (waiting.c.queue_position, waiting.c.approved_at, waiting.c.id)
    queue = select(waiting.c.id, func.row_number().over(order_by=order).label("number")).cte("queue")
    free = (
        select(rows.SLOTS.c.slot_at, func.row_number().over(order_by=rows.SLOTS.c.slot_at).label("number"))
        .where(rows.SLOTS.c.site_id == site_id, rows.SLOTS.c.content_id.is_(None), rows.SLOTS.c.slot_at > now)
        .order_by(rows.SLOTS.c.slot_at)
        .limit(limit)
        .cte("free")
    )
    session.execute(
        update(rows.SLOTS)
        .where(rows.SLOTS.c.site_id == site_id, rows.SLOTS.c.slot_at == free.c.slot_at, free.c.number == queue.c.number)
        .values(content_id=queue.c.id)
    )


def _locked_without_slot(session: Session, site_id: int, *, limit: int) -> Sequence[int]:
    """Waiting contents that hold no slot, locked, in the order of the queue."""
    holds_slot = select(rows.SLOTS.c.content_id).where(rows.SLOTS.c.content_id == _CONTENTS.c.id).exists()
    waiting = _waiting(site_id).where(~holds_slot)
    _, *order = waiting.selected_columns
    return session.scalars(waiting.order_by(*order, _CONTENTS.c.id).limit(limit).with_for_update(of=_CONTENTS)).all()


def _plans(site_id: int, now: datetime) -> Select[*tuple[Any, ...]]:
    """A plan for every approved content that holds a slot: only those just paired do."""
    contents, slots = _CONTENTS.c, rows.SLOTS.c
    return (
        select(
            contents.account_id,
            contents.site_id,
            contents.id,
            literal(now, slots.slot_at.type),
            literal(PublicationStatus.PLANNED.value),
            slots.slot_at,
            slots.slot_at,
            literal(0),
            literal(0),
            literal(0),
        )
        .join_from(_CONTENTS, rows.SLOTS, slots.content_id == contents.id)
        .where(contents.site_id == site_id, contents.status == ContentStatus.APPROVED)
    )


def _schedule_paired(session: Session, site_id: int) -> int:
    holds_slot = select(rows.SLOTS.c.content_id).where(rows.SLOTS.c.content_id == _CONTENTS.c.id).exists()
    statement = (
        update(_CONTENTS)
        .where(_CONTENTS.c.site_id == site_id, _CONTENTS.c.status == ContentStatus.APPROVED, holds_slot)
        .values(status=ContentStatus.SCHEDULED, queue_position=0)
    )
    return cast("CursorResult[Any]", session.execute(statement)).rowcount
