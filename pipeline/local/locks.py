"""Owns the rule of one stack per home: a locked file that says who runs it and where Flower is.

The lock is the kernel's and is shared with every child's keeper, so it is free only when the last of them is gone, and
no crash leaves a stale one.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from pipeline.core.errors import ConflictError
from pipeline.private import make_home

FILE_NAME: Final = "stack.lock"
_LEFTOVERS_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class StackInfo:
    """Who runs the stack of a home."""

    pid: int
    #: ISO 8601, UTC.
    started_at: str
    #: Where Flower listens; None while it does not.
    flower_url: str | None = None


class StackRunningError(ConflictError):
    """A stack runs in this home already."""

    def __init__(self, home: Path, info: StackInfo | None) -> None:
        """Say where, since when and how to stop it."""
        self.info = info
        who = f" (process {info.pid}, since {info.started_at})" if info else ""
        flower = f" Flower is at {info.flower_url}." if info and info.flower_url else ""
        how = f"Stop it with Ctrl-C there or `kill {info.pid}`" if info else "Stop it"
        super().__init__(
            f"IGNY8 runs already in {home}{who}.{flower} {how}, or set IGNY8_HOME to another folder for a second one."
        )


class StackLock:
    """Held from `acquire` until `release`, or until this process and all that hold its `descriptor` are gone."""

    def __init__(self, home: Path) -> None:
        """Nothing is opened yet."""
        self._home = home
        self._descriptor: int | None = None
        self._info: StackInfo | None = None

    @property
    def descriptor(self) -> int:
        """The locked file's descriptor, for children's keepers to hold."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        return self._descriptor

    def acquire(self, *, now: datetime) -> None:
        """Take the lock; leftovers of a killed stack are given a moment to die. Raises StackRunningError."""
        make_home(self._home)
        descriptor = os.open(self._home / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _LEFTOVERS_SECONDS
        while not _try_lock(descriptor):
            info = read_info(self._home)
            if (info is not None and _is_alive(info.pid)) or time.monotonic() > deadline:
                os.close(descriptor)
                raise StackRunningError(self._home, info)
            time.sleep(_POLL_SECONDS)
        self._descriptor = descriptor
        self._write(StackInfo(pid=os.getpid(), started_at=now.isoformat(timespec="seconds")))

    def announce(self, *, flower_url: str) -> None:
        """Add where Flower is to what the file says."""
        if self._info is not None:
            self._write(replace(self._info, flower_url=flower_url))

    def _write(self, info: StackInfo) -> None:
        text = json.dumps(asdict(info)).encode()
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text, 0)
        self._info = info

    def release(self) -> None:
        """Give it back; harmless when it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def running_stack(home: Path) -> StackInfo | None:
    """Who runs the stack of `home` now; None when nobody does."""
    path = home / FILE_NAME
    if not path.is_file():
        return None
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        return None if _try_lock(descriptor) else read_info(home)
    finally:
        os.close(descriptor)


def read_info(home: Path) -> StackInfo | None:
    """What the file says, true or not."""
    with suppress(OSError, ValueError, TypeError):
        return StackInfo(**json.loads((home / FILE_NAME).read_text(encoding="utf-8")))
    return None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
