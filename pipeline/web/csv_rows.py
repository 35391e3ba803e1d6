"""Owns lists as CSV over HTTP: written portion by portion, each read for itself.

No transaction is open while the receiver takes its time; what is added meanwhile comes at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from fastapi.responses import StreamingResponse

from pipeline.core import csv_text
from pipeline.db.session import Database
from pipeline.services import site_access
from pipeline.services.exports import Export
from pipeline.web.operations import Unit

MEDIA_TYPE: Final = "text/csv"
#: What an operation that answers CSV says of it.
ANSWER: Final[dict[str, Any]] = {
    "description": "One row a line under a header, in UTF-8. A text that a spreadsheet would take for a formula has an "
    "apostrophe before it.",
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
}


def streamed(unit: Unit, export: Export) -> StreamingResponse:
    """All rows of a list that the caller may see, portion after portion, as a file."""
    headers = {"Content-Disposition": f'attachment; filename="{export.name}.csv"', "X-Content-Type-Options": "nosniff"}
    lines = _lines(unit.backend.database(), unit.caller.site_ids, export)
    return StreamingResponse(lines, media_type=MEDIA_TYPE, headers=headers)


def _lines(database: Database, site_ids: Collection[int] | None, export: Export) -> Iterator[str]:
    yield csv_text.header(export.columns)
    after: int | None = 0
    while after is not None:
        with database.reading() as session:
            if site_ids is not None:
                site_access.confine(session, site_ids)
            rows, after = export.read(session, after)
            text = csv_text.lines(export.columns, rows)
        yield text
