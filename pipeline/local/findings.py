"""Owns what a finding of the doctor is, and how its probes reach a database without making one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Config
from pipeline.db.session import Database


@dataclass(frozen=True, kw_only=True)
class Check:
    """One finding."""

    #: One word, lower case.
    name: str
    ok: bool
    #: What was found.
    detail: str
    #: What to do; empty when there is nothing to do. Nothing need be wrong for that.
    remedy: str = ""


Probe = Callable[[Config], Check]


def is_missing(config: Config) -> bool:
    """Whether it is a SQLite file that is not there: connecting would make it."""
    kind, _, path = config.database_url.partition(":///")
    return kind == "sqlite" and not Path(path).is_file()


@contextmanager
def opened(config: Config) -> Iterator[Database]:
    """The configured database, for the length of the block."""
    database = Database(config.database_url)
    try:
        yield database
    finally:
        database.dispose()
