"""Owns how long a row that was sent waits until it is sent again: at first so long, then twice, up to a most.

Never: a clock.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta


def pause_seconds(sent_before: int, *, first: float, most: float) -> float:
    """The pause after a sending that was preceded by so many."""
    # Beyond that many doublings every first pause is past every most.
    return min(math.ldexp(first, min(sent_before, 64)), most)


def waits_since(due_at: datetime, sends: int, *, first: float, most: float) -> datetime:
    """Since when a row waits for somebody to take its message: its first sending, or when it was due to be sent."""
    return due_at - timedelta(seconds=sum(pause_seconds(sent, first=first, most=most) for sent in range(sends)))
