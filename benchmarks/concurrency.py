"""Owns the figure of lanes that work at once: articles at a fixed time a call, beside what eight at once could do."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from benchmarks.figures import Figure, medians, note
from benchmarks.slow_stages import CALL_SECONDS
from benchmarks.stack import THREADS, engine_stack
from benchmarks.worlds import Variant, make_world
from pipeline.config import Config, use_config
from pipeline.core.states import LIVE_RUNS
from pipeline.db.session import Database
from pipeline.engine import dispatch
from pipeline.models import AiCall, Run, Site, StageRun
from pipeline.services import runs
from pipeline.services import settings as site_settings
from tests.support.postgres import PostgresServer, postgres_server

_ONLY_ARTICLES: Final = Variant("benchmarks.slow_stages", batch_size=1, left_out=(1, 2, 3, 5, 6, 7))
_STAGE: Final = 4
_BACKENDS: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_POLL_SECONDS: Final = 0.05


def figures(*, quick: bool) -> Iterator[Figure]:
    """Seconds of the stage, from its admission to its end, in the stack that `igny8 up` runs."""
    articles, rounds = (16, 1) if quick else (100, 3)
    best = math.ceil(articles / THREADS) * CALL_SECONDS
    seen: dict[str, list[dict[str, float]]] = {backend: [] for backend in _BACKENDS}
    with postgres_server(durable=True) as server:
        for number in range(1, rounds + 1):
            note(f"  round {number} of {rounds}")
            for backend, measured in seen.items():
                measured.append(_measure(backend, server, articles))
    for backend, measured in seen.items():
        yield Figure(
            f"{articles} articles at {CALL_SECONDS * 1000:.0f} ms a call, concurrency {THREADS}, {_BACKENDS[backend]}",
            "seconds of the stage",
            [each["seconds"] for each in measured],
            f"ceil({articles}/{THREADS}) calls one after the other",
            [best] * len(measured),
            aim=1.1,
            more={name: value for name, value in medians(measured).items() if name != "seconds"},
        )


def _measure(backend: str, server: PostgresServer, articles: int) -> dict[str, float]:
    """One round: a fresh database and stack; a site of its own warms it up."""
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder:
        home = Path(folder)
        url = f"sqlite:///{home}/igny8.db" if backend == "sqlite" else server.create_database("concurrency")
        config = Config(
            home=home, database_url=url, stages_module=_ONLY_ARTICLES.stages_module, worker_threads=THREADS,
            log_level="WARNING",
        )  # fmt: skip
        use_config(config)
        database = Database(url)
        warm_up, site = make_world(database, _ONLY_ARTICLES, site_count=2, items=articles)
        _let_all_lanes_work(database, [warm_up, site])
        with engine_stack(config, others={}):
            _run(database, warm_up)
            run_id = _run(database, site)
        seen = _seen(database, run_id)
        database.dispose()
    return seen


def _let_all_lanes_work(database: Database, sites: list[int]) -> None:
    with database.transaction() as session:
        for site_id in sites:
            chosen = {f"stages.{_STAGE}.concurrency": str(THREADS)}
            site_settings.apply(session, session.get_one(Site, site_id), chosen, now=database.now())


def _run(database: Database, site_id: int) -> int:
    """Run a site to its end."""
    with database.transaction() as session:
        started = runs.start(session, site=session.get_one(Site, site_id), now=database.now())
    assert started.run_id is not None  # noqa: S101 - its keywords wait
    assert started.stage_run_id is not None  # noqa: S101 - the same
    dispatch.publish_stage(database, started.stage_run_id)
    live = select(func.count()).select_from(Run).where(Run.id == started.run_id, Run.status.in_(LIVE_RUNS))
    while True:
        with database.reading() as session:
            if not session.scalar(live):
                return started.run_id
        time.sleep(_POLL_SECONDS)


def _seen(database: Database, run_id: int) -> dict[str, float]:
    """How long the stage took, and when its first and its last call were held for."""
    with database.reading() as session:
        stage = session.scalars(select(StageRun).where(StageRun.run_id == run_id, StageRun.number == _STAGE)).one()
        calls = session.scalars(select(AiCall.created_at).where(AiCall.stage_run_id == stage.id)).all()
        lanes = session.scalar(select(func.count(AiCall.lane.distinct())).where(AiCall.stage_run_id == stage.id))
    assert stage.admitted_at is not None  # noqa: S101 - the run ended
    assert stage.finished_at is not None  # noqa: S101 - the same
    begun = stage.admitted_at
    in_order = sorted(calls)
    return {
        "seconds": (stage.finished_at - begun).total_seconds(),
        "calls": float(len(calls)),
        "lanes": float(lanes or 0),
        "eighth_call_after_seconds": (in_order[min(THREADS, len(in_order)) - 1] - begun).total_seconds(),
        "last_call_after_seconds": (in_order[-1] - begun).total_seconds(),
    }
