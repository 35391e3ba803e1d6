"""Owns the provider's own witness: a file in which it writes each request it gets and each answer it gives, and bills.

It is written by the worker's provider (`tests.faults.journaling_stages`) and knows nothing of the database.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, Literal, get_args

#: What the provider bills, in picodollars: it says so with each answer.
INPUT_TOKEN_COST: Final = 150_000
OUTPUT_TOKEN_COST: Final = 600_000
IMAGE_COST: Final = 40_000_000_000
#: How a provider that was told to fail does so: it asks to come again, it is down, it never answers, it has answered
#: and billed and nobody hears of it.
Fault = Literal["busy", "down", "silent", "unheard"]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)


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
        self._planted = count()

    def plant(self, fault: Fault) -> None:
        """Let the next question meet it, whichever process asks."""
        folder = _faults_of(self.path)
        folder.mkdir(exist_ok=True)
        (folder / f"{next(self._planted)}-{fault}").touch()

    def take_back(self) -> int:
        """Let nobody meet what was planted and not met yet: how many."""
        return sum(_take(file) for file in sorted(_faults_of(self.path).iterdir()))

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
        self._faults = _faults_of(Path(path))
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def asked(self, key: str) -> None:
        """A request came in."""
        self._write({"event": "asked", "key": key, "pid": os.getpid()})

    def answered(self, key: str, billed: Billed) -> None:
        """Its answer goes out."""
        used = {"input": billed.input_tokens, "output": billed.output_tokens}
        self._write({"event": "answered", "key": key, "pid": os.getpid(), **used, "cost": billed.cost_picodollars})

    def fault(self) -> Fault | None:
        """How this question fails, if one is to: each that was planted is met once."""
        if not self._faults.is_dir():
            return None
        found = next((file for file in sorted(self._faults.iterdir()) if _take(file)), None)
        return None if found is None else next(fault for fault in FAULTS if found.name.endswith(f"-{fault}"))

    def _write(self, said: dict[str, object]) -> None:
        os.write(self._file, f"{json.dumps(said)}\n".encode())


def _faults_of(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}.faults")


def _take(file: Path) -> bool:
    """Whether it is ours: whoever removes it has it."""
    with suppress(FileNotFoundError):
        file.unlink()
        return True
    return False
