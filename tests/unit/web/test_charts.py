"""Charts as rectangles: a bar a day, the highest as high as the drawing."""

from __future__ import annotations

from datetime import date, timedelta

from pipeline.services.cost_reports import Figures, Period, Report, ReportBy, ReportRow
from pipeline.web.pages.charts import HEIGHT, WIDTH, day_bars

FIRST = date(2026, 6, 1)


def _report(**charged: tuple[int, int]) -> Report:
    rows = [
        ReportRow(f"2026-06-0{day[1:]}", day, testing, Figures(charged_ucr=amount, refunded_ucr=1))
        for day, amounts in charged.items()
        for testing, amount in zip((False, True), amounts, strict=True)
    ]
    period = Period(FIRST, FIRST + timedelta(days=3))
    return Report(ReportBy.DAY, period, rows, live=Figures(), testing=Figures())


def test_every_day_has_a_bar_and_the_highest_fills_the_drawing() -> None:
    chart = day_bars(_report(d2=(101, 101), d4=(51, 1)))

    assert [bar.day.day for bar in chart.bars] == [1, 2, 3, 4]
    assert [(bar.live_ucr, bar.testing_ucr) for bar in chart.bars] == [(0, 0), (100, 100), (0, 0), (50, 0)]
    assert [(bar.live_height, bar.testing_height) for bar in chart.bars][1::2] == [(HEIGHT / 2, HEIGHT / 2), (40, 0)]
    assert (chart.most_ucr, chart.most_day) == (200, date(2026, 6, 2))
    assert chart.bars[1].testing_y == 0
    assert chart.bars[-1].x + chart.bars[-1].width <= WIDTH


def test_where_nothing_was_charged_the_chart_is_flat() -> None:
    chart = day_bars(_report())

    assert {bar.live_height + bar.testing_height for bar in chart.bars} == {0}
    assert (chart.most_ucr, chart.most_day) == (0, None)
