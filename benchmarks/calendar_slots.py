"""Owns the figures of the calendar's rules: ten thousand slots, and the next free one behind ten thousand taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from benchmarks.figures import Figure
from pipeline.core.calendar import upcoming_slots

_AFTER: Final = datetime(2026, 11, 2, 12, tzinfo=UTC)
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri")
_TIMES: Final = ("09:00", "14:00", "18:00")
_ZONE: Final = "Europe/Berlin"


def figures(*, quick: bool) -> Iterator[Figure]:
    """Milliseconds of pure rules, beside so many additions of a timedelta."""
    count, rounds = (100, 1) if quick else (10_000, 5)
    taken = frozenset(_slots(count))

    def bare() -> None:
        for number in range(count):
            _AFTER + timedelta(hours=number)

    def next_free() -> None:
        next(upcoming_slots(timezone=_ZONE, days=_DAYS, time_slots=_TIMES, after=_AFTER, taken=taken))

    for name, work in ((f"{count:,} slots", lambda: _slots(count)), (f"the next slot behind {count:,}", next_free)):
        seen, baseline = [], []
        for _ in range(rounds):
            seen.append(_milliseconds(work))
            baseline.append(_milliseconds(bare))
        yield Figure(name, "milliseconds", seen, f"{count:,} additions of a timedelta", baseline)


def _slots(count: int) -> list[datetime]:
    upcoming = upcoming_slots(timezone=_ZONE, days=_DAYS, time_slots=_TIMES, after=_AFTER)
    return list(islice(upcoming, count))


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1_000
