"""Owns the renewal of leases during long calls: one thread a process, one statement for all of them.

Never past a call's hard limit: a call that hangs loses its lane. The thread ends where it finds nothing to renew.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from pipeline.config import config
from pipeline.db.session import Database
from pipeline.engine import lanes
from pipeline.engine.lanes import Grip

_log = structlog.get_logger()


class LeaseKeeper:
    """Renews what is registered with it, every `lease_renew_seconds`."""

    def __init__(self, database: Database) -> None:
        """The thread starts with a call that finds none."""
        self._database = database
        self._lock = threading.Lock()
        self._held: dict[tuple[int, int, int], float] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, grip: Grip) -> Iterator[Callable[[Grip], None]]:
        """Keep the lane's lease alive inside the block, up to the hard limit of a call.

        What it gives is told the new grip where the ticket moves on before the call is sent once more.
        """
        current = [_key(grip)]

        def follow(moved: Grip) -> None:
            with self._lock:
                self._held.pop(current[0], None)
                current[0] = _key(moved)
                self._held[current[0]] = time.monotonic() + config().call_hard_limit_seconds

        follow(grip)
        self._start()
        try:
            yield follow
        finally:
            with self._lock:
                self._held.pop(current[0], None)

    def renew(self) -> int:
        """Renew everything that is registered and within its limit. How many."""
        with self._lock:
            keys = [key for key, limit in self._held.items() if time.monotonic() < limit]
        if keys:
            until = self._database.now() + timedelta(seconds=config().lease_seconds)
            with self._database.transaction() as session:
                lanes.renew(session, keys, until=until)
        return len(keys)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                pause = config().lease_renew_seconds
                self._thread = threading.Thread(
                    target=self._renew_while_held, args=(pause,), name="lease-keeper", daemon=True
                )
                self._thread.start()

    def _renew_while_held(self, pause: float) -> None:
        while True:
            time.sleep(pause)
            with self._lock:
                if not self._held:
                    self._thread = None
                    return
            try:
                self.renew()
            except SQLAlchemyError as error:
                _log.warning("leases.not_renewed", error=str(error))


def _key(grip: Grip) -> tuple[int, int, int]:
    return grip.stage_run_id, grip.lane, grip.ticket


_keepers: dict[int, LeaseKeeper] = {}


def keeper(database: Database) -> LeaseKeeper:
    """The process's keeper for this database."""
    return _keepers.setdefault(id(database), LeaseKeeper(database))


# A thread does not survive a fork: the child starts its own.
os.register_at_fork(after_in_child=_keepers.clear)
