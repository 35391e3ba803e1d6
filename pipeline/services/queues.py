"""Owns for how long the oldest work of each queue has waited for a worker, as the rows say: what to scale workers by.

A message that was sent and that nobody took is a row that is due again later; from how often it was sent follows since
when it waits. Never: the broker's own counts; it may have lost what it was given.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import CompoundSelect, Select, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.catalog import BY_KEY, STAGES
from pipeline.core.resends import waits_since
from pipeline.core.states import RunStatus
from pipeline.models import Delivery, Lane, Publication, Run, StageRun
from pipeline.models.selecting import written_out

#: Admissions and finishes of stages.
CONTROL: Final = "control"
#: Whatever asks a site, a webhook or a mail server.
PUBLISH: Final = "publish"
QUEUES: Final = tuple(sorted({CONTROL, PUBLISH, *(stage.queue for stage in STAGES)}))
#: Runs of which something is sent; paused ones wait for a person.
_GOING_ON: Final = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.CANCELLING)


def oldest_seconds(session: Session, *, now: datetime) -> dict[str, float]:
    """Queue -> for how many seconds its oldest work has waited to be taken; 0: none waits. One statement."""
    found = dict.fromkeys(QUEUES, 0.0)
    for work, sends, first in session.execute(_waiting(now)):
        since = waits_since(first, sends, first=config().resend_seconds, most=config().resend_max_seconds)
        queue = BY_KEY[work].queue if work in BY_KEY else work
        found[queue] = max(found[queue], (now - since).total_seconds())
    return found


def _waiting(now: datetime) -> CompoundSelect[Any]:
    """A stage's key or a queue, how often rows were sent, and the earliest instant of those."""
    stage_runs = _of(literal(CONTROL), StageRun).join(Run, Run.id == StageRun.run_id)
    lanes = _of(StageRun.key, Lane).join(StageRun, StageRun.id == Lane.stage_run_id)
    return union_all(
        stage_runs.where(_is_to_be_taken(StageRun, now), _goes_on()).group_by(StageRun.sends),
        lanes.join(Run, Run.id == StageRun.run_id)
        .where(_is_to_be_taken(Lane, now), _is_free(Lane, now), _goes_on())
        .group_by(StageRun.key, Lane.sends),
        *(
            _of(literal(PUBLISH), table).where(_is_to_be_taken(table, now), _is_free(table, now)).group_by(table.sends)
            for table in (Publication, Delivery)
        ),
    )


def _of(work: Any, table: Any) -> Select[Any]:
    columns = (work.label("work"), table.sends.label("sends"), func.min(table.due_at).label("first"))
    return select(*columns).select_from(table)


def _is_to_be_taken(table: Any, now: datetime) -> Any:
    """Rows that were sent, or are due to be."""
    return table.due_at.is_not(None) & or_(table.sends > 0, table.due_at <= now)


def _is_free(table: Any, now: datetime) -> Any:
    return or_(table.lease_until.is_(None), table.lease_until <= now)


def _goes_on() -> Any:
    return Run.status.in_([written_out(status) for status in _GOING_ON])
