"""Owns taking back what a person did to a calendar: an action as a whole or not at all, and nothing that it left alone.

Lock order: site, calendar, settings' row, publication, content, slot. Never: redoes; commits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.core.states import ContentStatus
from pipeline.models import CalendarSlot, Site, UndoRecord
from pipeline.services import audit, settings
from pipeline.services.calendar import dealing, positions, rows, spots
from pipeline.services.calendar.dealing import Item
from pipeline.services.calendar.positions import Position, Snapshot
from pipeline.services.calendar.reflow import alone, make_anew, put_dealt
from pipeline.services.calendar.rules import SlotRules
from pipeline.services.calendar.spots import Spot
from pipeline.services.calendar.undo_records import Change, open_before, open_record

#: Why content of these statuses does not come back, and what to do.
_GONE: Final[Mapping[ContentStatus, str]] = {
    ContentStatus.PUBLISHING: "is publishing meanwhile. What goes out is not called back: wait until it has ended.",
    ContentStatus.PUBLISHED: "is published meanwhile. What is out is not called back: withdraw it if it must go.",
    ContentStatus.REJECTED: "was rejected or deleted since, so that it has no place on a calendar any more.",
    ContentStatus.NEEDS_ATTENTION: "needs attention meanwhile. Schedule it again, or publish it now.",
}
Way = tuple[Snapshot, Position]


class _RefusedError(ConflictError):
    """It cannot be undone."""


def undo(session: Session, site: Site, *, actor: str, now: datetime, undo_id: int | None = None) -> UndoRecord:
    """Take back the last action on the site's calendar, or that of `undo_id`: everything it moved, settings and zone.

    Raises ConflictError where there is none, something it moved has gone out, stands elsewhere since or would have to
    return to what has passed or is taken; it says why, and which earlier action can be undone by its number.
    """
    rules = alone(session, site.id, now=now)
    rows.require_site(session, site.id)
    record = open_record(session, site, undo_id)
    try:
        _take_back(session, site, record, rules, now=now)
    except _RefusedError as refused:
        raise ConflictError(f"It cannot be undone: {refused.message}{_what_else(session, site, record)}") from None
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


def _take_back(session: Session, site: Site, record: UndoRecord, rules: SlotRules, *, now: datetime) -> None:
    """All checks come before all writes: whoever catches the refusal finds everything as it was."""
    change = None if record.rules is None else Change.of_json(record.rules)
    if change is not None:
        if rules != change.after:
            raise _RefusedError("the settings or the zone of the site were changed again since. Undo that first.")
        settings.locked_row_of(session, site)
        rules = change.before
    found = positions.lock(session, site.id, [line["content_id"] for line in record.moves])
    ways = [_way_back(line, found.get(line["content_id"]), zone=rules.zone, now=now) for line in record.moves]
    if change is None:
        _require_free(_standing_at(session, site.id, _instants(ways)), ways)
    else:
        items = dealing.read(session, site.id, now=now, lock=True)
        _require_free([item for item in items if item.locked or item.spot.pinned], ways)
        _put_back_rules(session, site, rules, now=now)
        _make_room(session, site, items, ways, change, now=now)
    positions.put(session, site.id, ways, zone=rules.zone, now=now)


def _what_else(session: Session, site: Site, record: UndoRecord) -> str:
    before = open_before(session, site, record)
    if before is None:
        return ""
    return (
        f" What was done before it ({before.action}, number {before.id}) may be undone alone: "
        f'`igny8 calendar undo "{site.name}" --id {before.id}`.'
    )


def _way_back(line: Mapping[str, Any], now_is: Snapshot | None, *, zone: str, now: datetime) -> Way:
    before, after = Position.of_json(line["before"]), Position.of_json(line["after"])
    if now_is is None:
        raise _RefusedError(f"content {line['content_id']} is not there any more.")
    if why := _GONE.get(now_is.position.status):
        raise _RefusedError(f"{now_is.title!r} {why}")
    if not now_is.position.is_at(after):
        raise _RefusedError(
            f"{now_is.title!r} was moved or changed since. Undo what was done to it later first, or move it yourself."
        )
    if before.spot is None:
        return now_is, before
    if before.status is ContentStatus.SCHEDULED and before.spot.at <= now:
        raise _RefusedError(
            f"the slot that {now_is.title!r} stood on has passed. Move it to a later time if it is to leave its place."
        )
    return now_is, replace(before, spot=spots.told_in(before.spot, zone))


def _require_free(others: Sequence[Item], ways: Sequence[Way]) -> None:
    """What does not give way may not stand where these return to."""
    own = {was.content_id for was, _ in ways}
    instants = _instants(ways)
    for item in others:
        if item.spot.at in instants and item.content_id not in own:
            raise _RefusedError(
                f"{item.title!r} (content {item.content_id}) took the slot since. Move it away first, then undo."
            )


def _standing_at(session: Session, site_id: int, instants: Collection[datetime]) -> Sequence[Item]:
    found = session.execute(dealing.standing(site_id).where(CalendarSlot.slot_at.in_(instants)))
    return [dealing.item(row) for row in found]


def _instants(ways: Sequence[Way]) -> set[datetime]:
    return {new.spot.at for _, new in ways if new.spot is not None}


def _put_back_rules(session: Session, site: Site, before: SlotRules, *, now: datetime) -> None:
    row = settings.locked_row_of(session, site)
    session.refresh(site)  # Its zone may have been changed while the lock was waited for.
    row.publish_days, row.publish_time_slots = list(before.days), list(before.time_slots)
    row.skip_dates = [day.isoformat() for day in before.skip_dates]
    site.timezone = before.zone
    row.next_run_at = settings.next_run_at(row, site, now=now)
    row.version += 1
    row.updated_at = now
    session.flush()


def _make_room(
    session: Session, site: Site, items: Sequence[Item], ways: Sequence[Way], change: Change, *, now: datetime
) -> None:
    """Free slots by the rules of before; what came onto the calendar since moves only where it cannot stay."""
    own = {was.content_id for was, _ in ways}
    others = [item for item in items if item.content_id not in own]
    rules = change.before
    stood = {content_id: spots.told_in(spot, rules.zone) for content_id, spot in change.stayed.items()}
    dealt: dict[int, Spot | None] = dealing.deal_around(others, rules, now=now, reserved=_instants(ways), stood=stood)
    spots.clear(session, list(own))
    rows.remove_free(session, site.id)
    put_dealt(session, site.id, others, dealt, zone=rules.zone, now=now)
    make_anew(session, site.id, rules, now=now, made_to=now)
