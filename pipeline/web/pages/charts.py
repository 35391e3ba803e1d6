"""Owns charts: figures as places and sizes of rectangles, drawn by the server, without a script. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from pipeline.services.cost_reports import Report

#: Of the drawing, in its own units.
WIDTH: Final = 1_000
HEIGHT: Final = 160
_GAP: Final = 6


@dataclass(frozen=True)
class Bar:
    """One day: what live and testing models were charged, and where that is drawn."""

    day: date
    live_ucr: int
    testing_ucr: int
    x: float
    width: float
    live_height: float
    testing_height: float

    @property
    def live_y(self) -> float:
        """Where the live part begins, from the top."""
        return HEIGHT - self.live_height

    @property
    def testing_y(self) -> float:
        """Where the testing part begins, which stands on the live one."""
        return self.live_y - self.testing_height


@dataclass(frozen=True)
class Bars:
    """A chart of days; `most_ucr` is the highest of them."""

    bars: list[Bar]
    most_ucr: int
    most_day: date | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the drawing."""
        return WIDTH, HEIGHT


def day_bars(report: Report) -> Bars:
    """A bar for each day of a report by days, also for those without a row."""
    charged: dict[tuple[str, bool], int] = {
        (row.key, row.testing): max(0, row.figures.charged_ucr - row.figures.refunded_ucr) for row in report.rows
    }
    count = (report.period.last - report.period.first).days + 1
    days = [report.period.first + timedelta(days=number) for number in range(count)]
    sums = [(charged.get((str(day), False), 0), charged.get((str(day), True), 0)) for day in days]
    most = max(sum(pair) for pair in sums)
    step = WIDTH / count

    def height(amount: int) -> float:
        return round(HEIGHT * amount / most, 2) if most else 0

    width = round(step - _GAP, 2)
    bars = [
        Bar(day, live, testing, round(number * step + _GAP / 2, 2), width, height(live), height(testing))
        for number, (day, (live, testing)) in enumerate(zip(days, sums, strict=True))
    ]
    highest = max(range(count), key=lambda number: sum(sums[number]))
    return Bars(bars, most, days[highest] if most else None)
