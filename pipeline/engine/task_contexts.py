"""Owns what surrounds every task of a worker: the context of its log lines, and its span where traces are told."""

from __future__ import annotations

from threading import local
from typing import Any, Final

from celery.signals import beat_init, task_postrun, task_prerun, worker_init, worker_process_shutdown, worker_shutdown

from pipeline import logs, tracing
from pipeline.config import config
from pipeline.engine import origins
from pipeline.tracing import Span

_FAILED: Final = "FAILURE"
#: Tasks that have a span: those that work for a run, and those that place an article.
_TRACED: Final = ("stages.", "publications.")
_thread: Final = local()


def start_traces(service: str) -> None:
    """Tell traces from now on, where this installation has a collector."""
    tracing.start(service, url=config().traces_url, tells_others=config().traces_to_providers)


def _begin(task_id: str, task: Any, args: Any, **_: Any) -> None:
    origin, named = origins.origin_of(task.request), origins.named(task.name, args or ())
    of_run = {} if origin is None else {"run_id": origin.run_id}
    logs.bind_task(task_id=task_id, task_name=task.name, **of_run, **named)
    if tracing.is_on() and task.name.startswith(_TRACED):
        parent = None if origin is None else tracing.of_stage_run(origin.traceparent, named["stage_run_id"])
        if parent is None and task.name.startswith("stages."):
            return  # Its run was accepted by a process that traces nothing.
        told = {f"igny8.{name}": value for name, value in {**of_run, **named, "task_id": task_id}.items()}
        _thread.span = tracing.span(task.name, parent=parent, kind="consumer", attributes=told)
        _thread.span.__enter__()


def _end(state: str | None = None, **_: Any) -> None:
    found: Span | None = getattr(_thread, "span", None)
    if found is not None:
        _thread.span = None
        if state == _FAILED:
            found.fail(_FAILED)
        found.__exit__(None, None, None)
    logs.unbind()


def _trace_worker(**_: Any) -> None:
    start_traces("worker")


def _trace_beat(**_: Any) -> None:
    start_traces("beat")


def _stop(**_: Any) -> None:
    tracing.stop()


worker_init.connect(_trace_worker)
beat_init.connect(_trace_beat)
task_prerun.connect(_begin)
task_postrun.connect(_end)
worker_shutdown.connect(_stop)
worker_process_shutdown.connect(_stop)
