"""Owns how many requests a minute are answered: those of one caller, and attempts to log in from one address.

Each web process counts for itself, so that no request waits for another process: with four of them a caller has up to
four times as many. Passwords are guarded by `log_in_attempts` besides, which all processes share.
"""

from __future__ import annotations

import time
from typing import Final

from limits.storage import MemoryStorage

from pipeline.core.errors import TooManyRequestsError

#: From one address; whoever is behind a proxy shares the proxy's.
LOG_INS_A_MINUTE: Final = 60
_MINUTE: Final = 60


class Rates:
    """Counts of one process."""

    def __init__(self, requests_a_minute: int, *, log_ins_a_minute: int = LOG_INS_A_MINUTE) -> None:
        """So many requests of one caller are answered within a minute; 0: any number."""
        self._requests = requests_a_minute
        self._log_ins = log_ins_a_minute
        self._counts = MemoryStorage()

    def count(self, caller: str) -> None:
        """Count a request. TooManyRequestsError where it is one too many."""
        self._count(self._requests, caller)

    def count_log_in(self, address: str) -> None:
        """Count an attempt to log in, whoever it is for. TooManyRequestsError where it is one too many."""
        self._count(self._log_ins, f"log-in {address}")

    def _count(self, most: int, name: str) -> None:
        # The storage itself, since a strategy costs each request as much again as counting it does.
        if not most or self._counts.incr(name, _MINUTE) <= most:
            return
        seconds = max(1, int(self._counts.get_expiry(name) - time.time()) + 1)
        told = f"That are more than {most:,} requests within a minute. Wait {seconds} seconds, then go on."
        raise TooManyRequestsError(told, retry_after_seconds=seconds)
