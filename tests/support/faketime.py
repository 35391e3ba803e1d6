"""Owns a wrong wall clock for chosen processes: Debian's libfaketime in their environment, told by a file what to add.

Monotonic clocks and times of files stay right. Never: the clock of the machine, or of this process.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.support.debian import unpacked

_LIBRARY = "libfaketimeMT.so.1"
#: Where Python finds what it must do otherwise.
_CUSTOM = Path(__file__).with_name("wrong_clock")


class WrongClock:
    """One clock, for whoever is started with `environ`."""

    def __init__(self, file: Path) -> None:
        """It is right."""
        self._file = file
        self._seconds = 0.0
        self.add(0.0)

    def environ(self, *python_path: Path) -> dict[str, str]:
        """The variables of a process that goes by it; `python_path` is where it finds its modules."""
        (library,) = unpacked("libfaketime").glob(f"usr/lib/*/faketime/{_LIBRARY}")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            # How many seconds a jump is late; without it every look at the clock is a look at the file.
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": ":".join(map(str, (_CUSTOM, *python_path))),
        }

    def add(self, seconds: float) -> None:
        """Put it that much forward (back) from where it stands."""
        self._seconds += seconds
        # At once: whoever reads it meanwhile must not find half a number.
        written = self._file.with_suffix(".new")
        written.write_text(f"{self._seconds:+.3f}\n", "ascii")
        written.replace(self._file)

    def put_to(self, instant: datetime) -> None:
        """Let it show that instant now."""
        self.add((instant - self.now()).total_seconds())

    def now(self) -> datetime:
        """What it shows."""
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self._seconds, UTC)
