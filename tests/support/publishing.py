"""Owns what the tests of calendar, publishing and scheduler share: an instant, and the slots that follow it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

from pipeline.core.calendar import upcoming_slots

#: A Wednesday, 10:30 in Berlin.
NOW = datetime(2026, 11, 4, 9, 30, tzinfo=UTC)

DAYS = ("mon", "tue", "wed", "thu", "fri")
TIMES = ("09:00", "14:00", "18:00")


def grid(
    count: int,
    *,
    timezone: str = "Europe/Berlin",
    days: Iterable[str] = DAYS,
    time_slots: Iterable[str] = TIMES,
    after: datetime = NOW,
) -> list[datetime]:
    """The first slots of the pure generator, by the default settings of a site."""
    return list(islice(upcoming_slots(timezone=timezone, days=days, time_slots=time_slots, after=after), count))
