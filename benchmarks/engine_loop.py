"""Owns the figures of the engine: CPU a stage of an item over all processes, beside plain Celery on the same broker."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from sqlalchemy import func, select

from benchmarks import empty_chains, raw_celery
from benchmarks.counting import counting, drive
from benchmarks.figures import Figure, medians, note, rounded
from benchmarks.processes import Processes
from benchmarks.stack import THREADS, connect, engine_stack, floor_stack, raw_stack
from benchmarks.worlds import ASKING, ASKING_APART, LOCAL_BATCH_OF_ONE, LOCAL_SET, LOCAL_SINGLE, Variant, make_world
from pipeline.config import Config, use_config
from pipeline.core.states import LIVE_RUNS
from pipeline.db.session import Database
from pipeline.engine import dispatch
from pipeline.models import Run, Site
from pipeline.services import runs
from tests.support.postgres import PostgresServer, postgres_server

_BASELINE: Final = "plain Celery that loses no message: one and a PostgreSQL commit (SQLAlchemy) a step"
#: What no engine of three links a stage can go below.
FLOOR: Final = "three empty tasks a stage as a chain, the engine's Celery settings, no database"
_POLL_SECONDS: Final = 0.1
#: What one round saw, by name.
Seen: TypeAlias = dict[str, float]
#: Runs before the measured ones: every thread has had its connection.
WARM_UP: Final = THREADS


@dataclass(frozen=True)
class Size:
    """How much is measured: runs at once, items a run."""

    rounds: int
    runs: int
    items: int


@dataclass(frozen=True)
class Case:
    """One figure: a variant on a database, and the ratio wanted."""

    name: str
    variant: Variant
    backend: str
    aim: float
    #: Whether a stage is worked on in one go, so that what it costs is mostly its messages: shown beside the floor.
    has_floor: bool = False


CASES: Final = (
    Case("local items in batches of 1 without delays, PostgreSQL", LOCAL_BATCH_OF_ONE, "postgresql", 0.45),
    Case("local items in batches of 1 without delays, SQLite", LOCAL_BATCH_OF_ONE, "sqlite", 0.35),
    Case("one local item a transaction (IGNY8_LOCAL_SLICE=1), PostgreSQL", LOCAL_SINGLE, "postgresql", 0.45),
    Case("one local item a transaction (IGNY8_LOCAL_SLICE=1), SQLite", LOCAL_SINGLE, "sqlite", 0.35),
    Case("local items by sets of 20, PostgreSQL", LOCAL_SET, "postgresql", 0.15, has_floor=True),
    Case("local items by sets of 20, SQLite", LOCAL_SET, "sqlite", 0.15, has_floor=True),
    Case("a hold and a stored answer an item, PostgreSQL", ASKING, "postgresql", 0.65),
    Case("a hold and a stored answer an item, SQLite", ASKING, "sqlite", 0.65),
    Case("a hold and a stored answer an item, an account a site, PostgreSQL", ASKING_APART, "postgresql", 0.65),
)


def figures(*, quick: bool) -> Iterator[Figure]:
    """CPU milliseconds a stage of an item, all processes: the baseline and every case in turn, round by round."""
    size = Size(rounds=1, runs=4, items=5) if quick else Size(rounds=3, runs=20, items=20)
    yield from measured(CASES, size)


def measured(cases: Sequence[Case], size: Size) -> Iterator[Figure]:
    """A figure for each of `cases`."""
    seen: dict[str, list[Seen]] = {case.name: [] for case in cases}
    raw: dict[str, list[Seen]] = {way: [] for way in raw_celery.WAYS}
    floor: list[Seen] = []
    with postgres_server(durable=True) as server:
        for number in range(1, size.rounds + 1):
            note(f"  round {number} of {size.rounds}")
            for way, rounds in raw.items():
                rounds.append(_measure_raw(way, server, size))
            if any(case.has_floor for case in cases):
                floor.append(_measure_floor(size))
            for case in cases:
                seen[case.name].append(_measure(case, server, size))
    for case in cases:
        yield _figure(case, seen[case.name], raw, floor if case.has_floor else [])


def _figure(case: Case, rounds: list[Seen], raw: Mapping[str, list[Seen]], floor: list[Seen]) -> Figure:
    found, safe, leanest = medians(rounds), medians(raw["safe"]), medians(raw["leanest"])
    more: dict[str, Any] = {
        **{name: value for name, value in found.items() if name != "cpu_ms"},
        **{f"baseline_{name}": value for name, value in safe.items() if name != "cpu_ms"},
        "leanest_baseline": {"cpu_ms": leanest["cpu_ms"], "ratio": rounded(found["cpu_ms"] / leanest["cpu_ms"])},
    }
    if floor:
        empty = medians(floor)["cpu_ms"]
        more["floor"] = {"name": FLOOR, "cpu_ms": empty, "ratio": rounded(empty / safe["cpu_ms"])}
    costs, baseline = ([each["cpu_ms"] for each in values] for values in (rounds, raw["safe"]))
    return Figure(case.name, "CPU ms a stage of an item", costs, _BASELINE, baseline, aim=case.aim, more=more)


def _measure(case: Case, server: PostgresServer, size: Size) -> Seen:
    """One round: a fresh database, broker, worker and beat, warmed up by a run of its own."""
    with _home() as home:
        config = _config(case, server, home)
        use_config(config)
        database = Database(config.database_url)
        sites = make_world(database, case.variant, site_count=size.runs + 1 + WARM_UP, items=size.items)
        with counting(database) as counted:
            drive(database, sites[0])
        with engine_stack(config, others=_pids(server)) as stack:
            _run(database, sites[1 : 1 + WARM_UP])
            steps = size.items * case.variant.stage_count
            seen = _timed(stack, lambda: _run(database, sites[1 + WARM_UP :]), steps=size.runs * steps)
        database.dispose()
    return {**seen, **{name: count / steps for name, count in counted.items()}}


def _measure_raw(way: str, server: PostgresServer, size: Size) -> Seen:
    """One round of the baseline."""
    url = server.create_database("raw")
    rows = [(run, stage) for run in range(size.runs + WARM_UP) for stage in range(1, raw_celery.STAGES + 1)]
    with connect(url) as connection:
        connection.execute(raw_celery.TABLE)
        connection.cursor().executemany("INSERT INTO steps (run, stage) VALUES (%s, %s)", rows)
    with _home() as home, raw_stack(home, url, way=way, others=_pids(server)) as stack:
        _run_raw(url, range(size.runs, size.runs + WARM_UP), items=size.items)
        steps = size.runs * size.items * raw_celery.STAGES
        return _timed(stack, lambda: _run_raw(url, range(size.runs), items=size.items), steps=steps)


def _measure_floor(size: Size) -> Seen:
    """One round of the floor, told a stage of an item like the rest."""
    with _home() as home, floor_stack(home) as stack:
        _run_empty(WARM_UP)
        steps = size.runs * size.items * raw_celery.STAGES
        return _timed(stack, lambda: _run_empty(size.runs), steps=steps)


def _timed(stack: Processes, work: Callable[[], None], *, steps: int) -> Seen:
    before, began = stack.cpu_seconds(), time.monotonic()
    work()
    seconds = time.monotonic() - began
    spent = {name: (after - before[name]) * 1_000 / steps for name, after in stack.cpu_seconds().items()}
    return {
        "cpu_ms": sum(spent.values()),
        **{f"cpu_ms_{name}": value for name, value in spent.items()},
        "steps_per_second": steps / seconds,
        "worker_peak_mb": stack.peak_megabytes("worker"),
    }


def _run(database: Database, site_ids: Sequence[int]) -> None:
    """Start a run of each site and wait until none is live."""
    for site_id in site_ids:
        with database.transaction() as session:
            started = runs.start(session, site=session.get_one(Site, site_id), now=database.now())
        assert started.stage_run_id is not None, started.reason  # noqa: S101 - the world has work for every site
        dispatch.publish_stage(database, started.stage_run_id)
    live = select(func.count()).where(Run.status.in_(LIVE_RUNS))
    while True:
        with database.reading() as session:
            if not session.scalar(live):
                return
        time.sleep(_POLL_SECONDS)


def _run_raw(url: str, numbers: Sequence[int], *, items: int) -> None:
    for run in numbers:
        raw_celery.send_stage(run, 1, items)
    done = "SELECT count(*) FROM steps WHERE run = ANY(%s) AND stage = %s AND done = %s"
    with connect(url) as connection:
        while connection.execute(done, (list(numbers), raw_celery.STAGES, items)).fetchone() != (len(numbers),):
            time.sleep(_POLL_SECONDS)


def _run_empty(runs_at_once: int) -> None:
    until = empty_chains.ended() + runs_at_once
    for _ in range(runs_at_once):
        empty_chains.send_stage(1)
    while empty_chains.ended() < until:
        time.sleep(_POLL_SECONDS)


def _config(case: Case, server: PostgresServer, home: Path) -> Config:
    url = f"sqlite:///{home}/igny8.db" if case.backend == "sqlite" else server.create_database("engine")
    return Config(
        home=home,
        database_url=url,
        stages_module=case.variant.stages_module,
        local_slice=case.variant.local_slice,
        worker_threads=THREADS,
        log_level="WARNING",
    )


def _pids(server: PostgresServer) -> dict[str, int]:
    """Whose CPU time counts; a server that was given by its address is out of sight."""
    return {"postgresql": server.process.pid} if server.process else {}


@contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder:
        yield Path(folder)
