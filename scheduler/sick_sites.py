"""Owns what a duty does about sites that make it fail: each is said, left alone for a while, and tried again.

It is kept in memory: another beat, and one that is started anew, tries them too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pipeline.db.collisions import CollisionError
from pipeline.db.session import DATABASE_AWAY
from pipeline.logs import get_logger

FIRST_WAIT_SECONDS: Final = 30.0
LONGEST_WAIT_SECONDS: Final = 900.0
_log = get_logger(__name__)


@dataclass(frozen=True)
class _Wait:
    seconds: float
    #: By the clock of the sites.
    until: float


class SickSites:
    """The sites that one duty failed at, for one process."""

    def __init__(self, duty: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`duty` is its name in the log; `clock` gives seconds."""
        self._duty = duty
        self._clock = clock
        self._waits: dict[int, _Wait] = {}

    def may_be_tried(self, site_id: int) -> bool:
        """Whether the site is well, as far as is known, or has been left alone for long enough."""
        wait = self._waits.get(site_id)
        return wait is None or wait.until <= self._clock()

    @contextmanager
    def kept_apart(self, site_id: int) -> Iterator[None]:
        """Inside the block the duty works for the site, in a transaction of its own: a fault of it stops no other.

        What the database says of itself is raised; a change that another one met is tried again when its turn comes.
        """
        try:
            yield
        except CollisionError:
            _log.warning("site_met_another_change", duty=self._duty, site_id=site_id)
        except DATABASE_AWAY:
            raise
        except Exception:  # noqa: BLE001 - whatever is wrong with one site, the others are due
            before = self._waits.get(site_id)
            seconds = FIRST_WAIT_SECONDS if before is None else min(before.seconds * 2, LONGEST_WAIT_SECONDS)
            self._waits[site_id] = _Wait(seconds, self._clock() + seconds)
            _log.exception("site_passed_over", duty=self._duty, site_id=site_id, retry_in_seconds=seconds)
        else:
            self._waits.pop(site_id, None)
