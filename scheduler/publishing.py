"""Owns the duties of publishing: due publications -> the queue, again and later where nobody took the last message.

Those whose slot has come near enough for a draft are made due.

Never: talks to a site; says what a publication may become.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pipeline.config import config
from pipeline.models import Publication
from pipeline.models.base import table_of
from pipeline.services import publications
from scheduler.due_rows import DueRows, send_due
from scheduler.duty import Context

ROWS: Final = DueRows(table_of(Publication), task="publications.publish")
#: How late a slot that came near may be found.
LOOK_AHEAD_EVERY: Final = timedelta(seconds=15)
_MOST_A_TICK: Final = 300


def publish_due(context: Context) -> datetime | None:
    """Send what is due; the next due instant."""
    return send_due(ROWS, context)


def draft_ahead(context: Context) -> datetime | None:
    """Make those due whose draft can be made now; when to look again."""
    ahead = timedelta(seconds=config().draft_ahead_seconds)
    with context.database.reading() as session:
        if not publications.any_to_draft(session, ahead=ahead, now=context.now):
            return context.now + LOOK_AHEAD_EVERY
    with context.database.transaction() as session:
        made = publications.make_due(session, ahead=ahead, now=context.now, most=_MOST_A_TICK)
    return context.now if made == _MOST_A_TICK else context.now + LOOK_AHEAD_EVERY
