"""Owns what a duty knows of its next due instant, so that an idle beat need not ask the database at every tick.

Never: for work that must start within a second of becoming due.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

#: How late something that became due earlier than was known may be found.
LOOK_EVERY: Final = timedelta(seconds=5)


class Glance:
    """What the last look at the database said, for some seconds; nothing to begin with."""

    def __init__(self) -> None:
        """The first call looks."""
        self._looked_at: datetime | None = None
        self.following: datetime | None = None

    def note(self, following: datetime | None, *, at: datetime) -> None:
        """The database was looked at: this is due next, None where nothing waits."""
        self.following, self._looked_at = following, at

    def shows_nothing_due(self, now: datetime) -> bool:
        """Whether it was looked at a moment ago, and nothing is due. After a clock that jumped back it is no moment."""
        if self._looked_at is None or not self._looked_at <= now < self._looked_at + LOOK_EVERY:
            return False
        return self.following is None or self.following > now
