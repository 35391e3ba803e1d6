"""Owns lists as CSV: written portion by portion, each read for itself, and safe to open in a spreadsheet.

No transaction is open while the receiver takes its time; what is added meanwhile comes at the end.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from pipeline.db.session import Database
from pipeline.services import site_access
from pipeline.web.operations import Unit

MEDIA_TYPE: Final = "text/csv"
#: Rows that are read at once.
PORTION: Final = 1_000
#: How a cell begins that a spreadsheet would take for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
#: What an operation that answers CSV says of it.
ANSWER: Final[dict[str, Any]] = {
    "description": "One row a line under a header, in UTF-8. A text that a spreadsheet would take for a formula has an "
    "apostrophe before it.",
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
}

#: Some rows from behind an id, each by its columns; where to go on, None behind the last.
Reader = Callable[[Session, int], tuple[Iterable[Mapping[str, Any]], int | None]]


def streamed(unit: Unit, name: str, columns: Sequence[str], read: Reader) -> StreamingResponse:
    """All rows that `read` finds and the caller may see, portion after portion, as a file of that name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(
        _lines(unit.backend.database(), unit.caller.site_ids, columns, read), media_type=MEDIA_TYPE, headers=headers
    )


def safe(value: Any) -> str:
    """A cell that no spreadsheet executes."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _lines(database: Database, site_ids: Collection[int] | None, columns: Sequence[str], read: Reader) -> Iterator[str]:
    yield _written([columns])
    after: int | None = 0
    while after is not None:
        with database.reading() as session:
            if site_ids is not None:
                site_access.confine(session, site_ids)
            rows, after = read(session, after)
            text = _written([safe(row[column]) for column in columns] for row in rows)
        yield text


def _written(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
