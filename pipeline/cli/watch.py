"""Owns watching a run: a live table of its stages in a terminal, a line for each news elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

from rich import box
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.cli.eta import StageView, clock, finished_items, seconds_left
from pipeline.cli.output import console, show_grid, status
from pipeline.core.states import LIVE_RUNS
from pipeline.db.session import Database
from pipeline.models import Run
from pipeline.services import reports, runs
from pipeline.services.stage_runs import frozen_settings

Report = Mapping[str, Any]
_POLL_SECONDS: Final = 0.4
_BAR_WIDTH: Final = 24


def watch(database: Database, run_id: int, *, tend: Callable[[], None], stderr: bool) -> dict[str, Any]:
    """Show the run until it ends; its last report. `tend` is called between two looks."""
    clocks = _Clocks()
    with _Display(stderr=stderr) as display:
        while True:
            with database.reading() as session:
                report: dict[str, Any] = reports.run_report(session, run_id)
                run = session.get_one(Run, run_id)
                limits = {number: row.per_run_limit for number, row in frozen_settings(run).stages.items()}
                waiting = runs.count_waiting(session, run.site_id)
            display.show(report, clocks.left(report, limits=limits, waiting=waiting))
            if report["status"] not in LIVE_RUNS:
                return report
            tend()
            time.sleep(_POLL_SECONDS)


def print_report(report: Report) -> None:
    """The table of a run as it stands."""
    printed = console()
    show_grid(_stages_table(report, with_bars=printed.is_terminal), on=printed)
    printed.print(_footer(report, None))


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
            self._live.update(Group(_stages_table(report, with_bars=True), _footer(report, left)), refresh=True)
            return
        for stage in report["stages"]:
            if stage["status"] != "pending" and self._told.get(stage["number"]) != stage["status"]:
                self._told[stage["number"]] = stage["status"]
                self._console.print(_line(stage))


def _line(stage: Mapping[str, Any]) -> str:
    reason = f" ({stage['reason']})" if stage["reason"] else f" ({stage['inputs']} inputs)"
    return f"{stage['number']}. {stage['name']}: {stage['status']}{reason}"


def _stages_table(report: Report, *, with_bars: bool) -> Table:
    grid = Table(box=box.SIMPLE_HEAD if with_bars else None, pad_edge=False, header_style="bold")
    grid.add_column("", justify="right")
    grid.add_column("stage", no_wrap=True)
    if with_bars:
        grid.add_column("", width=_BAR_WIDTH)
    for heading in ("done", "failed", "credits", "of"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("status", no_wrap=True)
    grid.add_column("reason", overflow="ellipsis")
    for stage in report["stages"]:
        grid.add_row(*_cells(stage, with_bar=with_bars))
    return grid


def _cells(stage: Mapping[str, Any], *, with_bar: bool) -> list[Any]:
    has_cap = stage["credits_cap"] is not None and Decimal(stage["credits_cap"]) > 0
    bar = [_bar(stage)] if with_bar else []
    return [
        str(stage["number"]),
        stage["name"],
        *bar,
        f"{stage['done']}/{stage['inputs']}",
        Text(str(stage["failed"]), style="red" if stage["failed"] else "dim"),
        _shown(stage["credits_spent"]) if has_cap else "",
        _shown(stage["credits_cap"]) if has_cap else "",
        status(stage["status"]),
        stage["reason"] or "",
    ]


def _bar(stage: Mapping[str, Any]) -> ProgressBar:
    ended = stage["status"] not in {"pending", "running"}
    total = max(stage["inputs"], 1)
    finished = total if ended and stage["status"] != "skipped" and not stage["inputs"] else finished_items(stage)
    return ProgressBar(
        total=total, completed=finished, width=_BAR_WIDTH, pulse=stage["status"] == "running" and not finished
    )


def _footer(report: Report, left: float | None) -> Text:
    amounts = report["credits"]
    text = Text.assemble(
        f"Run {report['run_id']} ",
        status(report["status"]),
        f"   credits {_shown(amounts['before'])} → {_shown(amounts['after'])}, {_shown(amounts['held'])} held",
    )
    if left is not None and report["status"] in LIVE_RUNS:
        text.append(f"   about {clock(left)} left")
    return text


def _shown(amount: str | None) -> str:
    return "" if amount is None else f"{Decimal(amount):,.1f}"
