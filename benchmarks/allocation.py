"""Owns the figures of the allocator: the next slot behind ten thousand items, many at once, sixteen writers."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import event, text

from benchmarks.figures import Figure, note, rounded
from pipeline.core.calendar import upcoming_slots
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.models import Content, Site
from pipeline.services import accounts, calendar, sites
from tests.support.approved import add_approved
from tests.support.postgres import postgres_server

_NOW: Final = datetime(2026, 11, 2, 12, tzinfo=UTC)
_ZONE: Final = "Europe/Berlin"
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri")
_TIMES: Final = ("09:00", "14:00", "18:00")
_BARE: Final = text("UPDATE site_calendars SET version = version + 1 WHERE site_id = :site RETURNING version")
_WRITERS: Final = 16
#: What a fill would cost if nothing kept its rows from naming what is not there: see docs/decisions/0042.
_DROP_FOREIGN_KEYS: Final = text(
    "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint "
    "WHERE contype = 'f' AND conrelid IN ('calendar_slots'::regclass, 'publications'::regclass)"
)


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    queued: int
    next_slots: int
    bulk: int
    rounds: int
    each_writer: int


@dataclass
class Spent:
    """Where the time of transactions goes."""

    #: Seconds between handing a statement to the driver and its answer, a transaction.
    statements: list[float] = field(default_factory=list)
    #: Statements a transaction.
    counts: list[int] = field(default_factory=list)
    totals: list[float] = field(default_factory=list)
    #: Seconds of the statement that takes the slot alone.
    takes: list[float] = field(default_factory=list)


def figures(*, quick: bool) -> Iterator[Figure]:
    """The figures on PostgreSQL with a durable disk, then those of SQLite."""
    size = Size(200, 20, 1_000, 1, 10) if quick else Size(10_000, 500, 100_000, 3, 250)
    with postgres_server(durable=True) as server:
        yield from _of_a_backend("PostgreSQL", server.create_database, size)
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder:
        yield from _of_a_backend("SQLite", lambda name: f"sqlite:///{folder}/{name}.db", size)


def _of_a_backend(backend: str, address: Callable[[str], str], size: Size) -> Iterator[Figure]:
    note(f"  {backend}: the next slot")
    yield _next_slot(backend, address("next_slot"), size)
    note(f"  {backend}: {size.bulk:,} at once")
    yield _bulk(backend, address, size)
    note(f"  {backend}: {_WRITERS} writers")
    yield _writers(backend, address("writers"), size)


def _next_slot(backend: str, url: str, size: Size) -> Figure:
    """Milliseconds of one allocation, beside one bare UPDATE … RETURNING and its commit through the same driver."""
    database, site_id, ids = _prepared(url, size.queued + size.next_slots)
    with database.transaction() as session:
        assert calendar.fill(session, site_id, now=_NOW, limit=size.queued) == size.queued  # noqa: S101 - or nothing is measured
    analyse(database)
    spent, bare = Spent(), Spent()
    for content_id in ids[size.queued :]:
        with timed(database, bare), database.transaction() as session:
            session.connection().execute(_BARE, {"site": site_id}).scalar_one()
        with timed(database, spent), database.transaction() as session:
            calendar.schedule_next(session, session.get_one(Content, content_id), now=_NOW)
    database.dispose()
    return Figure(
        f"the next slot with {size.queued:,} items queued, {backend}",
        "milliseconds in the database, p50",
        [_median_ms(spent.statements)],
        "one bare UPDATE … RETURNING",
        [_median_ms(bare.statements)],
        more={
            "aim_milliseconds": 1,
            "statements": statistics.median(spent.counts),
            "the_one_that_takes_the_slot_ms": _median_ms(spent.takes),
            "with_commit_and_python_ms": _median_ms(spent.totals),
            "baseline_with_commit_ms": _median_ms(bare.totals),
        },
    )


def _bulk(backend: str, address: Callable[[str], str], size: Size) -> Figure:
    """Seconds of one fill of everything that waits, beside the bare insert of as many slots."""
    filled, bare = [], []
    for number in range(size.rounds):
        database, site_id, ids = _prepared(address(f"bulk_{number}"), size.bulk)
        filled.append(_filled(database, site_id, len(ids)))
        bare.append(_bare_insert(database, site_id, _slots(size.bulk)))
        database.dispose()
    more: dict[str, Any] = {"aim_seconds": 2}
    if backend == "PostgreSQL":
        database, site_id, ids = _prepared(address("bulk_without_keys"), size.bulk)
        with database.engine.begin() as connection:
            for statement in connection.execute(_DROP_FOREIGN_KEYS).scalars().all():
                connection.execute(text(statement))
        more["without_foreign_keys_seconds"] = rounded(_filled(database, site_id, len(ids)))
        database.dispose()
    name = f"{size.bulk:,} items in bulk, {backend}"
    return Figure(name, "seconds", filled, "a bare executemany of as many slots", bare, more=more)


def _filled(database: Database, site_id: int, waiting: int) -> float:
    """Seconds of one fill of all that waits."""
    analyse(database)
    began = time.monotonic()
    with database.transaction() as session:
        count = calendar.fill(session, site_id, now=_NOW, limit=waiting)
    seconds = time.monotonic() - began
    assert count == waiting  # noqa: S101 - or nothing is measured
    return seconds


def _bare_insert(database: Database, site_id: int, slots: list[datetime]) -> float:
    make = "CREATE TABLE bare (site_id BIGINT, slot_at {}, content_id BIGINT, PRIMARY KEY (site_id, slot_at))"
    with database.engine.begin() as connection:
        connection.execute(text(make.format("TEXT" if database.is_sqlite else "TIMESTAMPTZ")))
    began = time.monotonic()
    with database.engine.begin() as connection:
        rows = [{"site": site_id, "at": str(at) if database.is_sqlite else at, "content": 1} for at in slots]
        connection.execute(text("INSERT INTO bare VALUES (:site, :at, :content)"), rows)
    return time.monotonic() - began


def _writers(backend: str, url: str, size: Size) -> Figure:
    """Seconds until sixteen writers have their slots, which are those the generator gives first."""
    total = _WRITERS * size.each_writer
    database, _, ids = _prepared(url, total)

    def write(number: int) -> list[datetime | None]:
        got = []
        for content_id in ids[number::_WRITERS]:
            with database.transaction() as session:
                got.append(calendar.schedule_next(session, session.get_one(Content, content_id), now=_NOW))
        return got

    began = time.monotonic()
    with ThreadPoolExecutor(_WRITERS) as pool:
        got = [at for found in pool.map(write, range(_WRITERS)) for at in found]
    seconds = time.monotonic() - began
    database.dispose()
    right = len(set(got)) == total and sorted(at for at in got if at is not None) == _slots(total)
    return Figure(
        f"{_WRITERS} writers x {size.each_writer} allocations, {backend}",
        "seconds",
        [seconds],
        more={"distinct": len(set(got)), "are_the_first_of_the_generator": right, "a_second": rounded(total / seconds)},
    )


def _prepared(url: str, count: int) -> tuple[Database, int, list[int]]:
    """A database with a site and its approved contents in their order."""
    database = Database(url)
    upgrade(database)
    with database.transaction() as session:
        account = accounts.init_installation(session, now=_NOW)
        site = sites.add_site(session, account_id=account.id, name="site", timezone=_ZONE, now=_NOW)
        ids = add_approved(session, session.get_one(Site, site.id), count, now=_NOW)
    return database, site.id, ids


def analyse(database: Database) -> None:
    """What a database does by itself after a while: know its tables."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE"))


@contextmanager
def timed(database: Database, spent: Spent) -> Iterator[None]:
    """Measure one transaction: all of it, and what its statements wait for."""
    seconds: list[float] = []
    began: list[float] = []

    def before(*_: Any) -> None:
        began.append(time.perf_counter())

    def after(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seconds.append(time.perf_counter() - began[-1])
        if statement.startswith("UPDATE calendar_slots"):
            spent.takes.append(seconds[-1])

    event.listen(database.engine, "before_cursor_execute", before)
    event.listen(database.engine, "after_cursor_execute", after)
    start = time.perf_counter()
    try:
        yield
    finally:
        spent.totals.append(time.perf_counter() - start)
        event.remove(database.engine, "before_cursor_execute", before)
        event.remove(database.engine, "after_cursor_execute", after)
    spent.statements.append(sum(seconds))
    spent.counts.append(len(seconds))


def _slots(count: int) -> list[datetime]:
    return list(islice(upcoming_slots(timezone=_ZONE, days=_DAYS, time_slots=_TIMES, after=_NOW), count))


def _median_ms(seconds: list[float]) -> float:
    return rounded(statistics.median(seconds) * 1_000)
