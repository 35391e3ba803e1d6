"""Owns the baseline: the same steps as plain Celery tasks, one message and one PostgreSQL commit a step.

The last step of a stage sends the next one. Two ways: `safe` acknowledges late and is seen in Flower, as the engine's
worker is, and counts through SQLAlchemy; `leanest` has Celery's defaults and the bare driver, and loses what it had
in hand when it dies.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from celery import Celery
from sqlalchemy import Engine, create_engine, text

BROKER_VARIABLE: Final = "IGNY8_BENCHMARK_BROKER"
DATABASE_VARIABLE: Final = "IGNY8_BENCHMARK_DATABASE"
WAY_VARIABLE: Final = "IGNY8_BENCHMARK_WAY"
STAGES: Final = 7
TABLE: Final = "CREATE TABLE steps (run int, stage int, done int NOT NULL DEFAULT 0, PRIMARY KEY (run, stage))"
WAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "safe": {
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
    },
    "leanest": {},
}
_COUNT: Final = "UPDATE steps SET done = done + 1 WHERE run = :run AND stage = :stage RETURNING done"

app = Celery("raw", broker=os.environ.get(BROKER_VARIABLE))
_way = os.environ.get(WAY_VARIABLE, "leanest")
app.conf.update(
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    **WAYS[_way],
)
_local = threading.local()
_statement = text(_COUNT)
_engine: list[Engine] = []
_lock = threading.Lock()


@app.task(name="raw.step")
def step(run: int, stage: int, items: int) -> None:
    """One item of one stage: count it; the last one sends the next stage."""
    count = _count_safely if _way == "safe" else _count_leanly
    if count(run, stage) == items and stage < STAGES:
        send_stage(run, stage + 1, items)


def send_stage(run: int, stage: int, items: int) -> None:
    """A message an item."""
    with app.producer_or_acquire() as producer:
        for _ in range(items):
            step.apply_async((run, stage, items), producer=producer)


def _count_safely(run: int, stage: int) -> int:
    with _lock:
        if not _engine:
            url = os.environ[DATABASE_VARIABLE].replace("postgresql://", "postgresql+psycopg://")
            _engine.append(create_engine(url, pool_size=20))
    with _engine[0].begin() as connection:
        return int(connection.execute(_statement, {"run": run, "stage": stage}).scalar_one())


def _count_leanly(run: int, stage: int) -> int:
    if not hasattr(_local, "connection"):
        _local.connection = psycopg.connect(os.environ[DATABASE_VARIABLE])
    sql = _COUNT.replace(":run", "%s").replace(":stage", "%s")
    row = _local.connection.execute(sql, (run, stage), prepare=True).fetchone()
    _local.connection.commit()
    return int(row[0])
