"""Owns when the runs of a schedule are due: hourly, daily or weekly at a local time.

Never: reads a clock or remembers a run. What is due next follows from the settings and the `after` handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from pipeline.core.calendar import upcoming_slots
from pipeline.core.errors import InvalidValueError
from pipeline.core.walltime import (
    WEEKDAYS,
    next_at_minute,
    parse_instant,
    parse_time_slot,
    parse_timezone,
    shown,
)


class Frequency(StrEnum):
    """How often the runs of a schedule are due."""

    #: Whenever the local clock reads the minute of `at`, whatever the hour.
    HOURLY = "hourly"
    #: Once on each local date, at `at`.
    DAILY = "daily"
    #: Once on each of the days given, at `at`.
    WEEKLY = "weekly"


def upcoming_runs(
    *,
    timezone: str,
    frequency: str,
    at: str,
    after: datetime,
    days: Iterable[str] = (),
) -> Iterator[datetime]:
    """Give the UTC instants, strictly after `after`, at which a schedule is due; endless up to the year 9999.

    `at` is "HH:MM" in the zone; `days` ("mon"…) count for weekly only, which without any is never due. Daily and weekly
    resolve as calendar slots do. Hourly is every real hour: where clocks go back its minute may come twice within
    the hour, where they go forward it may be missing once. Raises InvalidValueError at the call.
    """
    rhythm = parse_frequency(frequency)
    clock_time = parse_time_slot(at)
    if rhythm is Frequency.HOURLY:
        zone = parse_timezone(timezone)
        return _hourly(int(clock_time[-2:]), after=parse_instant(after, noun="after"), zone=zone)
    due_days = WEEKDAYS if rhythm is Frequency.DAILY else days
    return upcoming_slots(timezone=timezone, days=due_days, time_slots=(clock_time,), after=after)


def parse_frequency(value: str) -> Frequency:
    """Give the frequency of that name; raises InvalidValueError for any other."""
    try:
        return Frequency(value)
    except ValueError:
        raise InvalidValueError(f"{shown(value)} is no frequency. Use {', '.join(Frequency)}.") from None


def _hourly(minute: int, *, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    run: datetime | None = after
    while run is not None and (run := next_at_minute(minute, after=run, zone=zone)) is not None:
        yield run
