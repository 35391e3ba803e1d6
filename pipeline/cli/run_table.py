"""Owns how a run looks: the table of its seven stages, its credits, the news of a stage."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from rich import box
from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.cli.eta import clock, finished_items
from pipeline.cli.output import console, show_grid, status
from pipeline.core.states import LIVE_RUNS
from pipeline.core.words import counted

Report: TypeAlias = Mapping[str, Any]
#: A terminal of this width shows why a stage ended, and longer bars.
_WIDE: Final = 120
_BAR_WIDTH: Final = 24
_SHORT_BAR_WIDTH: Final = 8


def print_report(report: Report) -> None:
    """The run as it stands."""
    printed = console()
    show_grid(_stages(report, on=printed), on=printed)
    printed.print(_footer(report, None))


def drawn(report: Report, *, on: Console, left: float | None) -> Group:
    """The run for a live display; `left` is the guess of the seconds it still takes."""
    return Group(_stages(report, on=on), _footer(report, left))


def news(stage: Mapping[str, Any]) -> str:
    """What has become of a stage, in one line."""
    detail = stage["reason"] or counted(stage["inputs"], "input")
    return f"{stage['number']}. {stage['name']}: {stage['status']} ({detail})"


def _stages(report: Report, *, on: Console) -> Table:
    bar_width = (_BAR_WIDTH if on.width >= _WIDE else _SHORT_BAR_WIDTH) if on.is_terminal else 0
    style = box.SIMPLE_HEAD if on.is_terminal else None
    grid = Table(box=style, pad_edge=False, collapse_padding=True, header_style="bold")
    grid.add_column("", justify="right")
    grid.add_column("stage", no_wrap=True)
    if bar_width:
        grid.add_column("", width=bar_width)
    for heading in ("done", "failed", "credits", "of"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("status", no_wrap=True)
    if on.width >= _WIDE:
        grid.add_column("reason", no_wrap=True, overflow="ellipsis")
    for stage in report["stages"]:
        bar = [_bar(stage, width=bar_width)] if bar_width else []
        reason = [stage["reason"] or ""] if on.width >= _WIDE else []
        grid.add_row(str(stage["number"]), stage["name"], *bar, *_figures(stage), status(stage["status"]), *reason)
    return grid


def _figures(stage: Mapping[str, Any]) -> list[str | Text]:
    has_cap = Decimal(stage["credits_cap"]) > 0
    return [
        f"{stage['done']}/{stage['inputs']}",
        Text(str(stage["failed"]), style="red" if stage["failed"] else "dim"),
        _shown(stage["credits_spent"]) if has_cap else "",
        _shown(stage["credits_cap"]) if has_cap else "",
    ]


def _bar(stage: Mapping[str, Any], *, width: int) -> ProgressBar:
    finished = finished_items(stage)
    is_unknown = stage["status"] == "running" and not finished
    return ProgressBar(total=max(stage["inputs"], 1), completed=finished, width=width, pulse=is_unknown)


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


def _shown(amount: str) -> str:
    return f"{Decimal(amount):,.1f}"
