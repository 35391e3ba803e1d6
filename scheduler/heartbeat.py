"""Owns beat's sign of life: a row every few seconds that says how long the oldest due work has waited.

Never: judges; the doctor and the pages do.
"""

from __future__ import annotations

from datetime import datetime

from pipeline.db.session import Database
from pipeline.engine import waiting
from pipeline.services import heartbeats
from pipeline.services.heartbeats import EVERY
from scheduler.duty import Context


class HeartbeatDuty:
    """The duty, for one process."""

    def __init__(self, name: str | None = None) -> None:
        """`name` is the row's; by default of this host and process."""
        self.name = name or heartbeats.own_name("beat")
        self._last: datetime | None = None

    def __call__(self, context: Context) -> datetime:
        """Every few seconds: look whether the broker answers, write the row. The next due instant."""
        # A clock that jumped back must not silence it.
        if self._last is not None and self._last <= context.now < self._last + EVERY:
            return self._last + EVERY
        broker_answers = context.sender.probe()
        with context.database.reading() as session:
            oldest = waiting.oldest_due(session, now=context.now)
        waits_seconds = 0.0 if oldest is None else round((context.now - oldest).total_seconds(), 3)
        details = {"oldest_due_seconds": waits_seconds, "broker_answers": broker_answers}
        with context.database.transaction() as session:
            heartbeats.beat(session, self.name, now=context.now, details=details)
        self._last = context.now
        return context.now + EVERY

    def end(self, database: Database) -> None:
        """This process stops as it should: nobody shall wait for it."""
        with database.transaction() as session:
            heartbeats.end(session, self.name)
