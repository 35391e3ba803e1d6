"""Owns when a site's runs start: the grid of its recurrence, and its own jitter on top.

Never: reads a clock or remembers a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from pipeline.core.recurrence import upcoming_runs

_MINUTE_SECONDS: Final = 60
_DICE_BITS: Final = 64
_LEAST: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Schedule:
    """The rhythm of one site; raises InvalidValueError where its zone or its words mean nothing.

    A run belongs to an instant of the grid and starts `jitter` after it.
    """

    timezone: str
    frequency: str
    #: Wall time at the site, "HH:MM".
    at: str
    weekday: str
    jitter: timedelta = timedelta()

    def next_start(self, *, after: datetime) -> datetime | None:
        """The first start strictly after `after`; None when the years end."""
        return next(self._starts(after), None)

    def latest_start(self, *, since: datetime, until: datetime) -> datetime | None:
        """The last start in [since, until]; None where there is none."""
        found = None
        for start in self._starts(since - _LEAST):
            if start > until:
                break
            found = start
        return found

    def instant_of(self, start: datetime) -> datetime:
        """The instant of the grid that a start belongs to."""
        return start - self.jitter

    def _starts(self, after: datetime) -> Iterator[datetime]:
        instants = upcoming_runs(
            timezone=self.timezone,
            frequency=self.frequency,
            at=self.at,
            after=after - self.jitter,
            days=(self.weekday,),
        )
        return (instant + self.jitter for instant in instants)


def jitter_of(site_id: int, *, minutes: int) -> timedelta:
    """The site's own share of the spread, in whole seconds below `minutes`: the same each time, whoever asks."""
    dice = int.from_bytes(sha256(b"%d" % site_id).digest()[: _DICE_BITS // 8], "big")
    return timedelta(seconds=dice * minutes * _MINUTE_SECONDS >> _DICE_BITS)
