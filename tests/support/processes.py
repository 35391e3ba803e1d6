"""Owns what tests of processes need: waiting for something to become true, and whether a process lives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psutil

Found = TypeVar("Found")


def wait_until(ask: Callable[[], Found], *, seconds: float = 20.0) -> Found:
    """The first true answer of `ask`; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = ask()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"still not true after {seconds} s: the last answer was {found!r}")
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that is dead but not collected yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def all_gone(pids: list[int]) -> bool:
    """Whether none of them runs."""
    return not any(is_alive(pid) for pid in pids)
