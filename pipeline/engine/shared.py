"""Owns what a worker's process and the children of its pool know together: whether the worker stops.

With threads both are one process. With prefork each child is a fork: what it is to know later lies in memory that all
of them share, made before the first fork. Never: more than a flag.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
import time
from typing import Final

#: How soon a child that naps knows that its worker stops.
_LOOK_SECONDS: Final = 0.2


class SharedFlag:
    """A `threading.Event` that children of the process, forked before or after, see as well."""

    def __init__(self) -> None:
        """Not set."""
        self._set = ctypes.c_bool.from_buffer(mmap.mmap(-1, mmap.PAGESIZE))
        self._here = threading.Event()

    def is_set(self) -> bool:
        """Whether anybody has set it."""
        return bool(self._set.value)

    def set(self) -> None:
        """Set it for all."""
        self._set.value = True
        self._here.set()

    def clear(self) -> None:
        """As it was at first."""
        self._set.value = False
        self._here.clear()

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until it is set. Whether it is."""
        end = time.monotonic() + seconds
        while not self.is_set() and (left := end - time.monotonic()) > 0:
            self._here.wait(min(left, _LOOK_SECONDS))
        return self.is_set()
