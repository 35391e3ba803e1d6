"""Owns the figures of beat: the idle tick, claiming, starting, start-up and memory, by the number of sites.

What it sends, and other beats, are measured beside it: `beat_sending`, `beat_rivals`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from celery import Celery
from sqlalchemy import text, update
from sqlalchemy.orm import Session

import stages  # noqa: F401 - a run asks every stage what waits for it
from benchmarks import beat_rivals, beat_sending
from benchmarks.figures import Figure, note, rounded
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.engine import due
from pipeline.models import Lane, Publication, SiteAutomationSettings, StageRun
from pipeline.models.base import Base, table_of
from pipeline.services import schedules
from scheduler import publishing, runs
from scheduler.beat import PipelineScheduler
from tests.support import beat_world
from tests.support.postgres import PostgresServer, postgres_server

_IDLE_AIM_MS: Final = 2
_CLAIM_AIM_MS: Final = 50
_CHUNK: Final = 300
#: As many as are due in the figures of other beats.
_DUE: Final = 100
_LATE: Final = timedelta(minutes=5)
#: One site in so many has a run under way.
_RUNNING_ONE_IN: Final = 100


def figures(*, quick: bool) -> Iterator[Figure]:
    """Milliseconds, seconds and megabytes, for a hundred thousand and for a million sites."""
    sizes = [("SQLite", 2_000), ("PostgreSQL", 4_000)]
    if not quick:
        sizes = [("SQLite", 100_000), ("PostgreSQL", 100_000), ("PostgreSQL", 1_000_000)]
    for kind, count in sizes:
        with _world(kind, count) as database:
            yield from _of_world(database, f"{count:,} sites, {kind}", quick=quick)
    yield from beat_sending.figures(count=100 if quick else 1_000, rounds=1 if quick else 5)
    yield from beat_rivals.figures(entries=1_000 if quick else 100_000, due=10 if quick else 100, quick=quick)


@contextmanager
def _world(kind: str, count: int) -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder, _server(kind) as server:
        database = Database(server.create_database("beat") if server else f"sqlite:///{folder}/beat.db")
        upgrade(database)
        began = time.monotonic()
        beat_world.build(database, site_count=count, running=max(count // _RUNNING_ONE_IN, 1_000))
        note(f"  {count:,} sites on {kind} after {time.monotonic() - began:.0f} s")
        yield database
        database.dispose()


@contextmanager
def _server(kind: str) -> Iterator[PostgresServer | None]:
    if kind == "SQLite":
        yield None
    else:
        with postgres_server(durable=True) as server:
            yield server


def _of_world(database: Database, where: str, *, quick: bool) -> Iterator[Figure]:
    rounds = 1 if quick else 5
    yield _idle(database, where, ticks=20 if quick else 100, rounds=rounds)
    yield from _processes(database.url, where, rounds=min(rounds, 3))
    yield _tick_with_due(database, f"a tick with {_DUE} due publications, {where}", rounds=rounds)
    some = 100 if quick else 1_000
    for name, model, which, claim in (
        ("lanes", Lane, Lane.stage_run_id <= beat_world.stage_run_id(some, 1), due.claim_lanes),
        ("stage runs", StageRun, (StageRun.number == 2) & (StageRun.run_id <= some), due.claim_stage_runs),
        ("publications", Publication, Publication.id <= some, _claim_publications),
    ):
        yield _claiming(database, f"claiming {some:,} due {name}, {where}", model, which, claim, rounds=rounds)
    yield _starting(database, f"starting {some:,} due sites, {where}", some=some, rounds=min(rounds, 3))


class Clock:
    """Seconds that pass when they are told to."""

    seconds = 0.0

    def __call__(self) -> float:
        """The time now."""
        return self.seconds


class NoBroker:
    """A broker that answers at once: how fast it is, is not beat's figure."""

    may_send = True

    def probe(self) -> bool:
        """It is there."""
        return True

    def send(self, messages: Sequence[Any]) -> int:
        """It takes everything."""
        return len(messages)

    def close(self) -> None:
        """There is nothing to close."""


def make_beat(database: Database, clock: Clock) -> PipelineScheduler:
    """A beat as it is, but for the broker: how it answers is the broker's figure."""
    from pipeline.engine import dispatch

    dispatch.watch_generation = lambda _: True
    app = Celery("beat", broker="memory://", set_as_current=False)
    return PipelineScheduler(app, database=lambda: database, sender=NoBroker(), clock=clock)  # type: ignore[arg-type]


def _idle(database: Database, where: str, *, ticks: int, rounds: int) -> Figure:
    clock = Clock()
    beat = make_beat(database, clock)
    beat.tick()
    seen, bare, all_ticks, cpu_seconds = [], [], [], 0.0
    for _ in range(rounds):
        ticked, asked = [], []
        for _ in range(ticks):
            # Each duty is due again.
            clock.seconds += 1
            before = time.process_time()
            ticked.append(_milliseconds(beat.tick))
            cpu_seconds += time.process_time() - before
            asked.append(4 * _milliseconds(partial(_ask_one, database)))
        all_ticks += ticked
        seen.append(statistics.median(ticked))
        bare.append(statistics.median(asked))
    slow = sorted(all_ticks)[len(all_ticks) * 95 // 100]
    more = {
        "aim_ms": _IDLE_AIM_MS,
        "least_ms": rounded(min(all_ticks)),
        "mean_ms": rounded(statistics.mean(all_ticks)),
        "p95_ms": rounded(slow),
        "own_cpu_ms": rounded(cpu_seconds * 1_000 / len(all_ticks)),
    }
    name = f"idle tick, {where}"
    return Figure(name, "milliseconds", seen, "four times SELECT 1 in a session", bare, more=more)


def _tick_with_due(database: Database, name: str, *, rounds: int) -> Figure:
    """What other beats need for so many due entries stands beside it; the time the broker takes is `sending`."""
    clock, seen = Clock(), []
    beat = make_beat(database, clock)
    beat.tick()
    for _ in range(rounds):
        clock.seconds += 1
        table = table_of(Publication)
        _change(database, table, table.c.id <= _DUE, due_at=database.now() - _LATE, sends=0)
        seen.append(_milliseconds(beat.tick))
    _change(database, table, table.c.id <= _DUE, due_at=database.now() + timedelta(hours=6), sends=0)
    return Figure(name, "milliseconds", seen, more={"least_ms": rounded(min(seen))})


def _ask_one(database: Database) -> None:
    with database.reading() as session:
        session.execute(text("SELECT 1")).scalar()


def _claiming(
    database: Database, name: str, model: type[Base], which: Any, claim: Callable[..., Sequence[Any]], *, rounds: int
) -> Figure:
    table = table_of(model)
    seen, bare = [], []
    for _ in range(rounds):
        now = database.now()
        count = _change(database, table, which, due_at=now - _LATE, sends=0)
        began = time.perf_counter()
        claimed = 0
        while claimed < count:
            with database.transaction() as session:
                claimed += len(claim(session, now=now, most=_CHUNK))
        seen.append((time.perf_counter() - began) * 1_000)
        later = now + timedelta(hours=6)
        bare.append(_milliseconds(partial(_change, database, table, which, due_at=later, sends=1)))
    if table.name == "stage_runs":
        _change(database, table, which, due_at=None, sends=0)
    more = {"aim_ms": _CLAIM_AIM_MS, "transactions": -(-claimed // _CHUNK), "least_ms": rounded(min(seen))}
    return Figure(name, "milliseconds", seen, "one UPDATE of the same rows", bare, more=more)


def _claim_publications(session: Session, *, now: datetime, most: int) -> Sequence[Any]:  # noqa: ARG001 - as the others
    return publishing.ROWS.claim(session, now=now)


def _change(database: Database, table: Any, which: Any, **values: Any) -> int:
    with database.transaction() as session:
        return int(session.connection().execute(update(table).where(which).values(values)).rowcount)


def _starting(database: Database, name: str, *, some: int, rounds: int) -> Figure:
    """Each round has sites of its own; the baseline starts a fiftieth as many, one transaction a site."""
    table = table_of(SiteAutomationSettings)
    seen, alone, few = [], [], max(some // 50, 1)
    for number in range(rounds):
        now, first = database.now(), 1 + number * (some + few)
        _change(database, table, table.c.site_id.between(first, first + some - 1), next_run_at=now - _LATE)
        began = time.perf_counter()
        started = 0
        while started < some:
            with database.transaction() as session:
                ids = schedules.start_chunk(session, now=now, limit=runs.SITES_A_TICK, queued=False)
                started += len(ids)
        seen.append((time.perf_counter() - began) * 1_000)
        _change(database, table, table.c.site_id.between(first + some, first + some + few - 1), next_run_at=now - _LATE)
        alone.append(_milliseconds(partial(_start_alone, database, now=now, few=few)) * some / few)
    more = {"least_ms": rounded(min(seen))}
    return Figure(name, "milliseconds", seen, "one transaction a site", alone, more=more)


def _start_alone(database: Database, *, now: datetime, few: int) -> None:
    with database.reading() as session:
        entries = schedules.due(session, now=now, limit=few, queued=False)
    for entry in entries:
        with database.transaction() as session:
            schedules.start_due(session, entry, now=now)


def _processes(url: str, where: str, *, rounds: int) -> Iterator[Figure]:
    """A process that makes beat and ticks once, and one that only imports it."""
    told = [json.loads(_python("-m", "benchmarks.beat_process", url)) for _ in range(rounds)]
    yield Figure(f"start-up to the end of the first tick, {where}", "seconds", [each["seconds"] for each in told])
    yield Figure(f"peak memory of beat, {where}", "megabytes", [each["peak_mb"] for each in told])


def _python(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.splitlines()[-1]


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1_000
