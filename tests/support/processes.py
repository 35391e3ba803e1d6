"""Owns what tests of processes need: waiting for something to become true, and whether a process lives."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
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


def environ_of_home(home: Path) -> dict[str, str]:
    """This process's environment with none of its own settings, for a command in that home."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("IGNY8_")},
        "IGNY8_HOME": str(home),
    }


def processes_of_home(home: Path) -> list[str]:
    """Command lines of what still runs for the home."""
    found = psutil.process_iter(["cmdline", "environ"])
    mine = [process for process in found if (process.info["environ"] or {}).get("IGNY8_HOME") == str(home)]
    return [" ".join(process.info["cmdline"] or []) for process in mine]
