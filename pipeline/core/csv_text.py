"""Owns CSV as text: rows under a header, in which no spreadsheet finds a formula, and back. Never: knows a table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

#: How a text begins that a spreadsheet would take for a formula, full-width signs too; or that, behind apostrophes:
#: were those left alone, nobody could tell theirs from ours.
_FORMULA: Final = re.compile("'*[=+@\t\r\uff1d\uff0b\uff0d\uff20-]")


def header(columns: Sequence[str]) -> str:
    """The first line."""
    return _written([columns])


def lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A line a row."""
    return _written([safe(row[column]) for column in columns] for row in rows)


def safe(value: Any) -> str:
    """A cell that no spreadsheet executes; numbers are no texts, and may be negative."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return format(value, "f")
    text = str(value)
    return f"'{text}" if isinstance(value, str) and _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """The text that `safe` made the cell of: without its apostrophe, where it put one before it."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


def _written(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
