"""Owns the records by which a person takes back what was done to a calendar: one an action.

Never: takes anything back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, NotFoundError
from pipeline.core.states import ContentStatus
from pipeline.models import Content, Site, UndoRecord
from pipeline.services import audit
from pipeline.services.calendar.positions import Position, Snapshot
from pipeline.services.calendar.reflow import Move
from pipeline.services.calendar.rules import SlotRules
from pipeline.services.calendar.spots import Spot


@dataclass(frozen=True)
class Change:
    """A change of what a site's slots are made by."""

    before: SlotRules
    after: SlotRules
    #: Where each content stood that the change did not move, by its id.
    stayed: Mapping[int, Spot]

    def as_json(self) -> dict[str, Any]:
        """A JSON object that `of_json` reads."""
        stayed = [{"content_id": content_id, **_position(spot).as_json()} for content_id, spot in self.stayed.items()]
        return {"before": self.before.as_json(), "after": self.after.as_json(), "stayed": stayed}

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Self:
        """What `as_json` wrote; what an earlier release wrote says nothing of those that stayed."""
        spots = {line["content_id"]: Position.of_json(line).spot for line in data.get("stayed", ())}
        return cls(
            SlotRules.of_json(data["before"]),
            SlotRules.of_json(data["after"]),
            {content_id: spot for content_id, spot in spots.items() if spot is not None},
        )


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
    session: Session, site: Site, moves: Sequence[Move], *, change: Change, actor: str, now: datetime
) -> UndoRecord:
    """Keep what a change of the calendar's settings or zone was, and what it moved."""
    pairs = [(move.content_id, _position(move.was), _position(move.now)) for move in moves]
    rules = change.as_json()
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


def open_record(session: Session, site: Site, undo_id: int | None) -> UndoRecord:
    """The last action of the site that stands, or that of `undo_id`; ConflictError where there is none.

    NotFoundError for a number that no action of this site has.
    """
    record = _newest(session, site, UndoRecord.id == undo_id if undo_id is not None else UndoRecord.id > 0)
    if record is not None:
        return record
    if undo_id is None:
        raise ConflictError(f"There is nothing to undo on the calendar of {site.name}.")
    own = UndoRecord.account_id == site.account_id, UndoRecord.site_id == site.id, UndoRecord.id == undo_id
    if session.scalar(select(UndoRecord.id).where(*own)) is None:
        raise NotFoundError(f"There is no action {undo_id} on the calendar of {site.name}.")
    raise ConflictError(
        f"There is nothing to undo under the number {undo_id} on the calendar of {site.name}: it was undone already."
    )


def open_before(session: Session, site: Site, record: UndoRecord) -> UndoRecord | None:
    """The last action of the site before this one that stands."""
    return _newest(session, site, UndoRecord.id < record.id)


def _newest(session: Session, site: Site, which: ColumnElement[bool]) -> UndoRecord | None:
    own = select(UndoRecord).where(
        UndoRecord.account_id == site.account_id, UndoRecord.site_id == site.id, UndoRecord.undone_at.is_(None), which
    )
    return session.scalar(own.order_by(UndoRecord.id.desc()).limit(1).execution_options(populate_existing=True))


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
