"""Owns the duty of deliveries: due ones -> the queue, again and later where nobody took the last message.

Never: sends to a webhook or a mail server.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pipeline.models import Delivery
from pipeline.models.base import table_of
from scheduler.due_rows import DueRows, send_due
from scheduler.duty import Context

ROWS: Final = DueRows(table_of(Delivery), task="deliveries.send")


def deliver_due(context: Context) -> datetime | None:
    """Send what is due; the next due instant."""
    return send_due(ROWS, context)
