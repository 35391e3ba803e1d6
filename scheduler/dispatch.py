"""Owns the duty of the engine: due stage runs and lanes -> the queue. The delays and the rescue are one query.

Never: knows what is due; the engine does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pipeline.engine import dispatch
from scheduler.duty import Context

LOOK_EVERY: Final = timedelta(seconds=2)


class DispatchDuty:
    """The duty, for one process: every few seconds it also looks whether the broker lost what it had."""

    def __init__(self) -> None:
        """The first call looks."""
        self._looked_at: datetime | None = None

    def __call__(self, context: Context) -> datetime | None:
        """Send what is due; the next due instant."""
        if not context.sender.may_send:
            self._looked_at = None
            return None
        if self._looked_at is None or abs(context.now - self._looked_at) > LOOK_EVERY:
            self._looked_at = context.now if dispatch.watch_generation(context.database) else None
        return dispatch.dispatch_due(context.database)
