"""Owns beat: one tick performs the duties that are due, then sleeps until the next is, a second at most.

Any number of copies run side by side: every duty claims its rows. Nothing is kept in a file. Never: work of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from celery import Celery
from celery.beat import Scheduler
from sqlalchemy.exc import SQLAlchemyError

from pipeline.db.collisions import CollisionError
from pipeline.db.session import DATABASE_AWAY, Database, database
from pipeline.logs import bound, get_logger
from scheduler.calendar import CalendarDuty
from scheduler.deliveries import deliver_due
from scheduler.dispatch import DispatchDuty
from scheduler.duty import Context, Duty
from scheduler.entries import EntriesDuty
from scheduler.glance import Glancing
from scheduler.heartbeat import HeartbeatDuty
from scheduler.housekeeping import HousekeepingDuty
from scheduler.outage import Outage
from scheduler.publishing import draft_ahead, publish_due
from scheduler.runs import start_due_runs
from scheduler.sending import Sender
from scheduler.sites import check_due_sites
from scheduler.zones import ZonesDuty

IDLE_SECONDS: Final = 1.0
#: A duty with more to do at once lets the others have their turn.
LEAST_SECONDS: Final = 0.01
_log = get_logger(__name__)


class PipelineScheduler(Scheduler):  # type: ignore[misc]  # Celery ships no types.
    """Celery's beat scheduler, with duties for a schedule."""

    def __init__(
        self,
        app: Celery,
        *args: Any,
        database: Callable[[], Database] = database,
        sender: Sender | None = None,
        clock: Callable[[], float] = time.monotonic,
        duties: Mapping[str, Duty] | None = None,
        **kwargs: Any,
    ) -> None:
        """Celery gives `app` and options of its own; the others are for tests. Touches neither database nor broker."""
        self._open_database = database
        self._clock = clock
        self._sender = sender or Sender(app)
        self._outage = Outage("database", clock=clock)
        self._heartbeat = HeartbeatDuty()
        self._duties: Mapping[str, Duty] = duties or {}
        #: When each duty is called next, by `clock`: the wall clock may jump.
        self._wake: dict[str, float] = {}
        self._troubles: dict[str, Outage] = {}
        super().__init__(app, *args, **kwargs)

    def setup_schedule(self) -> None:
        """The duties, in the order of a tick; Celery's own default entries are none of them."""
        self._duties = self._duties or {
            "heartbeat": self._heartbeat,
            "runs": start_due_runs,
            "dispatch": DispatchDuty(),
            "calendar": CalendarDuty(),
            "drafts": draft_ahead,
            "publishing": publish_due,
            "deliveries": Glancing(deliver_due),
            "sites": Glancing(check_due_sites),
            "housekeeping": HousekeepingDuty(self.app),
            "zones": ZonesDuty(),
            "entries": EntriesDuty(self.app),
        }
        self._troubles = {name: Outage(f"duty {name}", clock=self._clock) for name in self._duties}

    def tick(self, *_: Any, **__: Any) -> float:
        """Perform what is due; the seconds to sleep."""
        if self._outage.wait_seconds:
            return min(self._outage.wait_seconds, IDLE_SECONDS)
        try:
            seconds = self._perform_due(self._open_database())
        except DATABASE_AWAY as error:
            self._outage.failed(error)
            return IDLE_SECONDS
        self._outage.ended()
        return seconds

    def close(self) -> None:
        """Say goodbye, if the database is there to hear it."""
        self._sender.close()
        try:
            self._heartbeat.end(self._open_database())
        except SQLAlchemyError as error:
            _log.warning("no_goodbye", error=str(error))
        super().close()

    def _perform_due(self, opened: Database) -> float:
        for name, duty in self._duties.items():
            if self._wake.get(name, 0.0) <= self._clock():
                wait_seconds = self._perform(name, duty, Context(opened, self._sender, opened.now()))
                self._wake[name] = self._clock() + wait_seconds
        return min(max(min(self._wake.values()) - self._clock(), 0.0), IDLE_SECONDS)

    def _perform(self, name: str, duty: Duty, context: Context) -> float:
        """In how many seconds the duty wants to be called. One that fails waits, and keeps no other from its work."""
        try:
            with bound(duty=name):
                following = duty(context)
        except CollisionError as error:
            # The database is there, and what is due is due still.
            _log.warning("duty_met_another_change", duty=name, error=str(error.orig).partition("\n")[0])
            return IDLE_SECONDS
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - the loop must outlive any fault of one duty
            _log.exception("duty_failed", duty=name)
            self._troubles[name].failed(error)
            return self._troubles[name].wait_seconds
        self._troubles[name].ended()
        if following is None:
            return IDLE_SECONDS
        return min(max((following - context.now).total_seconds(), LEAST_SECONDS), IDLE_SECONDS)
