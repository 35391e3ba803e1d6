"""Owns the Celery tasks of the stages: shells around the executor, three a stage, named by its key.

Arguments are ids.
"""

from __future__ import annotations

from typing import Any

from celery import Task
from celery.signals import worker_shutting_down

from pipeline.core.catalog import STAGES
from pipeline.db.session import database
from pipeline.engine import dispatch, executor, liveness, publication_tasks, slices, task_contexts, upkeep_tasks
from pipeline.engine.app import app
from pipeline.engine.dispatch import Chain, Link
from pipeline.engine.origins import origin_of
from pipeline.engine.outcomes import Again, Cut, GoOn, Outcome

# Imported for what they register: the tasks of publishing and of upkeep, a worker's sign of life, what surrounds tasks.
__all__ = ["liveness", "publication_tasks", "task_contexts", "upkeep_tasks"]


@worker_shutting_down.connect  # type: ignore[untyped-decorator]  # celery ships no types
def _let_go(**_: Any) -> None:
    """Lanes are let go at their next boundary."""
    slices.stopping.set()


def _follow(task: Task, key: str, outcome: Outcome) -> None:
    """Do with the chain what the outcome says."""
    if isinstance(outcome, Again):
        ids = (outcome.stage_run_id, outcome.lane, outcome.ticket)
        again = Link(f"stages.{key}.batch", *ids, origin=origin_of(task.request))
        raise task.replace(app.signature(dict(again)))
    if isinstance(outcome, Cut):
        task.request.chain = None
        if outcome.send is not None:
            opened, origin = outcome.send, origin_of(task.request)
            dispatch.publish([Chain(opened.stage_run_id, opened.key, admitted=False, origin=origin)])


def _define(key: str) -> None:
    @app.task(name=f"stages.{key}.admit", bind=True)  # type: ignore[untyped-decorator]  # celery ships no types
    def admit(self: Task, stage_run_id: int) -> None:
        outcome = executor.admit(database(), stage_run_id)
        if isinstance(outcome, GoOn):
            dispatch.publish_lanes(stage_run_id, key, outcome.lanes, origin=origin_of(self.request))
        _follow(self, key, outcome)

    @app.task(name=f"stages.{key}.batch", bind=True)  # type: ignore[untyped-decorator]  # celery ships no types
    def batch(self: Task, stage_run_id: int, lane: int, ticket: int) -> None:
        _follow(self, key, executor.batch(database(), stage_run_id, lane, ticket))

    @app.task(name=f"stages.{key}.finish", bind=True)  # type: ignore[untyped-decorator]  # celery ships no types
    def finish(self: Task, stage_run_id: int) -> None:
        _follow(self, key, executor.finish(database(), stage_run_id))


for _stage in STAGES:
    _define(_stage.key)


@app.task(name="pipeline.canary")  # type: ignore[untyped-decorator]  # celery ships no types
def canary() -> None:
    """Proves that a worker executes: its heartbeat is written by what surrounds every task."""
