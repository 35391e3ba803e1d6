"""Owns watching a run: a live table of its stages in a terminal, a line for each news elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from rich.live import Live

from pipeline.cli.eta import StageView, finished_items, seconds_left
from pipeline.cli.output import console
from pipeline.cli.run_table import Report, drawn, news
from pipeline.core.states import LIVE_RUNS
from pipeline.db.session import Database
from pipeline.models import Run
from pipeline.services import reports, runs

_POLL_SECONDS: Final = 0.4


def watch(database: Database, run_id: int, *, tend: Callable[[], None], stderr: bool) -> dict[str, Any]:
    """Show the run until it ends; its last report. `tend` is called between two looks."""
    clocks = _Clocks()
    with _Display(stderr=stderr) as display:
        while True:
            with database.reading() as session:
                report: dict[str, Any] = reports.run_report(session, run_id)
                run = session.get_one(Run, run_id)
                limits = {number: row.per_run_limit for number, row in run.site_settings.stages.items()}
                waiting = runs.count_waiting(session, run.site_id)
            display.show(report, clocks.left(report, limits=limits, waiting=waiting))
            if report["status"] not in LIVE_RUNS:
                return report
            tend()
            time.sleep(_POLL_SECONDS)


class _Clocks:
    """Since when each stage was seen running, and how long it took."""

    def __init__(self) -> None:
        self._began: dict[int, float] = {}
        self._took: dict[int, float] = {}

    def left(self, report: Report, *, limits: Mapping[int, int], waiting: Mapping[str, int]) -> float | None:
        return seconds_left(
            [
                StageView(
                    status=stage["status"],
                    inputs=stage["inputs"],
                    finished=finished_items(stage),
                    waiting=waiting[stage["key"]],
                    limit=limits[stage["number"]],
                    elapsed_seconds=self._elapsed(stage["number"], running=stage["status"] == "running"),
                )
                for stage in report["stages"]
            ]
        )

    def _elapsed(self, number: int, *, running: bool) -> float | None:
        if running:
            self._began.setdefault(number, time.monotonic())
            self._took[number] = time.monotonic() - self._began[number]
        return self._took.get(number)


class _Display:
    """A live table where somebody looks at a terminal; else a line whenever a stage's status changes."""

    def __init__(self, *, stderr: bool) -> None:
        self._console = console(stderr=stderr)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._told: dict[int, str] = {}

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, report: Report, left: float | None) -> None:
        if self._live:
            self._live.update(drawn(report, on=self._console, left=left), refresh=True)
            return
        for stage in report["stages"]:
            if stage["status"] != "pending" and self._told.get(stage["number"]) != stage["status"]:
                self._told[stage["number"]] = stage["status"]
                self._console.print(news(stage))
