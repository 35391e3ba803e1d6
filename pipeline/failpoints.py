"""Owns failing on purpose: a process that was told to does so at one named instant. For tests of what it survives.

Until a process is armed, `hit` is a function without a body. Never: which instants there are; `core.failpoints` says.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import structlog

from pipeline.core.failpoints import Failpoint, Name, parse


class FailpointError(Exception):
    """This process was told to fail here."""


def _nothing(_name: Name) -> None:
    pass


#: Called where a failpoint is, by its name. Look it up in this module: it is another one once the process is armed.
hit: Callable[[Name], None] = _nothing


def arm(text: str | None) -> None:
    """Fail as IGNY8_FAILPOINT says from now on; None: never. A process does so once, when it starts."""
    global hit  # noqa: PLW0603 - one a process
    hit = _nothing if text is None else _Armed(parse(text))


class _Armed:
    """Counts how often the process comes to its failpoint."""

    def __init__(self, point: Failpoint) -> None:
        """It was never there yet."""
        self._point = point
        self._left = point.nth
        self._lock = threading.Lock()

    def __call__(self, name: Name) -> None:
        if name != self._point.name or not self._is_in_task():
            return
        with self._lock:
            self._left -= 1
            due = self._left == 0
        if due:
            self._act()

    def _is_in_task(self) -> bool:
        wanted = self._point.task
        return wanted is None or wanted in structlog.contextvars.get_contextvars().get("task", "")

    def _act(self) -> None:
        point = self._point
        os.write(2, f"failpoint {point.name}: {point.action}\n".encode())
        if point.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif point.action == "exit":
            os._exit(1)
        elif point.action == "stop":
            os.kill(os.getpid(), signal.SIGTERM)
        elif point.action == "raise":
            raise FailpointError(f"failpoint {point.name}")
        else:
            time.sleep(point.seconds)
