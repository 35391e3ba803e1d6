"""Owns the connection to the database: engines, transactions, what runs after a commit, and the database's clock.

Transactions are opened at the edge only (executor, scheduler duties, web, CLI). Never: a network call inside one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.db.collisions import tell_collisions

#: What a database that is away, or has no time for us, raises. A CollisionError is one too: where that matters, it is
#: caught before.
DATABASE_AWAY: Final = (OperationalError, InterfaceError, PoolTimeoutError)

_AFTER_COMMIT = "after_commit"
_CALIBRATE_SECONDS = 60
_SQLITE_BUSY_MILLISECONDS = 30_000
#: A host that vanished without a word is noticed within 20 s, by both sides: what a machine that was cut off had locked
#: would else stay locked for hours. A transaction here waits for nobody: one that does nothing for a minute is dead.
_IDLE, _AGAIN, _TIMES, _UNHEARD_MILLISECONDS, _ASLEEP = 10, 5, 2, 20_000, "60s"
_OURS: Final = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": _IDLE,
    "keepalives_interval": _AGAIN,
    "keepalives_count": _TIMES,
    "tcp_user_timeout": _UNHEARD_MILLISECONDS,
}
_SERVERS: Final = {
    "timezone": "utc",
    "plan_cache_mode": "force_generic_plan",
    "tcp_keepalives_idle": _IDLE,
    "tcp_keepalives_interval": _AGAIN,
    "tcp_keepalives_count": _TIMES,
    "tcp_user_timeout": _UNHEARD_MILLISECONDS,
    "idle_in_transaction_session_timeout": _ASLEEP,
}


#: Connections that a fork took along. They are kept: thrown away they would be closed, which SQLite forbids a child.
_of_parents: Final[list[object]] = []


class Database:
    """One database: an engine that writes, one that only reads, and its clock."""

    def __init__(self, url: str) -> None:
        """`url` is a SQLAlchemy address: `sqlite:///…` or `postgresql+psycopg://…`."""
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _sqlite(url, begin="BEGIN IMMEDIATE") if self.is_sqlite else _postgresql(url)
        self.reader = _sqlite(url, begin="BEGIN", read_only=True) if self.is_sqlite else _reading(self.engine)
        self._clock = _Clock(self.engine, trusts_machine=self.is_sqlite)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end or rolls back on any error; then what waits for the commit runs."""
        with Session(self.engine, expire_on_commit=False) as session:
            with session.begin():
                yield session
            for action in session.info.pop(_AFTER_COMMIT, ()):
                action()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that never writes and takes no lock."""
        with Session(self.reader, expire_on_commit=False) as session:
            yield session

    def now(self) -> datetime:
        """The instant by the database's clock: leases and delays of several machines are compared by one clock."""
        return self._clock.now()

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        self.reader.dispose()

    def forget(self) -> None:
        """Drop the connections of the parent after a fork, without closing what the parent still uses."""
        _of_parents.extend((self.engine.pool, self.reader.pool))
        self.engine.dispose(close=False)
        self.reader.dispose(close=False)


class _Clock:
    """The server's clock, carried on by this machine's monotonic one: a jump of the wall clock moves nothing."""

    def __init__(self, engine: Engine, *, trusts_machine: bool) -> None:
        self._engine = engine
        self._trusts_machine = trusts_machine
        #: The server's time and the monotonic clock's as it was read: one attribute, since threads share it.
        self._read: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        if self._trusts_machine:
            return datetime.now(UTC)
        read = self._read
        if read is None or time.monotonic() - read[1] > _CALIBRATE_SECONDS:
            with self._engine.connect() as connection:
                then = cast("datetime", connection.execute(text("SELECT clock_timestamp()")).scalar_one())
            self._read = read = then.astimezone(UTC), time.monotonic()
        return read[0] + timedelta(seconds=time.monotonic() - read[1])


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Run `action` once the session's transaction is committed; never where it is rolled back."""
    session.info.setdefault(_AFTER_COMMIT, []).append(action)


def _sqlite(url: str, *, begin: str, read_only: bool = False) -> Engine:
    engine = create_engine(
        url, connect_args={"timeout": _SQLITE_BUSY_MILLISECONDS / 1000}, pool_size=20, max_overflow=40
    )
    tell_collisions(engine)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # The driver must not begin transactions of its own: ours begin IMMEDIATE, so that they wait instead of failing.
        connection.isolation_level = None
        pragmas = [
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={_SQLITE_BUSY_MILLISECONDS}",
        ]
        for pragma in [*pragmas, "query_only=ON"] if read_only else pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _postgresql(url: str) -> Engine:
    options = " ".join(f"-c {name}={value}" for name, value in _SERVERS.items())
    chosen = make_url(url).query
    ours = {name: value for name, value in _OURS.items() if name not in chosen}
    engine = create_engine(url, connect_args={"options": options, **ours}, pool_size=20, max_overflow=40)
    tell_collisions(engine)
    return engine


def _reading(engine: Engine) -> Engine:
    """The same connections without transactions: each statement sees what is committed anyway, in one round trip."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


_lock = threading.Lock()
_current: Database | None = None


def database() -> Database:
    """The process's database, opened on first use (after a fork each child opens its own)."""
    global _current  # noqa: PLW0603 - one database a process
    with _lock:
        if _current is None or _current.url != config().database_url:
            _current = Database(config().database_url)
        return _current


def _after_fork() -> None:
    global _current, _lock  # noqa: PLW0603 - the child starts anew
    _lock = threading.Lock()
    if _current is not None:
        _current.forget()
        _current = None


os.register_at_fork(after_in_child=_after_fork)
