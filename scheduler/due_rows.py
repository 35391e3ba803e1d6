"""Owns the sending of rows that say themselves when they are due: claimed, sent, given back where the broker was away.

Never: knows what a row is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any, Protocol, TypeVar

from sqlalchemy import Table, func, select, update
from sqlalchemy.orm import Session

from pipeline import failpoints
from pipeline.engine.resend import values_when_sent
from pipeline.models.selecting import is_one_of
from scheduler.duty import Context
from scheduler.sending import Message

_Row = TypeVar("_Row")


class Rows(Protocol[_Row]):
    """Rows of one table, each of which is sent to one task when it is due."""

    def next_due(self, session: Session) -> datetime | None:
        """When the next row is due; None where none waits."""

    def claim(self, session: Session, *, now: datetime) -> Sequence[_Row]:
        """Take what is due for this beat alone, as it was: it is due again later."""

    def message(self, row: _Row) -> Message:
        """What is sent for a row."""

    def give_back(self, session: Session, unsent: Sequence[_Row], *, now: datetime) -> None:
        """These were taken but not sent."""


def send_due(rows: Rows[_Row], context: Context) -> datetime | None:
    """Send what is due; the next due instant."""
    if not context.sender.may_send:
        return None
    with context.database.reading() as session:
        following = rows.next_due(session)
    if following is None or following > context.now:
        return following
    with context.database.transaction() as session:
        claimed = rows.claim(session, now=context.now)
    failpoints.hit("rows.committed")
    sent = context.sender.send([rows.message(row) for row in claimed])
    failpoints.hit("rows.sent")
    if sent < len(claimed):
        with context.database.transaction() as session:
            rows.give_back(session, claimed[sent:], now=context.now)
        return None
    with context.database.reading() as session:
        return rows.next_due(session)


@dataclass(frozen=True)
class Due:
    """A row that was claimed for sending."""

    id: int
    #: How often its message was sent before.
    sends: int


@dataclass(frozen=True)
class DueRows:
    """Rows that are due again, later each time, until somebody takes their message.

    A row has `id`, `due_at` (NULL: nothing is to be done) and `sends`.
    """

    table: Table
    task: str
    most_a_tick: int = 300

    def next_due(self, session: Session) -> datetime | None:
        """When the next row is due; None where none waits."""
        following: datetime | None = session.scalar(self._next_due)
        return following

    def claim(self, session: Session, *, now: datetime) -> Sequence[Due]:
        """Take what is due for this beat alone: it is due again later, each time twice as late."""
        columns = self.table.c
        query = (
            select(columns.id, columns.sends)
            .where(columns.due_at <= now)
            .order_by(columns.due_at, columns.id)
            .limit(self.most_a_tick)
            .with_for_update(skip_locked=True)
        )
        claimed = [Due(row_id, sends) for row_id, sends in session.execute(query)]
        if claimed:
            these = is_one_of(session, columns.id, [due.id for due in claimed])
            session.execute(update(self.table).where(these).values(values_when_sent(columns.sends, now=now)))
            failpoints.hit("rows.selected")
        return claimed

    def message(self, row: Due) -> Message:
        """The row's task; its argument is the id."""
        return Message(self.task, (row.id,))

    def give_back(self, session: Session, unsent: Sequence[Due], *, now: datetime) -> None:
        """These were taken but not sent: they are due at once, and their pause does not grow."""
        columns = self.table.c
        for sends, group in groupby(sorted(unsent, key=_sends), key=_sends):
            these = is_one_of(session, columns.id, [due.id for due in group])
            untouched = these & (columns.sends == sends + 1) & columns.due_at.is_not(None)
            session.execute(update(self.table).where(untouched).values(due_at=now, sends=sends))

    @cached_property
    def _next_due(self) -> Any:
        """Made once: beat asks it every second. Said aloud, so that SQLite takes the partial index too."""
        due_at = self.table.c.due_at
        return select(func.min(due_at)).where(due_at.is_not(None))


def _sends(due: Due) -> int:
    return due.sends
