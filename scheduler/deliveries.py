"""Owns the duty of deliveries: due ones -> the queue, again and later where nobody took the last message.

Never: sends to a webhook or a mail server.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pipeline.models import Delivery
from pipeline.models.base import table_of
from scheduler.due_rows import DueRows
from scheduler.duty import Context
from scheduler.glance import Glance

ROWS: Final = DueRows(table_of(Delivery), task="deliveries.send", rows_a_tick=300)


class DeliveriesDuty:
    """The duty, for one process, with what it knows of the next due instant."""

    def __init__(self) -> None:
        """The first call looks."""
        self._glance = Glance()

    def __call__(self, context: Context) -> datetime | None:
        """Send what is due; the next due instant."""
        if context.sender.may_send and not self._glance.shows_nothing_due(context.now):
            self._glance.note(send_due_deliveries(context), at=context.now)
        return self._glance.following


def send_due_deliveries(context: Context) -> datetime | None:
    """Send what is due; the next due instant."""
    return ROWS.send_due(context)
