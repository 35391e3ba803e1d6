"""Owns the second opinion on wall time: what a person would find who watches a clock in the zone, minute by minute.

Never: turns wall time into an instant, nor uses the code it judges. It converts UTC to wall time and nothing else; it
is slow, and has no idea of folds, gaps and offsets but what the clock's hands do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# The longest any clock was ever put back or forward is a day.
LEAD = timedelta(hours=25)
#: (zone, a UTC date on which its clocks did something worth watching)
CLOCK_CHANGES = [
    ("Europe/Berlin", date(2024, 3, 31)),
    ("Europe/Berlin", date(2024, 10, 27)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2024, 4, 6)),  # back by 30 minutes
    ("Australia/Lord_Howe", date(2024, 10, 5)),  # ahead by 30 minutes
    ("Antarctica/Troll", date(2024, 3, 31)),  # ahead by two hours
    ("Antarctica/Casey", date(2020, 10, 3)),  # ahead by three hours, from 00:01
    ("Antarctica/Casey", date(2010, 3, 4)),  # back by three hours, over midnight
    ("America/Sao_Paulo", date(2018, 11, 4)),  # 00:00 becomes 01:00
    ("America/Havana", date(2024, 11, 3)),  # 01:00 becomes 00:00
    ("America/St_Johns", date(2010, 11, 7)),  # 00:01 becomes 23:01 of the day before
    ("America/Caracas", date(2016, 5, 1)),  # 02:30 becomes 03:00, for good
    ("Asia/Pyongyang", date(2018, 5, 4)),  # 23:30 becomes 00:00 of the next day
    ("Asia/Kathmandu", date(1985, 12, 31)),  # 00:00 becomes 00:15
    ("Pacific/Apia", date(2011, 12, 30)),  # a whole day left out
    ("Pacific/Kwajalein", date(1993, 8, 21)),  # the same
    ("Pacific/Kwajalein", date(1969, 9, 30)),  # back by 23 hours
    ("Pacific/Chatham", date(2024, 4, 6)),
    ("Europe/Dublin", date(2024, 10, 27)),
    ("Africa/Casablanca", date(2024, 3, 10)),
    ("Africa/Juba", date(2021, 1, 31)),
    ("Asia/Gaza", date(2040, 10, 20)),
    ("America/Caracas", date(2007, 12, 9)),  # back by 30 minutes, for good
    ("Asia/Yangon", date(1942, 4, 30)),  # ahead by two and a half hours
]


def watch(zone: tzinfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Give (UTC instant, naive wall time) for each minute; each second while the zone is seconds away from UTC."""
    instant = start.astimezone(UTC).replace(second=0, microsecond=0)
    while instant <= end:
        wall = instant.astimezone(zone).replace(tzinfo=None)
        yield instant, wall
        instant += SECOND if wall.second or instant.second else MINUTE


def slots_between(
    zone: tzinfo,
    *,
    days: Collection[str],
    time_slots: Collection[str],
    after: datetime,
    until: datetime,
    skip_dates: Collection[date] = (),
) -> list[datetime]:
    """Give the instants in (after, until] that are slots. `time_slots` are "HH:MM" with two digits each."""
    times = {(int(text[:2]), int(text[3:])) for text in time_slots}
    shown, jumped_over = _seen(zone, after - LEAD, until + LEAD)

    def wanted(wall: datetime) -> bool:
        named = (wall.hour, wall.minute) in times and DAY_NAMES[wall.weekday()] in days
        return named and wall.second == 0 and wall.date() not in skip_dates

    found = {instants[0] for wall, instants in shown.items() if wanted(wall)}
    for wall, moved_to, jump in jumped_over:
        if wanted(wall) and wall not in shown and wall.date() == moved_to.date():
            found.add(next(instant for instant in shown[moved_to] if instant >= jump))
    return sorted(instant for instant in found if after < instant <= until)


def minutes_between(zone: tzinfo, *, minute: int, after: datetime, until: datetime) -> list[datetime]:
    """Give the instants in (after, until] at which the clock in the zone turns to that minute of any hour."""
    seen = watch(zone, after, until)
    return [instant for instant, wall in seen if (wall.minute, wall.second) == (minute, 0) and after < instant]


def clock_changes(zone: tzinfo, *, after: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """Give (naive wall time that was to come, the one that came) for each time the clock was moved."""
    changes = []
    previous: tuple[datetime, datetime] | None = None
    for instant, wall in watch(zone, after, until):
        if previous is not None and wall != (expected := previous[1] + (instant - previous[0])):
            changes.append((expected, wall))
        previous = instant, wall
    return changes


# A year is watched once for all that is asked of it; more than one would be a lot of memory.
@lru_cache(maxsize=1)
def _seen(
    zone: tzinfo, start: datetime, end: datetime
) -> tuple[dict[datetime, list[datetime]], list[tuple[datetime, datetime, datetime]]]:
    """Give the instants at which each wall time was shown; and (wall time, where it moved, when) for each left out."""
    shown: dict[datetime, list[datetime]] = {}
    jumped_over: list[tuple[datetime, datetime, datetime]] = []
    previous: tuple[datetime, datetime] | None = None
    for instant, wall in watch(zone, start, end):
        if previous is not None:
            expected = previous[1] + (instant - previous[0])
            jumped_over += [(w, w + (wall - expected), instant) for w in _whole_minutes(expected, wall)]
        shown.setdefault(wall, []).append(instant)
        previous = instant, wall
    return shown, jumped_over


def _whole_minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    """Give each wall minute in [start, end): none unless the clock jumped ahead."""
    wall = start if start.second == 0 else start.replace(second=0) + MINUTE
    while wall < end:
        yield wall
        wall += MINUTE
