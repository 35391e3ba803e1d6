"""Owns what log and traces say of runs and stages: where the trace of a run begins, and that one is over.

Said after the commit, of which it must not be a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from pipeline import tracing
from pipeline.db.session import after_commit
from pipeline.logs import get_logger
from pipeline.models import Run
from pipeline.services.stage_run_statements import Locked

_log = get_logger(__name__)


def begin(run: Run) -> None:
    """Let the run carry on the span under way (a request's, a command's); one that a schedule starts begins its own."""
    if not tracing.is_on():
        return
    run.traceparent = tracing.traceparent()
    if run.traceparent is None:
        with tracing.span("run accepted", attributes={"igny8.origin": run.origin, "igny8.site_id": run.site_id}):
            run.traceparent = tracing.traceparent()


def stage_ended(session: Session, found: Locked, *, status: str, reason: str, now: datetime) -> None:
    """The stage run is over."""
    named = {"run_id": found.run_id, "stage": found.key, "stage_run_id": found.id, "status": status}
    after_commit(session, partial(_log.info, "stage.ended", reason=reason, **named))
    if tracing.is_on():
        over = partial(tracing.tell, f"stage {found.number} {found.key}", begun=found.admitted_at or now, ended=now)
        own = tracing.of_stage_run(found.traceparent, found.id)
        parent = tracing.of_run(found.traceparent, found.run_id)
        after_commit(session, partial(over, own=own, parent=parent, attributes=_attributes(named)))


def run_ended(session: Session, run: Run, *, now: datetime) -> None:
    """The run is over."""
    named = {"run_id": run.id, "site_id": run.site_id, "origin": run.origin, "status": run.status.value}
    after_commit(session, partial(_log.info, "run.ended", reason=run.reason, **named))
    if tracing.is_on():
        over = partial(tracing.tell, "run", begun=run.created_at, ended=now)
        own = tracing.of_run(run.traceparent, run.id)
        after_commit(session, partial(over, own=own, parent=run.traceparent, attributes=_attributes(named)))


def _attributes(named: Mapping[str, Any]) -> dict[str, Any]:
    return {f"igny8.{key}": value for key, value in named.items()}
