"""Owns wall time: zones, weekdays, "HH:MM", and the one instant a local date and time stand for.

Never: reads a clock, or the rules of the machine. Zone rules come from the `tzdata` package alone, so that every
worker of an installation resolves a slot to the same instant, and `tzdata_version` names the rules that did it.

The rules: a wall time that a clock change skips moves forward by as much as the clock did (02:30 → 03:30), unless that
is another local date: then it does not exist that day. A wall time that comes twice counts the first time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import MINYEAR, UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]  # it ships data and two constants, no types.

from pipeline.core.errors import InvalidValueError

#: The names of the days, in the order in which they are listed everywhere.
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: The most time slots a day may have, counted before equal ones collapse.
MAX_TIME_SLOTS: Final = 96

_HOUR: Final = timedelta(hours=1)
_CLOCK_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
# No zone is a day away from UTC, so from here on every instant has a local time.
_FIRST_INSTANT: Final = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
_SHOWN_CHARACTERS: Final = 60
_Entry = TypeVar("_Entry")
#: In the list of zones, and the zone of no place: what a machine shows that was never told where it is.
_NO_PLACES: Final = frozenset({"Factory"})


@dataclass(frozen=True, slots=True)
class WallTime:
    """What the clocks of a site show: a date and "HH:MM"."""

    day: date
    time: str


def tzdata_version() -> str:
    """Name the release of the time zone rules in use, as IANA does: "2026a"."""
    version: str = tzdata.IANA_VERSION
    return version


def parse_timezone(name: str) -> ZoneInfo:
    """Give the zone of an IANA name ("Europe/Berlin").

    Raises InvalidValueError, with the names most like it, for any other.
    """
    if isinstance(name, str) and name in _zone_names():
        return _load_zone(name)
    suggestion = " or ".join(_similar_zone_names(name)) if isinstance(name, str) else ""
    hint = f"Did you mean {suggestion}?" if suggestion else 'Use an IANA name such as "Europe/Berlin" or "UTC".'
    raise InvalidValueError(f"{shown(name)} is not a known time zone. {hint}")


def parse_days(days: Iterable[str]) -> tuple[str, ...]:
    """Give the distinct days, from "mon" to "sun".

    Raises InvalidValueError for anything but the seven names.
    """
    given = entries(days, noun="days")
    for day in given:
        if not isinstance(day, str) or day not in WEEKDAYS:
            raise InvalidValueError(f"{shown(day)} is not a day. Use {', '.join(WEEKDAYS)}.")
    return tuple(day for day in WEEKDAYS if day in given)


def parse_time_slot(text: str) -> str:
    """Give a time of day as "HH:MM" ("9:00" becomes "09:00").

    Raises InvalidValueError for anything else; "24:00" is not a time of day.
    """
    match = _CLOCK_TIME.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise InvalidValueError(f"{shown(text)} is not a time of day. Use HH:MM, from 00:00 to 23:59.")
    return f"{match[1]:0>2}:{match[2]}"


def parse_wall_time(text: str) -> WallTime:
    """Give the date and time of "YYYY-MM-DD HH:MM".

    Raises InvalidValueError for anything else.
    """
    day, _, clock_time = text.strip().partition(" ") if isinstance(text, str) else ("", "", "")
    try:
        return WallTime(date.fromisoformat(day), parse_time_slot(clock_time))
    except (ValueError, InvalidValueError):
        raise InvalidValueError(
            f"{shown(text)} is not a date and time. Use YYYY-MM-DD HH:MM, such as 2026-03-29 14:00."
        ) from None


def parse_time_slots(time_slots: Iterable[str]) -> tuple[str, ...]:
    """Give the distinct times of a day's slots, sorted, each as "HH:MM".

    Raises InvalidValueError for a wrong time, and for more than 96 entries (equal ones counted).
    """
    given = entries(time_slots, noun="time slots")
    if len(given) > MAX_TIME_SLOTS:
        raise InvalidValueError(f"{len(given)} time slots are too many. Use at most {MAX_TIME_SLOTS} a day.")
    return distinct_times(given)


def distinct_times(time_slots: Iterable[str]) -> tuple[str, ...]:
    """Do what `parse_time_slots` does, without its limit, which belongs to settings and not to arithmetic."""
    return tuple(sorted({parse_time_slot(text) for text in entries(time_slots, noun="time slots")}))


def parse_instant(value: datetime, *, noun: str) -> datetime:
    """Give an aware datetime in UTC.

    Raises InvalidValueError for a naive one: it names a different instant on every machine.
    """
    if not isinstance(value, datetime):
        raise InvalidValueError(f"{shown(value)} is no instant for {noun}. Use a datetime with a time zone.")
    if value.utcoffset() is None:
        raise InvalidValueError(f"{value.isoformat()} has no time zone. Use an aware datetime for {noun}.")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidValueError(f"{value.isoformat()} is outside the years 1 to 9999 of UTC ({noun}).") from None


def parse_date(value: date, *, noun: str) -> date:
    """Give a local date as it is.

    Raises InvalidValueError for anything else, datetimes too: their date depends on a zone.
    """
    if isinstance(value, datetime) or not isinstance(value, date):
        raise InvalidValueError(f"{shown(value)} is no date for {noun}. Use a date without a time.")
    return value


def entries(values: Iterable[_Entry], *, noun: str) -> list[_Entry]:
    """List the values of an iterable.

    Raises InvalidValueError for a text, whose letters nobody means, and for what is no iterable.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidValueError(f"{shown(values)} is no list of {noun}. Use a list.")
    return list(values)


def shown(value: object) -> str:
    """Write a refused value into a sentence, shortened."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def resolve(day: date, clock_time: time, zone: ZoneInfo) -> datetime | None:
    """Give the UTC instant of a local date and time; None where that date does not have it."""
    # fold=0 is the whole rule: the first of two, and in a gap the offset before it, which lands the gap's length later.
    wall = datetime.combine(day, clock_time, tzinfo=zone)
    try:
        instant = wall.astimezone(UTC)
        lands_on = instant.astimezone(zone).date()
    except OverflowError:
        return None
    return instant if lands_on == day else None


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """Give the local date of a UTC instant, held within the years 1 to 9999."""
    return local_time(instant, zone).date()


def local_time(instant: datetime, zone: ZoneInfo) -> datetime:
    """Give what a clock in the zone shows at a UTC instant, held within the years 1 to 9999."""
    try:
        return instant.astimezone(zone)
    except OverflowError:
        return datetime.min.replace(tzinfo=zone) if instant.year == MINYEAR else datetime.max.replace(tzinfo=zone)


def next_at_minute(minute: int, *, after: datetime, zone: ZoneInfo) -> datetime | None:
    """Give the first instant after `after` at which the local clock reads that minute of any hour.

    None when the years end. A clock change may skip the minute once, or bring it back within the hour.
    """
    start = max(after.replace(microsecond=0), _FIRST_INSTANT)
    try:
        while (found := _at_minute_within_the_hour(minute, start, zone)) is None:
            start += _HOUR
    except OverflowError:
        return None
    return found


def _at_minute_within_the_hour(minute: int, start: datetime, zone: ZoneInfo) -> datetime | None:
    # Real zones change at most once an hour, so every instant of the hour has one of the two offsets at its ends.
    offsets = {_offset(start, zone), _offset(start + _HOUR, zone)}
    candidates = ((_at_minute(minute, start, offset), offset) for offset in offsets)
    return min((instant for instant, offset in candidates if _offset(instant, zone) == offset), default=None)


def _at_minute(minute: int, start: datetime, offset: timedelta) -> datetime:
    local = start + offset
    past_the_hour = timedelta(minutes=local.minute, seconds=local.second)
    return start + ((timedelta(minutes=minute) - past_the_hour) % _HOUR or _HOUR)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(files(tzdata).joinpath("zones").read_text(encoding="utf-8").split()) - _NO_PLACES


@cache
def _load_zone(name: str) -> ZoneInfo:
    # ZoneInfo(name) would prefer the rules of the machine, whose version nobody can name.
    with files(tzdata).joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def _similar_zone_names(name: str) -> list[str]:
    """Name the zones, three at most, whose whole name or last part is most like the one given."""
    by_spelling: dict[str, str] = {}
    for known in sorted(_zone_names()):
        by_spelling.setdefault(known.rpartition("/")[2].lower(), known)
        by_spelling[known.lower()] = known
    spelling = "_".join(name.lower().split())
    matches = get_close_matches(spelling, by_spelling, n=3, cutoff=0.75)
    return list(dict.fromkeys(by_spelling[match] for match in matches))
