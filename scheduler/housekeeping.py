"""Owns the duty of housekeeping: a sweep an hour and a canary every few minutes, each sent by one of the beats.

The canary is a task that does nothing: where workers live but have executed none of late, that is said. So is a worker
that leaves the canaries lie which it sends itself.
Never: sweeps; a worker does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from celery import Celery
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.liveness import Patience, takes_nothing
from pipeline.logs import get_logger
from pipeline.services import heartbeats
from scheduler.duty import Context
from scheduler.entries import EntriesDuty

SWEEP_EVERY: Final = timedelta(hours=1)
CANARY_EVERY: Final = timedelta(minutes=5)
#: Workers that executed nothing for so long, canaries included, execute nothing at all.
SILENT_AFTER: Final = 3 * CANARY_EVERY
_ENTRIES: Final[dict[str, dict[str, Any]]] = {
    "housekeeping": {"task": "housekeeping.sweep", "schedule": SWEEP_EVERY},
    "canary": {"task": "pipeline.canary", "schedule": CANARY_EVERY},
}
_log = get_logger(__name__)


class HousekeepingDuty:
    """The duty, for one process."""

    def __init__(self, app: Celery) -> None:
        """`app` knows the queues of the tasks."""
        self._entries = EntriesDuty(app, _ENTRIES)
        self._looks_at: datetime | None = None

    def __call__(self, context: Context) -> datetime | None:
        """Send what is due, look whether workers execute; the next due instant."""
        if self._looks_at is None or abs(self._looks_at - context.now) > CANARY_EVERY:
            self._looks_at = context.now + CANARY_EVERY
        if self._looks_at <= context.now:
            self._looks_at = context.now + CANARY_EVERY
            with context.database.reading() as session:
                silent = workers_that_execute_nothing(session, now=context.now)
            if silent:
                remedy = "restart them; the messages are sent again"
                _log.error("workers_execute_nothing", workers=silent, remedy=remedy)
        return self._entries(context)


def workers_that_execute_nothing(session: Session, *, now: datetime) -> list[str]:
    """The workers that live and take nothing: each that leaves its own canary, or all where none executed of late."""
    patience = Patience.of(config().canary_seconds, config().visibility_timeout_seconds)
    signs = heartbeats.signs(session, "worker")
    stuck = [sign.name for sign in signs if not sign.is_silent(now=now) and takes_nothing(sign, patience, now=now)]
    if stuck:
        return stuck
    living = heartbeats.executions(session, now=now, within=2 * heartbeats.EVERY)
    # One that began a moment ago may not have had its turn.
    if any(since is None or since > now - SILENT_AFTER for since in living.values()):
        return []
    return sorted(living)
