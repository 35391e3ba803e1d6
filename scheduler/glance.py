"""Owns a duty that asks the database at every fifth tick only: for the seconds between, it knows what was due next.

Never: for work that must start within a second of becoming due.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from scheduler.duty import Context, Duty

#: How late something that became due earlier than was known may be found.
LOOK_EVERY: Final = timedelta(seconds=5)


class Glancing:
    """A duty, for one process, with what it knows of its next due instant."""

    def __init__(self, duty: Duty) -> None:
        """The first call looks."""
        self._duty = duty
        self._looked_at: datetime | None = None
        self._following: datetime | None = None

    def __call__(self, context: Context) -> datetime | None:
        """Do what is due; the next due instant. Nothing while the broker is not there to be sent to."""
        if not context.sender.may_send:
            return None
        if not self._knows_of_nothing_due(context.now):
            following = self._duty(context)
            if not context.sender.may_send:
                return None
            self._following, self._looked_at = following, context.now
        return self._following

    def _knows_of_nothing_due(self, now: datetime) -> bool:
        """Whether it was looked a moment ago, and nothing is due. After a clock that jumped back it is no moment."""
        if self._looked_at is None or not self._looked_at <= now < self._looked_at + LOOK_EVERY:
            return False
        return self._following is None or self._following > now
