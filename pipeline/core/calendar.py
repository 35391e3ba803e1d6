"""Owns the publishing calendar's arithmetic: which instants its slots are, what fits in, and who goes where.

Never: reads a clock, a table or a queue. A slot is a local date and "HH:MM" in the site's zone, resolved to one
instant by `pipeline.core.walltime`; the rules of clock changes stand there.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from pipeline.core.errors import InvalidValueError
from pipeline.core.walltime import (
    WEEKDAYS,
    WallTime,
    distinct_times,
    entries,
    local_date,
    local_time,
    parse_date,
    parse_days,
    parse_instant,
    parse_time_slot,
    parse_time_slots,
    parse_timezone,
    parse_wall_time,
    resolve,
    tzdata_version,
)

__all__ = [
    "Capacity",
    "ReflowItem",
    "Slot",
    "WallTime",
    "capacity",
    "clock_change_note",
    "parse_days",
    "parse_time_slot",
    "parse_time_slots",
    "parse_timezone",
    "parse_wall_time",
    "reflow",
    "slot_instant",
    "slot_wall_time",
    "tzdata_version",
    "upcoming_slot_details",
    "upcoming_slots",
    "wall_slot",
]

IdT = TypeVar("IdT", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of the calendar: its instant, and the wall time it was asked for."""

    #: The instant, in UTC.
    at: datetime
    #: The date in the site's zone.
    local_date: date
    #: The "HH:MM" of the settings. Where a clock change skips it, the clock shows a later one at `at`.
    local_time: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many items the calendar takes."""

    #: Items a publishing day.
    daily: int
    #: Items a week.
    weekly: int
    #: Items a month of 4.3 weeks, rounded half up.
    monthly: int


@dataclass(frozen=True, slots=True)
class ReflowItem(Generic[IdT]):
    """One scheduled or waiting item, as `reflow` sees it."""

    #: What the item is called in the result.
    id: IdT
    #: The instant it holds; None for one that waits.
    at: datetime | None
    #: A person chose its instant.
    pinned: bool
    #: It may not move any more: publishing, published or overdue.
    locked: bool


def upcoming_slots(
    *,
    timezone: str,
    days: Iterable[str],
    time_slots: Iterable[str],
    after: datetime,
    taken: Iterable[datetime] = (),
    skip_dates: Iterable[date] = (),
) -> Iterator[datetime]:
    """Give the UTC instants of the free slots strictly after `after`, earliest first; endless up to the year 9999.

    `days` are "mon"…"sun", `time_slots` "HH:MM" in any order, `taken` aware datetimes (copied at the call),
    `skip_dates` local dates. Empty without a day or a slot. Raises InvalidValueError at the call.
    """
    slots = upcoming_slot_details(
        timezone=timezone,
        days=days,
        time_slots=time_slots,
        after=after,
        taken=taken,
        skip_dates=skip_dates,
    )
    return (slot.at for slot in slots)


def upcoming_slot_details(
    *,
    timezone: str,
    days: Iterable[str],
    time_slots: Iterable[str],
    after: datetime,
    taken: Iterable[datetime] = (),
    skip_dates: Iterable[date] = (),
) -> Iterator[Slot]:
    """Give what `upcoming_slots` gives, each with the local date and time it stands for."""
    zone = parse_timezone(timezone)
    weekdays = {WEEKDAYS.index(day) for day in parse_days(days)}
    times = _clock_times(time_slots)
    start = parse_instant(after, noun="after")
    held = {parse_instant(instant, noun="taken") for instant in entries(taken, noun="taken instants")}
    skipped = {parse_date(day, noun="skip_dates") for day in entries(skip_dates, noun="skip dates")}
    if not weekdays or not times:
        return iter(())
    dates = (day for day in _dates_from(local_date(start, zone)) if day.weekday() in weekdays and day not in skipped)
    slots = (slot for day in dates for slot in _slots_of_day(day, times, zone))
    return (slot for slot in slots if slot.at > start and slot.at not in held)


def reflow(
    items: Iterable[ReflowItem[IdT]],
    *,
    timezone: str,
    days: Iterable[str],
    time_slots: Iterable[str],
    now: datetime,
    skip_dates: Iterable[date] = (),
) -> dict[IdT, datetime | None]:
    """Deal the slots after `now` again, in queue order; give every item's instant in UTC, None where there is no slot.

    Pinned and locked items keep the instant they have, and what they hold is not dealt. Raises InvalidValueError for
    wrong settings, and for an id that comes twice.
    """
    queue = entries(items, noun="items")
    kept = {item.id: _kept_instant(item) for item in queue if item.pinned or item.locked}
    free = upcoming_slots(
        timezone=timezone,
        days=days,
        time_slots=time_slots,
        after=now,
        taken=[instant for instant in kept.values() if instant is not None],
        skip_dates=skip_dates,
    )
    dealt: dict[IdT, datetime | None] = {}
    for item in queue:
        if item.id in dealt:
            raise InvalidValueError(f"The item {item.id!r} comes twice. Give every item once, in queue order.")
        dealt[item.id] = kept[item.id] if item.id in kept else next(free, None)
    return dealt


def capacity(days: Iterable[str], time_slots: Iterable[str]) -> Capacity:
    """Count the items the calendar takes a day, a week and a month; nothing without a day or a slot.

    Raises InvalidValueError for a wrong day or time.
    """
    day_count = len(parse_days(days))
    slot_count = len(distinct_times(time_slots))
    weekly = day_count * slot_count
    return Capacity(daily=slot_count if day_count else 0, weekly=weekly, monthly=(weekly * 43 + 5) // 10)


def slot_wall_time(instant: datetime, timezone: str) -> tuple[date, str]:
    """Give the local date and "HH:MM" that a clock in the zone shows at an instant, held within the years 1 to 9999."""
    local = local_time(parse_instant(instant, noun="instant"), parse_timezone(timezone))
    return local.date(), f"{local:%H:%M}"


def slot_instant(day: date, clock_time: str, *, timezone: str) -> datetime | None:
    """Give the UTC instant of a local date and "HH:MM"; None where a clock change leaves that date without it.

    None too where the instant lies outside the years 1 to 9999 of UTC.
    With `slot_wall_time` it moves a pin to the same wall time of another zone. Raises InvalidValueError.
    """
    wanted = time.fromisoformat(parse_time_slot(clock_time))
    return resolve(parse_date(day, noun="day"), wanted, parse_timezone(timezone))


def wall_slot(wall: WallTime, timezone: str) -> Slot | None:
    """Give the place that a wall time stands for, on the grid or not; None where its date does not have it."""
    instant = slot_instant(wall.day, wall.time, timezone=timezone)
    return None if instant is None else Slot(instant, wall.day, wall.time)


def clock_change_note(slot: Slot, timezone: str) -> str | None:
    """Say where a clock change moves a slot to: "29 Mar: 02:30 will publish at 03:30"; None where none does."""
    _, shown_time = slot_wall_time(slot.at, timezone)
    if shown_time == slot.local_time:
        return None
    return f"{slot.local_date.day} {slot.local_date:%b}: {slot.local_time} will publish at {shown_time}"


def _clock_times(time_slots: Iterable[str]) -> dict[str, time]:
    return {text: time.fromisoformat(text) for text in distinct_times(time_slots)}


def _dates_from(first: date) -> Iterator[date]:
    return map(date.fromordinal, range(first.toordinal(), date.max.toordinal() + 1))


def _slots_of_day(day: date, times: dict[str, time], zone: ZoneInfo) -> Collection[Slot]:
    by_instant: dict[datetime, Slot] = {}
    for text, clock_time in times.items():
        instant = resolve(day, clock_time, zone)
        if instant is not None:
            # Times ascend, so where a skipped one lands on another slot the later, which the clock shows, stays.
            by_instant[instant] = Slot(instant, day, text)
    return sorted(by_instant.values(), key=_by_instant)


def _by_instant(slot: Slot) -> datetime:
    return slot.at


def _kept_instant(item: ReflowItem[IdT]) -> datetime | None:
    return None if item.at is None else parse_instant(item.at, noun=f"item {item.id!r}")
