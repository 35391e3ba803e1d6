"""Owns waiting for something that is away: it is said once, the waits grow, its return is said."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from pipeline.logs import get_logger

_log = get_logger(__name__)
FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 30.0


class Outage:
    """The absence of one thing, such as the broker; none to begin with."""

    def __init__(self, what: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`what` is its name in the log; `clock` gives seconds."""
        self._what = what
        self._clock = clock
        self._since: float | None = None
        self._wait_seconds = 0.0
        self._until = 0.0

    @property
    def wait_seconds(self) -> float:
        """How long to leave it alone; 0: it may be tried."""
        return 0.0 if self._since is None else max(0.0, self._until - self._clock())

    def failed(self, error: BaseException) -> None:
        """It was tried and is away: the next wait is twice as long."""
        if self._since is None:
            self._since = self._clock()
            self._wait_seconds = FIRST_WAIT_SECONDS
            _log.error("away", what=self._what, error=str(error), retry_in_seconds=self._wait_seconds)
        else:
            self._wait_seconds = min(self._wait_seconds * 2, LONGEST_WAIT_SECONDS)
            _log.warning("still_away", what=self._what, retry_in_seconds=self._wait_seconds)
        self._until = self._clock() + self._wait_seconds

    def ended(self) -> None:
        """It was tried and is there."""
        if self._since is not None:
            _log.info("back", what=self._what, away_seconds=round(self._clock() - self._since, 1))
            self._since = None
