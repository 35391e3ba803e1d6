"""Owns the time zone of the test process: the machine's own zone must make no difference to any result."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: UTC, one with daylight saving ahead of it, and one a half-hour change and half a day away from it.
PROCESS_TIMEZONES = ("UTC", "America/New_York", "Australia/Lord_Howe")


@contextmanager
def process_timezone(name: str) -> Iterator[None]:
    """Let the process live in another zone for a while."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        if before is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = before
        time.tzset()
