"""Owns the count of statements and commits: a run is driven in this process, link by link, without Celery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from pipeline.db.session import Database
from pipeline.engine import executor
from pipeline.engine.outcomes import Again, Cut
from pipeline.services import runs


def drive(database: Database, site_id: int) -> None:
    """Run a site to its end in this thread; its stages have one lane and no delays."""
    from pipeline.models import Site

    with database.transaction() as session:
        started = runs.start(session, site=session.get_one(Site, site_id), now=database.now())
    following = started.stage_run_id
    while following is not None:
        following = _drive_stage(database, following)


def _drive_stage(database: Database, stage_run_id: int) -> int | None:
    """One chain: admit, batch after batch, finish. The stage run that is next."""
    outcome = executor.admit(database, stage_run_id)
    if isinstance(outcome, Cut):
        return _id_of(outcome)
    outcome = executor.batch(database, stage_run_id, 1, 0)
    while isinstance(outcome, Again):
        outcome = executor.batch(database, stage_run_id, outcome.lane, outcome.ticket)
    outcome = executor.finish(database, stage_run_id)
    return _id_of(outcome) if isinstance(outcome, Cut) else None


def _id_of(cut: Cut) -> int | None:
    return None if cut.send is None else cut.send.stage_run_id


@contextmanager
def counting(database: Database, *, engine: Engine | None = None) -> Iterator[Counter[str]]:
    """Statements and commits of the block, counted as they go to the driver; by default of the engine that writes."""
    counted: Counter[str] = Counter()
    engine = engine or database.engine

    def statement(*_: Any) -> None:
        counted["statements"] += 1

    def commit(*_: Any) -> None:
        counted["commits"] += 1

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)
    try:
        yield counted
    finally:
        event.remove(engine, "before_cursor_execute", statement)
        event.remove(engine, "commit", commit)
