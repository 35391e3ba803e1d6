"""Owns the duty of the engine: due stage runs and lanes -> the queue. The delays and the rescue are one query.

Never: knows what is due; the engine does.
"""

from __future__ import annotations

from datetime import datetime

from pipeline.engine import dispatch
from scheduler.duty import Context


def dispatch_due(context: Context) -> datetime | None:
    """Send what is due; the next due instant."""
    return dispatch.dispatch_due(context.database) if context.sender.may_send else None
