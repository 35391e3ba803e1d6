"""Owns what a Python process must do otherwise where its clock is wrong: sleep by another call of the system.

The `clock_nanosleep` of Debian's libfaketime refuses the monotonic clock, by which Python sleeps.
"""

from __future__ import annotations

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep
