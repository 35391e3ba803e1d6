"""Owns the command: `python -m tests.year [--from DATE] [--days N] [--on sqlite|postgresql]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.config import load_config, use_config
from pipeline.logs import configure_logs
from tests.support.postgres import postgres_server
from tests.year.driver import Driver
from tests.year.verdict import Verdict, judge
from tests.year.world import CASES, Clock, SiteCase, make_world

_COLUMNS = ("expected", "filled", "doubles", "lost", "expected", "started", "doubles", "lost")


def main(arguments: Sequence[str] | None = None) -> int:
    """Live through the time asked for and tell what came of it; 1 where anything is not as it should be."""
    asked = _parser().parse_args(arguments)
    first = datetime.combine(asked.first, datetime.min.time(), tzinfo=UTC)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="igny8-year-") as folder, _address(asked.on, Path(folder)) as url:
        use_config(load_config({"IGNY8_HOME": folder}))
        try:
            verdicts, ticks = simulate(url, CASES, start=first, end=first + timedelta(days=asked.days))
        finally:
            use_config(None)
    _tell(verdicts)
    right = all(verdict.is_right for verdict in verdicts)
    seconds = time.monotonic() - began
    _say(f"{asked.days} days from {asked.first} on {asked.on}: {ticks:,} ticks of two beats in {seconds:.0f} s.")
    _say("Every slot was filled once, no run was doubled or lost." if right else "That is not as it should be.")
    return 0 if right else 1


def simulate(url: str, cases: Sequence[SiteCase], *, start: datetime, end: datetime) -> tuple[list[Verdict], int]:
    """What became of every site between two instants, and how often beat ticked."""
    clock = Clock(start)
    world = make_world(url, clock, cases)
    try:
        driver = Driver(world, cases, clock)
        driver.live(until=end, told=_progress)
        return [judge(world, driver.journal, case, start=start, end=end) for case in cases], driver.ticks
    finally:
        world.database.dispose()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.year", description="A simulated year of schedules and slots."
    )
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=date(2026, 1, 1), metavar="DATE")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--on", choices=("sqlite", "postgresql"), default="sqlite")
    return parser


@contextmanager
def _address(backend: str, folder: Path) -> Iterator[str]:
    if backend == "sqlite":
        yield f"sqlite:///{folder}/igny8.db"
        return
    with postgres_server() as server:
        yield server.create_database("igny8_year")


def _tell(verdicts: Sequence[Verdict]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=False)
    table.add_column("site")
    for number, name in enumerate(_COLUMNS):
        table.add_column(f"{'slots' if number < len(_COLUMNS) // 2 else 'runs'}\n{name}", justify="right")
    table.add_column("clock changes")
    for verdict in verdicts:
        figures = [
            getattr(count, name)
            for count in (verdict.slots, verdict.runs)
            for name in ("expected", "happened", "doubles", "lost")
        ]
        table.add_row(verdict.case.name, *(f"{figure:,}" for figure in figures), ", ".join(verdict.nights))
    Console(width=140).print(table)
    for verdict in verdicts:
        for fault in verdict.faults:
            _say(f"{verdict.case.name}: {fault}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _progress(instant: datetime) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{instant:%d %b %Y}")


if __name__ == "__main__":
    configure_logs(log_format="console", log_level="ERROR")
    sys.exit(main())
