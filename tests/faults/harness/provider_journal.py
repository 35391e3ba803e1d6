"""Owns the provider's own witness: a file in which it writes each request it gets and each answer it gives, and bills.

It is written by the worker's provider (`tests.faults.journaling_stages`) and knows nothing of the database.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: What the provider bills, in picodollars: it says so with each answer.
INPUT_TOKEN_COST: Final = 150_000
OUTPUT_TOKEN_COST: Final = 600_000
IMAGE_COST: Final = 40_000_000_000


@dataclass(frozen=True)
class Billed:
    """One answer as its provider has it."""

    input_tokens: int | None
    output_tokens: int | None
    cost_picodollars: int


@dataclass(frozen=True)
class Seen:
    """All that a provider saw, by the key of the call."""

    asked: Counter[str]
    answered: dict[str, list[Billed]]
    #: Requests that were not answered: the key, and the process that had sent it.
    unanswered: list[tuple[str, int]]


class ProviderJournal:
    """The file: read by the test, written by the provider of each worker."""

    def __init__(self, path: Path) -> None:
        """It need not be there yet."""
        self.path = path

    def read(self) -> Seen:
        """All of it so far."""
        asked: Counter[str] = Counter()
        answered: defaultdict[str, list[Billed]] = defaultdict(list)
        under_way: dict[tuple[str, int], None] = {}
        lines = self.path.read_text(encoding="ascii").splitlines() if self.path.exists() else []
        for line in lines:
            said = json.loads(line)
            if said["event"] == "asked":
                asked[said["key"]] += 1
                under_way[said["key"], said["pid"]] = None
            else:
                under_way.pop((said["key"], said["pid"]), None)
                answered[said["key"]].append(Billed(said["input"], said["output"], said["cost"]))
        return Seen(asked, dict(answered), list(under_way))


class JournalWriter:
    """The provider's end of it. One write a line: appends of several threads do not mix, and outlive a kill -9."""

    def __init__(self, path: str) -> None:
        """Open it for appending."""
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def asked(self, key: str) -> None:
        """A request came in."""
        self._write({"event": "asked", "key": key, "pid": os.getpid()})

    def answered(self, key: str, billed: Billed) -> None:
        """Its answer goes out."""
        used = {"input": billed.input_tokens, "output": billed.output_tokens}
        self._write({"event": "answered", "key": key, "pid": os.getpid(), **used, "cost": billed.cost_picodollars})

    def _write(self, said: dict[str, object]) -> None:
        os.write(self._file, f"{json.dumps(said)}\n".encode())
