"""Owns a worker's sign of life: when it was last there, when it last executed something, what of its own waits.

A process that is alive proves nothing; what it executed does.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from celery.worker import state
from sqlalchemy.exc import SQLAlchemyError

from pipeline.db.session import Database, database
from pipeline.engine.own_canaries import OwnCanary, forget_queues
from pipeline.services import heartbeats

_log = structlog.get_logger()
#: How long a worker that stops waits for the thread that writes its row.
_PATIENCE_SECONDS: Final = 10.0


class WorkerHeartbeat:
    """A thread that writes the worker's row until it is told to end."""

    def __init__(self, opened: Database, *, node: str, at_once: int) -> None:
        """Nothing is written yet. `node`: its name on the broker; `at_once`: how many tasks it does at once."""
        self._database = opened
        self.name = heartbeats.own_name("worker")
        self._node = node
        self._at_once = at_once
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="worker-heartbeat", daemon=True)
        self._began_at = datetime.now(UTC)
        self._canary = OwnCanary(self.name, now=self._began_at)
        self.is_stopping = False

    def start(self) -> None:
        """Write the first sign and go on."""
        self._thread.start()

    def end(self) -> None:
        """Stop, and remove the row and the queue."""
        self._ended.set()
        self._thread.join(timeout=_PATIENCE_SECONDS)
        forget_queues([self.name])
        try:
            with self._database.transaction() as session:
                heartbeats.end(session, self.name)
        except SQLAlchemyError as error:
            _log.warning("heartbeat.not_removed", error=str(error))

    def _go_on(self) -> None:
        while True:
            try:
                self._look_and_write()
            except SQLAlchemyError as error:
                _log.warning("heartbeat.not_written", error=str(error))
            except Exception:  # noqa: BLE001 - a worker that falls silent is started again
                _log.exception("heartbeat.broke")
            if self._ended.wait(heartbeats.EVERY.total_seconds()):
                return

    def _look_and_write(self) -> None:
        now = self._database.now()
        # Celery counts in the process that reads the queues, whatever kind of pool executes.
        running = len(state.active_requests)
        if not self.is_stopping:
            self._canary.look(state.all_total_count[0] - running, now=now)
        details = {
            "node": self._node,
            "began_at": self._began_at.isoformat(),
            "executed_at": _text(self._canary.executed_at),
            "asked_at": _text(self._canary.asked_at),
            "broker_answers": self._canary.broker_answers,
            "running": running,
            "at_once": self._at_once,
            "is_stopping": self.is_stopping,
        }
        with self._database.transaction() as session:
            heartbeats.beat(session, self.name, now=self._database.now(), details=details)


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


_current: WorkerHeartbeat | None = None


def _start(sender: Any, **_: Any) -> None:
    global _current  # noqa: PLW0603 - one worker a process
    _current = WorkerHeartbeat(database(), node=sender.hostname, at_once=sender.controller.concurrency)
    _current.start()


def _stop_soon(**_: Any) -> None:
    if _current is not None:
        _current.is_stopping = True


def _end(**_: Any) -> None:
    if _current is not None:
        _current.end()


worker_ready.connect(_start)
worker_shutting_down.connect(_stop_soon)
worker_shutdown.connect(_end)
