"""Owns the ordinary entries of `beat_schedule`: each of their instants is taken by one beat and sent once.

An instant is the same for every beat: intervals stand on a grid from the epoch, the others on what their schedule says
after the last minute. Instants of a time when no beat ran are not made up for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from celery import Celery
from celery.beat import ScheduleEntry
from celery.schedules import schedule as Interval  # noqa: N812 - a class with a lower-case name
from sqlalchemy import Table, delete
from sqlalchemy.orm import Session

from pipeline.models import BeatClaim
from pipeline.models.inserting import insert_missing
from scheduler.duty import Context
from scheduler.sending import Message

_CLAIMS: Final = cast("Table", BeatClaim.__table__)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class EntriesDuty:
    """The duty, with the next instant of each entry as this process knows it."""

    def __init__(self, app: Celery, entries: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """`entries` have the form of `beat_schedule`; without them it is the one of `app`."""
        found = app.conf.beat_schedule if entries is None else entries
        self._entries = {
            name: ScheduleEntry(**{"name": name, "app": app, **entry}) for name, entry in (found or {}).items()
        }
        self._next: dict[str, datetime] = {}
        self._called_at: datetime | None = None

    def __call__(self, context: Context) -> datetime | None:
        """Send the entries that are due; the next due instant, None where one could not be sent."""
        if self._called_at is not None and context.now < self._called_at:
            # The clock jumped back: what was computed by it lies too far ahead. What was taken stays taken.
            self._next.clear()
        self._called_at = context.now
        for name, entry in self._entries.items():
            due_at = self._next.setdefault(name, next_instant(entry.schedule, after=context.now))
            if due_at <= context.now:
                if not (context.sender.may_send and self._sent(context, entry, due_at)):
                    return None
                self._next[name] = next_instant(entry.schedule, after=context.now)
        return min(self._next.values(), default=None)

    def _sent(self, context: Context, entry: ScheduleEntry, due_at: datetime) -> bool:
        """Whether the instant is done with: sent by this beat or taken by another."""
        with context.database.transaction() as session:
            if not take(session, name=entry.name, due_at=due_at):
                return True
        if context.sender.send([Message(entry.task, entry.args, entry.kwargs, entry.options)]):
            return True
        with context.database.transaction() as session:
            session.execute(delete(_CLAIMS).where(_CLAIMS.c.name == entry.name, _CLAIMS.c.due_at == due_at))
        return False


def take(session: Session, *, name: str, due_at: datetime) -> bool:
    """Whether this instant of the entry is the caller's to send. Housekeeping forgets old claims."""
    row = insert_missing(session, BeatClaim).values(name=name, due_at=due_at)
    return session.scalar(row.returning(_CLAIMS.c.name)) is not None


def next_instant(schedule: Any, *, after: datetime) -> datetime:
    """The first instant of a Celery schedule strictly after `after`, in UTC, the same for whoever asks."""
    if type(schedule) is Interval:
        every = cast("timedelta", schedule.run_every)
        return _EPOCH + ((after - _EPOCH) // every + 1) * every
    # The others count from the run before; on their own clock, which every beat sets alike.
    schedule.nowfun = lambda: after
    last = after.replace(second=0, microsecond=0)
    return after + cast("timedelta", schedule.remaining_estimate(last))
