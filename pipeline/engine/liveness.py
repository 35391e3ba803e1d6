"""Owns a worker's sign of life: when it was last there and when it last executed something.

A process that is alive proves nothing; what it executed does.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import structlog
from celery.signals import task_postrun, worker_ready, worker_shutdown
from sqlalchemy.exc import SQLAlchemyError

from pipeline.db.session import Database, database
from pipeline.services import heartbeats

_log = structlog.get_logger()


class WorkerHeartbeat:
    """A thread that writes the worker's row until it is told to end."""

    def __init__(self, opened: Database) -> None:
        """Nothing is written yet."""
        self._database = opened
        self._name = heartbeats.own_name("worker")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="worker-heartbeat", daemon=True)
        self._began_at = datetime.now(UTC)
        self.executed_at: datetime | None = None

    def start(self) -> None:
        """Write the first sign and go on."""
        self._thread.start()

    def end(self) -> None:
        """Stop, and remove the row."""
        self._ended.set()
        self._thread.join(timeout=heartbeats.EVERY.total_seconds())
        try:
            with self._database.transaction() as session:
                heartbeats.end(session, self._name)
        except SQLAlchemyError as error:
            _log.warning("heartbeat.not_removed", error=str(error))

    def _go_on(self) -> None:
        while True:
            try:
                self._write()
            except SQLAlchemyError as error:
                _log.warning("heartbeat.not_written", error=str(error))
            if self._ended.wait(heartbeats.EVERY.total_seconds()):
                return

    def _write(self) -> None:
        executed = None if self.executed_at is None else self.executed_at.isoformat()
        with self._database.transaction() as session:
            details = {"executed_at": executed, "began_at": self._began_at.isoformat()}
            heartbeats.beat(session, self._name, now=self._database.now(), details=details)


_current: WorkerHeartbeat | None = None


def _start(**_: Any) -> None:
    global _current  # noqa: PLW0603 - one worker a process
    _current = WorkerHeartbeat(database())
    _current.start()


def _note_execution(**_: Any) -> None:
    if _current is not None:
        _current.executed_at = datetime.now(UTC)


def _end(**_: Any) -> None:
    if _current is not None:
        _current.end()


worker_ready.connect(_start)
task_postrun.connect(_note_execution)
worker_shutdown.connect(_end)
