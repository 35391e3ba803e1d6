"""Owns when a row that was sent is sent again: after 30 s, then twice as long, at most 15 min.

A lost message is rescued, a slow worker is not flooded.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count, takewhile
from typing import Any

from sqlalchemy import ColumnElement, case, literal

from pipeline.config import config
from pipeline.core.resends import pause_seconds
from pipeline.models.types import UtcDateTime


def values_when_sent(sends: Any, *, now: datetime) -> dict[str, Any]:
    """What a sending at `now` makes of the row: how often it was sent, and when it is due again."""
    return {"due_at": _next_send(sends, now=now), "sends": sends + 1}


def _next_send(sends: Any, *, now: datetime) -> ColumnElement[datetime]:
    most = config().resend_max_seconds
    pauses = (pause_seconds(sent, first=config().resend_seconds, most=most) for sent in count())
    growing = takewhile(lambda seconds: seconds < most, pauses)
    instants = {sent: literal(now + timedelta(seconds=seconds), UtcDateTime()) for sent, seconds in enumerate(growing)}
    last = literal(now + timedelta(seconds=most), UtcDateTime())
    return case(instants, value=sends, else_=last) if instants else last
