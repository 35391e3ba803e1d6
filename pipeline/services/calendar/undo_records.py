"""Owns taking back what a person did to a calendar: one record an action, undone as a whole or not at all.

Never: redoes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, NotFoundError
from pipeline.core.states import ContentStatus
from pipeline.models import CalendarSlot, Content, Site, UndoRecord
from pipeline.services import audit, settings
from pipeline.services.calendar import positions, spots
from pipeline.services.calendar.positions import Position, Snapshot
from pipeline.services.calendar.reflow import Move, alone, reflow_around
from pipeline.services.calendar.rules import SlotRules
from pipeline.services.calendar.spots import Spot

_GONE_OUT: Final = frozenset({ContentStatus.PUBLISHING, ContentStatus.PUBLISHED})


def remember(
    session: Session,
    subject: Content | Site,
    *,
    action: str,
    moves: Sequence[tuple[Snapshot, Position]],
    actor: str,
    now: datetime,
) -> UndoRecord:
    """Keep what an action on one content moved, so that it can be taken back."""
    pairs = [(was.content_id, _return_to(was), new) for was, new in moves]
    site_id = subject.id if isinstance(subject, Site) else subject.site_id
    return _add(session, subject.account_id, site_id, action=action, pairs=pairs, rules=None, actor=actor, now=now)


def remember_change(
    session: Session,
    site: Site,
    moves: Sequence[Move],
    *,
    before: SlotRules,
    after: SlotRules,
    actor: str,
    now: datetime,
) -> UndoRecord:
    """Keep what a change of the calendar's settings or zone was, and what it moved."""
    pairs = [(move.content_id, _position(move.was), _position(move.now)) for move in moves]
    rules = {"before": before.as_json(), "after": after.as_json()}
    return _add(session, site.account_id, site.id, action="changed", pairs=pairs, rules=rules, actor=actor, now=now)


def write_down(session: Session, was: Snapshot, new: Position, *, action: str, actor: str, now: datetime) -> None:
    """The line of the audit trail for one content."""
    audit.record(
        session,
        account_id=was.account_id,
        actor=actor,
        action=f"calendar.{action}",
        subject_kind="content",
        subject_id=was.content_id,
        now=now,
        details={"before": was.position.as_json(), "after": new.as_json()},
    )


def undo(session: Session, site: Site, *, actor: str, now: datetime, undo_id: int | None = None) -> UndoRecord:
    """Take back the last action on the site's calendar, or that of `undo_id`: everything it moved, settings and zone.

    NotFoundError where there is no such action. ConflictError where none is left, or something it moved has gone out,
    stands elsewhere since or would have to return to what has passed or is taken.
    """
    rules = alone(session, site.id, now=now)
    record = _open_record(session, site, undo_id)
    found = positions.lock(session, site.id, [line["content_id"] for line in record.moves])
    wanted = [_way_back(line, found.get(line["content_id"]), now=now) for line in record.moves]
    if record.rules is None:
        _require_free(session, site.id, wanted)
    else:
        rules = _put_back_rules(session, site, record.rules, current=rules, now=now)
        _make_room(session, site, wanted, now=now)
    positions.put(session, site.id, wanted, zone=rules.zone, now=now)
    record.undone_at = now
    audit.record(
        session,
        account_id=site.account_id,
        actor=actor,
        action="calendar.undone",
        subject_kind="site",
        subject_id=site.id,
        now=now,
        details={"undo_id": record.id, "action": record.action, "moves": len(record.moves)},
    )
    session.flush()
    return record


def _return_to(was: Snapshot) -> Position:
    """Where an undo brings it: what was stuck has a new plan by then, so that it is held back instead."""
    if was.position.status is ContentStatus.NEEDS_ATTENTION:
        return Position(ContentStatus.APPROVED, held_back=True)
    return was.position


def _add(
    session: Session,
    account_id: int,
    site_id: int,
    *,
    action: str,
    pairs: Sequence[tuple[int, Position, Position]],
    rules: dict[str, Any] | None,
    actor: str,
    now: datetime,
) -> UndoRecord:
    moves = [
        {"content_id": content_id, "before": before.as_json(), "after": after.as_json()}
        for content_id, before, after in pairs
    ]
    row = UndoRecord(
        account_id=account_id, site_id=site_id, action=action, moves=moves, rules=rules, actor=actor, at=now
    )
    session.add(row)
    session.flush()
    return row


def _position(spot: Spot | None) -> Position:
    return Position(ContentStatus.APPROVED) if spot is None else Position(ContentStatus.SCHEDULED, spot)


def _open_record(session: Session, site: Site, undo_id: int | None) -> UndoRecord:
    own = select(UndoRecord).where(UndoRecord.account_id == site.account_id, UndoRecord.site_id == site.id)
    own = own.where(UndoRecord.undone_at.is_(None)) if undo_id is None else own.where(UndoRecord.id == undo_id)
    query = own.order_by(UndoRecord.id.desc()).limit(1).execution_options(populate_existing=True)
    record = session.scalar(query)
    if record is None and undo_id is not None:
        raise NotFoundError(f"There is no action {undo_id} on the calendar of this site.")
    if record is None or record.undone_at is not None:
        raise ConflictError(f"There is nothing to undo on the calendar of {site.name}.")
    return record


def _way_back(line: Mapping[str, Any], now_is: Snapshot | None, *, now: datetime) -> tuple[Snapshot, Position]:
    before, after = Position.of_json(line["before"]), Position.of_json(line["after"])
    if now_is is None:
        raise ConflictError(f"It cannot be undone: content {line['content_id']} was deleted since.")
    if now_is.position.status in _GONE_OUT:
        raise ConflictError(f"It cannot be undone: {now_is.title!r} is {now_is.position.status} meanwhile.")
    if not now_is.position.is_at(after):
        raise ConflictError(
            f"It cannot be undone: {now_is.title!r} was moved or changed since. Undo what was done to it later first."
        )
    if before.status is ContentStatus.SCHEDULED and before.spot is not None and before.spot.at <= now:
        raise ConflictError(f"It cannot be undone: the slot that {now_is.title!r} stood on has passed.")
    return now_is, before


def _require_free(session: Session, site_id: int, wanted: Sequence[tuple[Snapshot, Position]]) -> None:
    """Nothing else may stand where these return to."""
    own = {was.content_id for was, _ in wanted}
    instants = [new.spot.at for _, new in wanted if new.spot is not None]
    query = (
        select(Content.id, Content.title)
        .join(CalendarSlot, CalendarSlot.content_id == Content.id)
        .where(CalendarSlot.site_id == site_id, CalendarSlot.slot_at.in_(instants))
    )
    for content_id, title in session.execute(query):
        if content_id not in own:
            raise ConflictError(
                f"It cannot be undone: {title!r} (content {content_id}) took the slot since. Move it away first."
            )


def _put_back_rules(
    session: Session, site: Site, rules: Mapping[str, Any], *, current: SlotRules, now: datetime
) -> SlotRules:
    before, after = SlotRules.of_json(rules["before"]), SlotRules.of_json(rules["after"])
    if current != after:
        raise ConflictError("It cannot be undone: the settings or the zone of the site were changed again since.")
    row = settings.locked_row_of(session, site)
    row.publish_days, row.publish_time_slots = list(before.days), list(before.time_slots)
    row.skip_dates = [day.isoformat() for day in before.skip_dates]
    site.timezone = before.zone
    row.next_run_at = settings.next_run_at(row, site, now=now)
    row.version += 1
    row.updated_at = now
    session.flush()
    return before


def _make_room(session: Session, site: Site, wanted: Sequence[tuple[Snapshot, Position]], *, now: datetime) -> None:
    """What came onto the calendar since is dealt around the spots that are returned to."""
    spots.clear(session, [was.content_id for was, _ in wanted])
    reserved = [new.spot.at for _, new in wanted if new.spot is not None]
    reflow_around(session, site.id, reserved, now=now)
