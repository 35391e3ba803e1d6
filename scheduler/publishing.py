"""Owns the duty of publishing: due publications -> the queue, again and later where nobody took the last message.

Never: talks to a site; says what a publication may become.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pipeline.models import Publication
from pipeline.models.base import table_of
from scheduler.due_rows import DueRows, send_due
from scheduler.duty import Context

ROWS: Final = DueRows(table_of(Publication), task="publications.publish")


def publish_due(context: Context) -> datetime | None:
    """Send what is due; the next due instant."""
    return send_due(ROWS, context)
