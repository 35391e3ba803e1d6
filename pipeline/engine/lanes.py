"""Owns the statements on lanes: take, advance, free, close. Whoever holds the last ticket may write; nobody else.

Lock order: the lane comes first in every transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, literal_column, or_, select, update
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.errors import PipelineError
from pipeline.core.states import LaneStatus, RunStatus, StageRunStatus
from pipeline.models import Lane, StageRun
from pipeline.models.base import table_of
from pipeline.models.types import Status

_table = table_of(Lane)
_lane = _table.c


class LaneTaken(PipelineError):  # noqa: N818 - news, not a fault: another worker holds the lane now
    """Another worker holds this lane now: what this one knows is old."""


@dataclass(frozen=True)
class Grip:
    """A lane in hand: the ticket proves it. `ending` and `run_status` are as read when it was gripped."""

    stage_run_id: int
    lane: int
    ticket: int
    batch_done: int
    lease_until: datetime
    due_at: datetime
    ending: StageRunStatus | None
    run_status: RunStatus

    @property
    def must_stop(self) -> bool:
        """Whether nothing more may be claimed."""
        return self.ending is not None or self.run_status is not RunStatus.RUNNING

    @property
    def closes(self) -> bool:
        """Whether the lane closes rather than waits: the stage ends early or the run is cancelled."""
        return self.ending is not None or self.run_status is not RunStatus.PAUSED


# Plain text: SQLite's RETURNING takes no qualified names, and the statement that moves the ticket must read these.
_ENDING: Any = literal_column(
    "(SELECT s.ending FROM stage_runs s WHERE s.id = stage_run_id)", type_=Status(StageRunStatus)
)
_RUN_STATUS: Any = literal_column(
    "(SELECT r.status FROM runs r JOIN stage_runs s ON s.run_id = r.id WHERE s.id = stage_run_id)",
    type_=Status(RunStatus),
)
_THIS = (_lane.stage_run_id == bindparam("this_stage_run"), _lane.number == bindparam("this_lane"))
_MINE = (*_THIS, _lane.status == LaneStatus.OPEN, _lane.ticket == bindparam("given"))
_SEEN = (_lane.batch_done, _ENDING, _RUN_STATUS)

_TAKE = (
    update(_table)
    .where(*_MINE, or_(_lane.lease_until.is_(None), _lane.lease_until <= bindparam("now")))
    .values(ticket=_lane.ticket + 1, lease_until=bindparam("until"), due_at=bindparam("until"), sends=0)
    .returning(*_SEEN)
)
_ADVANCE = (
    update(_table)
    .where(*_MINE)
    .values(ticket=_lane.ticket + 1, lease_until=bindparam("until"), batch_done=bindparam("done"))
    .returning(*_SEEN)
)
_ADVANCE_AND_MOVE = _ADVANCE.values(due_at=bindparam("until"))
_FREE = (
    update(_table)
    .where(*_MINE)
    .values(
        ticket=_lane.ticket + 1,
        lease_until=None,
        due_at=bindparam("due"),
        sends=bindparam("sent"),
        batch_done=bindparam("done"),
    )
)
_CLOSE = (
    update(_table)
    .where(*_MINE)
    .values(ticket=_lane.ticket + 1, status=LaneStatus.CLOSED, lease_until=None, due_at=None)
)


def take(session: Session, stage_run_id: int, number: int, *, ticket: int, now: datetime) -> Grip | None:
    """Grip an open lane that nobody holds and whose ticket is still `ticket`; None where that is not so."""
    until = now + timedelta(seconds=config().lease_seconds)
    values = {"this_stage_run": stage_run_id, "this_lane": number, "given": ticket, "now": now, "until": until}
    row = session.connection().execute(_TAKE, values).one_or_none()
    if row is None:
        return None
    return Grip(stage_run_id, number, ticket + 1, row[0], until, until, row[1], row[2])


def advance(session: Session, grip: Grip, *, batch_done: int, now: datetime) -> Grip:
    """Move the ticket on and renew the lease; LaneTaken where it is no longer ours.

    `due_at` is indexed: it is moved only when half the lease is gone, so that most updates touch no index.
    """
    lease = timedelta(seconds=config().lease_seconds)
    moves = grip.due_at - now < lease / 2
    values = {
        "this_stage_run": grip.stage_run_id,
        "this_lane": grip.lane,
        "given": grip.ticket,
        "until": now + lease,
        "done": batch_done,
    }
    row = session.connection().execute(_ADVANCE_AND_MOVE if moves else _ADVANCE, values).one_or_none()
    if row is None:
        raise LaneTaken
    due_at = now + lease if moves else grip.due_at
    return Grip(grip.stage_run_id, grip.lane, grip.ticket + 1, row[0], now + lease, due_at, row[1], row[2])


def free(session: Session, grip: Grip, *, due_at: datetime, sends: int) -> int:
    """Let go of the lane until `due_at`; the ticket that takes it next. `sends`: 1 where it is sent now."""
    values = {
        "this_stage_run": grip.stage_run_id,
        "this_lane": grip.lane,
        "given": grip.ticket,
        "due": due_at,
        "sent": sends,
        "done": grip.batch_done,
    }
    _require(session.connection().execute(_FREE, values).rowcount)
    return grip.ticket + 1


def close(session: Session, grip: Grip, *, now: datetime) -> int:
    """Nothing is left for this lane. How many lanes are still open; the last one makes `finish` due."""
    values = {"this_stage_run": grip.stage_run_id, "this_lane": grip.lane, "given": grip.ticket}
    _require(session.connection().execute(_CLOSE, values).rowcount)
    stage_runs = table_of(StageRun)
    lowered = (
        update(stage_runs).where(stage_runs.c.id == grip.stage_run_id).values(open_lanes=stage_runs.c.open_lanes - 1)
    )
    left: int = session.connection().execute(lowered.returning(stage_runs.c.open_lanes)).scalar_one()
    if left == 0:
        due = update(stage_runs).where(stage_runs.c.id == grip.stage_run_id)
        session.connection().execute(due.values(due_at=now + timedelta(seconds=config().resend_seconds), sends=1))
    return left


def held_ticket(session: Session, stage_run_id: int, number: int) -> int:
    """The lane's ticket as committed: what became of a commit whose answer was lost."""
    ticket: int = session.scalars(
        select(_lane.ticket).where(_lane.stage_run_id == stage_run_id, _lane.number == number)
    ).one()
    return ticket


def renew(session: Session, grips: list[tuple[int, int, int]], *, until: datetime) -> None:
    """Lengthen the leases of these (stage run, lane, ticket): one statement, for calls that take long."""
    session.connection().execute(
        _RENEW, [{"this_stage_run": s, "this_lane": n, "given": t, "until": until} for s, n, t in grips]
    )


_RENEW = update(_table).where(*_MINE).values(lease_until=bindparam("until"), due_at=bindparam("until"))


def _require(rowcount: int) -> None:
    if rowcount != 1:
        raise LaneTaken


def describe(grip: Grip) -> dict[str, Any]:
    """What log lines say about a lane."""
    return {"stage_run_id": grip.stage_run_id, "lane": grip.lane, "ticket": grip.ticket}
