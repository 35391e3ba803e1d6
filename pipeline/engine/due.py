"""Owns which stage runs and lanes are due: the look that costs next to nothing, and the claim of what it finds.

Due is what has come to its instant in a run that goes on, and all of a cancelled run that was not sent since, whenever.
Those are looked for apart from each other, so that each is a range of an index. Never: commits; sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, bindparam, or_, select, update
from sqlalchemy.orm import Session

from pipeline.core.states import RunStatus
from pipeline.engine.resend import values_when_sent
from pipeline.models import Lane, Run, StageRun
from pipeline.models.base import table_of
from pipeline.models.selecting import is_one_of, is_one_pair_of, written_out
from pipeline.models.types import UtcDateTime

#: Runs of which something is sent when its instant has come; paused ones wait for a person.
_GOING_ON = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.CANCELLING)
_runs, _stage_runs, _lanes = table_of(Run), table_of(StageRun), table_of(Lane)
_IS_CANCELLING = _runs.c.status == written_out(RunStatus.CANCELLING)
_GOES_ON = _runs.c.status.in_([written_out(status) for status in _GOING_ON])
_OF_RUN = (_stage_runs.c.run_id, _runs.c.traceparent)
_NOW = bindparam("now", type_=UtcDateTime())
_OF_RUNS = {
    _stage_runs: _stage_runs.join(_runs, _runs.c.id == _stage_runs.c.run_id),
    _lanes: _lanes.join(_stage_runs, _stage_runs.c.id == _lanes.c.stage_run_id).join(
        _runs, _runs.c.id == _stage_runs.c.run_id
    ),
}


@dataclass(frozen=True)
class Outlook:
    """What a look found."""

    #: The earliest instant at which something of a run that goes on is due; None where nothing is.
    earliest: datetime | None
    #: Whether something of a cancelled run is to be sent, which waits for no instant.
    cancelled: bool

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to claim."""
        return self.cancelled or (self.earliest is not None and self.earliest <= now)


def outlook(session: Session, *, now: datetime) -> Outlook:
    """Look, in one statement."""
    of_stage_runs, of_lanes, *to_cancel = session.execute(_LOOK, {"now": now}).one()
    instants = [instant for instant in (of_stage_runs, of_lanes) if instant is not None]
    return Outlook(min(instants, default=None), any(to_cancel))


def claim_stage_runs(session: Session, *, now: datetime, most: int) -> Sequence[Row[Any]]:
    """Claim what is due of stage runs, the longest waiting first, as it was.

    id, key, status; run_id and traceparent of its run.
    """
    columns = (_stage_runs.c.id, _stage_runs.c.key, _stage_runs.c.status, *_OF_RUN)
    return _claim(session, _stage_runs, columns, now=now, most=most)


def claim_lanes(session: Session, *, now: datetime, most: int) -> Sequence[Row[Any]]:
    """Claim what is due of lanes, the longest waiting first, as it was.

    stage_run_id, number, ticket, key; run_id and traceparent of its run.
    """
    columns = (_lanes.c.stage_run_id, _lanes.c.number, _lanes.c.ticket, _stage_runs.c.key, *_OF_RUN)
    return _claim(session, _lanes, columns, now=now, most=most)


def _claim(session: Session, table: Table, columns: Sequence[Any], *, now: datetime, most: int) -> Sequence[Row[Any]]:
    claimed: list[Row[Any]] = []
    for wanted in (_come(table), _cancelled(table)):
        query = select(*columns).select_from(_OF_RUNS[table]).where(*wanted).order_by(table.c.due_at)
        alone = query.limit(most - len(claimed)).with_for_update(skip_locked=True, of=table)
        rows = session.execute(alone, {"now": now}).all()
        if rows:
            these = _identified(session, table, rows)
            session.execute(update(table).where(these).values(values_when_sent(table.c.sends, now=now)))
        claimed += rows
    return claimed


def _identified(session: Session, table: Table, rows: Sequence[Row[Any]]) -> ColumnElement[bool]:
    if table is _stage_runs:
        return is_one_of(session, _stage_runs.c.id, [row.id for row in rows])
    return is_one_pair_of(
        session, (_lanes.c.stage_run_id, _lanes.c.number), [(row.stage_run_id, row.number) for row in rows]
    )


def _come(table: Table) -> tuple[Any, ...]:
    return table.c.due_at <= _NOW, _GOES_ON


def _cancelled(table: Table) -> tuple[Any, ...]:
    return _IS_CANCELLING, *_unsent(table)


def _unsent(table: Table) -> tuple[Any, ...]:
    """Rows that were not sent since their run was cancelled; lanes only where nobody works on them any more."""
    unsent = table.c.due_at.is_not(None), table.c.sends == 0
    return (*unsent, or_(_lanes.c.lease_until.is_(None), _lanes.c.lease_until <= _NOW)) if table is _lanes else unsent


def _earliest(table: Table) -> Any:
    come = select(table.c.due_at).select_from(_OF_RUNS[table]).where(table.c.due_at.is_not(None), _GOES_ON)
    return come.order_by(table.c.due_at).limit(1).scalar_subquery()


def _to_cancel(table: Table) -> Any:
    """Whether there is such a row, asked from the cancelled runs down: SQLite would walk through all that is due."""
    stage_runs = select(_stage_runs.c.id).where(_stage_runs.c.run_id.in_(select(_runs.c.id).where(_IS_CANCELLING)))
    key = _stage_runs.c.id if table is _stage_runs else _lanes.c.stage_run_id
    return select(table.c.sends).where(key.in_(stage_runs), *_unsent(table)).exists()


#: Made once: beat asks it every second.
_LOOK = select(*(_earliest(table) for table in _OF_RUNS), *(_to_cancel(table) for table in _OF_RUNS))
