"""Owns a limit on the memory of some processes: a control group where one is to be had, else a limit on each.

In a control group the kernel kills who takes too much, as it does on a machine that has none left. A limit on a process
only tells it so. Which of the two it was is said. Never: a limit on anything but the processes that are given.
"""

from __future__ import annotations

import resource
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

_V1: Final = Path("/sys/fs/cgroup/memory")
_V2: Final = Path("/sys/fs/cgroup")
_PATIENCE_SECONDS: Final = 10.0


@contextmanager
def memory_limit(pids: Sequence[int], *, further_bytes: int) -> Iterator[str]:
    """Let these, and their children from now on, take so much more: whether who wants beyond is `killed` or `told`."""
    group = _group()
    if group is None:
        for pid in pids:
            most = psutil.Process(pid).memory_info().vms + further_bytes
            resource.prlimit(pid, resource.RLIMIT_AS, (most, most))
        yield "told"
        return
    try:
        limit = "memory.limit_in_bytes" if (group / "memory.limit_in_bytes").exists() else "memory.max"
        (group / limit).write_text(str(further_bytes))
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))
        yield "killed"
    finally:
        _remove(group)


def _group() -> Path | None:
    """A new control group below our own; None where none can be made."""
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, kinds, path = line.split(":", 2)
        if kinds in {"memory", ""}:
            group = (_V1 if kinds else _V2) / path.lstrip("/") / f"igny8-{secrets.token_hex(4)}"
            with suppress(OSError):
                group.mkdir()
                if (group / "memory.limit_in_bytes").exists() or (group / "memory.max").exists():
                    return group
                group.rmdir()
    return None


def _remove(group: Path) -> None:
    """It goes when the last of its processes has: they are moved out where they live."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while group.exists() and time.monotonic() < deadline:
        for pid in (group / "cgroup.procs").read_text(encoding="ascii").split():
            with suppress(OSError):
                (group.parent / "cgroup.procs").write_text(pid)
        with suppress(OSError):
            group.rmdir()
