"""Owns what log and traces say of runs and stages: where the trace of a run begins, and that one is over.

Said after the commit, of which it must not be a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline import tracing
from pipeline.core.catalog import BY_KEY
from pipeline.core.states import ItemStatus
from pipeline.db.session import after_commit
from pipeline.logs import get_logger
from pipeline.models import Content, Run, StageItem, StageRun
from pipeline.services.stage_run_statements import Locked

_log = get_logger(__name__)
#: The stage whose subjects become contents.
_WRITES: Final = BY_KEY["tasks_to_content"].number


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


def link_to_run(session: Session, content_id: int) -> None:
    """Let the span under way point at the run that wrote the content; a publication may be days after it."""
    if not tracing.is_on():
        return
    query = (
        select(Run.id, Run.traceparent)
        .join(StageRun, StageRun.run_id == Run.id)
        .join(StageItem, StageItem.stage_run_id == StageRun.id)
        .join(Content, (Content.site_id == Run.site_id) & (Content.content_task_id == StageItem.subject_id))
        .where(Content.id == content_id, StageRun.number == _WRITES, StageItem.status == ItemStatus.DONE)
        .order_by(Run.id.desc())
    )
    row = session.execute(query.limit(1)).one_or_none()
    if row is not None:
        tracing.link(tracing.of_run(row.traceparent, row.id), {"igny8.run_id": row.id})


def _attributes(named: Mapping[str, Any]) -> dict[str, Any]:
    return {f"igny8.{key}": value for key, value in named.items()}
