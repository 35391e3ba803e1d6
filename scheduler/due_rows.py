"""Owns the sending of rows that say themselves when they are due: claimed, sent, due again later where nobody took it.

A row has `id`, `due_at` (NULL: nothing is to be done) and `sends`. Never: knows what a row is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, func, select, update
from sqlalchemy.orm import Session

from pipeline.config import config
from scheduler.duty import Context
from scheduler.sending import Message

#: 2 to this power is beyond any pause.
_MOST_DOUBLINGS: Final = 30


@dataclass(frozen=True)
class Due:
    """A row that was claimed for sending."""

    id: int
    #: How often its message was sent before.
    sends: int


@dataclass(frozen=True)
class DueRows:
    """The rows of one table, and the task that is sent for each."""

    table: Table
    task: str
    rows_a_tick: int

    def send_due(self, context: Context) -> datetime | None:
        """Send what is due; the next due instant."""
        if not context.sender.may_send:
            return None
        with context.database.reading() as session:
            following = self.next_due(session)
        if following is None or following > context.now:
            return following
        with context.database.transaction() as session:
            claimed = self.claim(session, now=context.now)
        sent = context.sender.send([Message(self.task, (due.id,)) for due in claimed])
        if sent < len(claimed):
            with context.database.transaction() as session:
                self.give_back(session, claimed[sent:], now=context.now)
            return None
        with context.database.reading() as session:
            return self.next_due(session)

    def next_due(self, session: Session) -> datetime | None:
        """When the next row is due; None where none waits."""
        # Said aloud, so that SQLite takes the partial index too.
        due_at = self.table.c.due_at
        following: datetime | None = session.scalar(select(func.min(due_at)).where(due_at.is_not(None)))
        return following

    def claim(self, session: Session, *, now: datetime) -> Sequence[Due]:
        """Take what is due for this beat alone: it is due again later, each time twice as late."""
        columns = self.table.c
        query = (
            select(columns.id, columns.sends)
            .where(columns.due_at <= now)
            .order_by(columns.due_at, columns.id)
            .limit(self.rows_a_tick)
            .with_for_update(skip_locked=True)
        )
        claimed = [Due(row_id, sends) for row_id, sends in session.execute(query)]
        for sends, ids in _by_sends(claimed):
            self._set(session, columns.id.in_(ids), due_at=now + _pause(sends), sends=sends + 1)
        return claimed

    def give_back(self, session: Session, unsent: Sequence[Due], *, now: datetime) -> None:
        """These were taken but not sent: they are due at once, and their pause does not grow."""
        columns = self.table.c
        for sends, ids in _by_sends(unsent):
            untouched = columns.id.in_(ids) & (columns.sends == sends + 1) & columns.due_at.is_not(None)
            self._set(session, untouched, due_at=now, sends=sends)

    def _set(self, session: Session, where: ColumnElement[bool], **values: Any) -> None:
        session.execute(update(self.table).where(where).values(**values))


def _by_sends(rows: Sequence[Due]) -> list[tuple[int, list[int]]]:
    ordered = sorted(rows, key=_sends)
    return [(sends, [due.id for due in group]) for sends, group in groupby(ordered, key=_sends)]


def _sends(due: Due) -> int:
    return due.sends


def _pause(sends: int) -> timedelta:
    seconds = min(config().resend_seconds * 2 ** min(sends, _MOST_DOUBLINGS), config().resend_max_seconds)
    return timedelta(seconds=seconds)
