"""Owns changes that meet for real: a deadlock on PostgreSQL, a database that another one holds on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import sleep
from unittest.mock import patch

from sqlalchemy import text

from pipeline.db import session as sessions
from pipeline.db.session import Database

#: Two locks that nothing else takes.
_MINE, _THEIRS = "SELECT pg_advisory_xact_lock(-1)", "SELECT pg_advisory_xact_lock(-2)"


def collide(database: Database) -> None:
    """Meet another change, in transactions of its own; raises what the database made of it."""
    if database.is_sqlite:
        # Where the caller writes already, the first of them meets it.
        with impatient(database) as other, other.transaction() as first, other.transaction() as second:
            for session in (first, second):
                session.execute(text("SELECT 1"))
    else:
        _deadlock(database)


@contextmanager
def impatient(database: Database) -> Iterator[Database]:
    """The same SQLite database, opened by one that waits for others for a moment only."""
    with patch.object(sessions, "_SQLITE_BUSY_MILLISECONDS", 20):
        opened = Database(database.url)
        try:
            yield opened
        finally:
            opened.dispose()


def _deadlock(database: Database) -> None:
    has_theirs, has_mine = Event(), Event()

    def rival() -> None:
        with database.transaction() as session:
            # It waits for longer than the other: that one is told of the deadlock.
            session.execute(text("SET LOCAL deadlock_timeout = '1min'"))
            session.execute(text(_THEIRS))
            has_theirs.set()
            has_mine.wait()
            session.execute(text(_MINE))

    thread = Thread(target=rival)
    thread.start()
    try:
        with database.transaction() as session:
            session.execute(text("SET LOCAL deadlock_timeout = '100ms'"))
            session.execute(text(_MINE))
            has_theirs.wait()
            has_mine.set()
            _wait_until_rival_waits(database)
            session.execute(text(_THEIRS))
    finally:
        thread.join()


def _wait_until_rival_waits(database: Database) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    for _ in range(200):
        with database.reading() as session:
            if session.scalar(waiting):
                return
        sleep(0.01)
    raise AssertionError("The rival does not wait.")
