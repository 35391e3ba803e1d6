"""Owns the command line of a worker: which queues it reads, in which pool its tasks run, and what it is called.

Never: start one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from pipeline.config import Config
from pipeline.core.errors import InvalidValueError

#: Quiet: its banner is no log line.
CELERY: Final = ("-m", "celery", "-A", "pipeline.worker", "--quiet")
#: All there are; `celeryconfig.py` says what runs where.
QUEUES: Final = ("control", "local", "text", "image", "publish", "canary")


class Pool(StrEnum):
    """What a worker runs its tasks in."""

    #: Threads of one process: for work that waits for others, such as providers and sites.
    THREADS = "threads"
    #: Processes: for work that computes, as stages do that ask nothing.
    PREFORK = "prefork"


def chosen_queues(given: str | None) -> tuple[str, ...]:
    """The queues in `given`, names separated by commas; all where there is none. Raises InvalidValueError.

    A queue that nobody writes to would be waited for without a word.
    """
    names = tuple(dict.fromkeys(name.strip() for name in (given or "").split(",") if name.strip())) or QUEUES
    unknown = [name for name in names if name not in QUEUES]
    if unknown:
        raise InvalidValueError(f"--queues: there is no queue {unknown[0]!r}. Queues are {', '.join(QUEUES)}.")
    return names


def own_node(queues: Sequence[str]) -> str:
    """What this process is called on the broker: two workers of one machine must not answer for each other."""
    what = "all" if tuple(queues) == QUEUES else "-".join(queues)
    return f"{what}-{os.getpid()}@{socket.gethostname()}"


def tasks_at_once(config: Config, pool: Pool, given: int | None) -> int:
    """As many as were asked for; else the configured threads, or a process for each processor."""
    if given is not None:
        return given
    return config.worker_threads if pool is Pool.THREADS else os.cpu_count() or 1


def worker_arguments(
    config: Config, *, node: str, queues: Sequence[str] = QUEUES, pool: Pool = Pool.THREADS, at_once: int | None = None
) -> tuple[str, ...]:
    """What Python is called with."""
    size = str(tasks_at_once(config, pool, at_once))
    options = ("-P", pool.value, "-c", size, "-Q", ",".join(queues), "-n", node)
    # Threads cannot be ended from outside. A process can: at this time its message is handed out again anyway.
    limit = ("--time-limit", str(config.visibility_timeout_seconds)) if pool is Pool.PREFORK else ()
    # Without mingle and gossip: a worker that lost its broker was seen to hang in them.
    return (*CELERY, "worker", *options, *limit, "--without-mingle", "--without-gossip")
