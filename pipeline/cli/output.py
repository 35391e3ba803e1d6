"""Owns how commands speak: one JSON document or CSV on stdout, or words and restrained tables; notes on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy.orm import Session

from pipeline.core import csv_text
from pipeline.core.errors import InvalidValueError
from pipeline.services import exports
from pipeline.services.exports import Export

#: Width of tables that nobody looks at in a terminal: nothing is cut.
_UNBOUNDED: Final = 10_000
#: Words that mean the same on every page, and how they look.
STYLES: Final = {
    "completed": "green",
    "published": "green",
    "done": "green",
    "started": "green",
    "ok": "green",
    "drifted": "yellow",
    "failing": "red",
    "running": "cyan",
    "publishing": "cyan",
    "scheduled": "cyan",
    "approved": "cyan",
    "completed_with_errors": "yellow",
    "paused": "yellow",
    "budget_exhausted": "yellow",
    "account_exhausted": "yellow",
    "provider_unavailable": "yellow",
    "missed": "yellow",
    "failed": "red",
    "needs_attention": "red",
    "rejected": "red",
    "cancelled": "dim",
    "skipped": "dim",
    "pending": "dim",
}


def console(*, stderr: bool = False) -> Console:
    """A console for people; texts are shown as they are, whatever brackets they hold."""
    found = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not found.is_terminal:
        found.width = _UNBOUNDED
    return found


def document(data: object) -> None:
    """Print the one JSON document of a command."""
    takes_all = (sys.stdout.encoding or "").casefold().startswith("utf")
    sys.stdout.write(json.dumps(data, ensure_ascii=not takes_all, indent=2, default=_plain) + "\n")
    sys.stdout.flush()


def csv_rows(session: Session, export: Export, *, as_json: bool) -> None:
    """Print every row of a list as CSV on stdout. InvalidValueError where JSON is wanted as well."""
    if as_json:
        raise InvalidValueError("--csv and --json are two ways to print one thing. Give one of them.")
    sys.stdout.write(csv_text.header(export.columns))
    for rows in exports.portions(session, export):
        sys.stdout.write(csv_text.lines(export.columns, rows))
    sys.stdout.flush()


def say(text: str | Text = "") -> None:
    """Print a sentence for people on stdout."""
    console().print(text, soft_wrap=True)


def note(text: str) -> None:
    """Print something worth knowing on stderr."""
    console(stderr=True).print(text, soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()) -> None:
    """Print rows under headings; columns named in `right` are flushed right."""
    printed = console()
    grid = Table(box=box.SIMPLE_HEAD if printed.is_terminal else None, pad_edge=False, header_style="bold")
    numbers = set(right)
    for column in columns:
        grid.add_column(column, justify="right" if column in numbers else "left")
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else str("" if cell is None else cell) for cell in row))
    show_grid(grid, on=printed)


def show_grid(grid: Table, *, on: Console) -> None:
    """Print a table; outside a terminal without blanks at the ends of its lines."""
    if on.is_terminal:
        on.print(grid)
        return
    with on.capture() as captured:
        on.print(grid)
    for line in captured.get().splitlines():
        on.print(line.rstrip(), soft_wrap=True)


def status(word: str) -> Text:
    """A status in its colour."""
    return Text(word, style=STYLES.get(word, ""))


def setting(value: object) -> str:
    """A setting as the commands that set one would take it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value)) or "(none)"
    return "–" if value is None else str(value)


def local_instant(at: datetime | None, timezone: str) -> str:
    """An instant as the site's clocks show it, to the minute; empty for none."""
    from pipeline.core.calendar import parse_timezone

    return "" if at is None else at.astimezone(parse_timezone(timezone)).strftime("%a %Y-%m-%d %H:%M")


def _plain(value: Any) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
