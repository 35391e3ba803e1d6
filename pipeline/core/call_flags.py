"""Owns the closed vocabulary of what is remarkable about a call: what reports tell of besides sums."""

from __future__ import annotations

from enum import StrEnum


class CallFlag(StrEnum):
    """What happened to a call that costs somebody something."""

    #: The provider did not say what it used, or what cannot be: it was estimated.
    USAGE_MISSING = "usage_missing"
    #: It used more than was held: the customer paid the hold, the rest is ours.
    OVERRUN = "overrun"
    #: It was answered, and charged, and the answer was of no use.
    WASTED = "wasted"
    #: Nobody knows what became of it: the customer paid nothing.
    LOST = "lost"
    #: Its answer came when it had been given up: it is nobody's, its cost is ours.
    LATE = "late"
