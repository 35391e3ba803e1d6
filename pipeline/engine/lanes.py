"""Owns the statements on lanes: take, advance, free, close. Whoever holds the last ticket may write; nobody else.

Lock order: the lane comes first in every transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, bindparam, case, func, literal_column, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from pipeline.config import config
from pipeline.contract import Stage
from pipeline.core.errors import PipelineError
from pipeline.core.states import LaneStatus, RunStatus, StageRunStatus
from pipeline.models import Lane, StageRun
from pipeline.models.base import table_of
from pipeline.models.types import Status, UtcDateTime

_table, _stage_runs = table_of(Lane), table_of(StageRun)
_lane, _stage_run = _table.c, _stage_runs.c


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
    #: How many of the subjects about to be kept still waited for the stage then, locked; None: nobody looked.
    waiting: int | None = None

    @property
    def is_first(self) -> bool:
        """Whether nobody held the lane before."""
        return self.ticket == 1

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
#: What whoever grips a lane reads of it.
SEEN = (_lane.batch_done, _ENDING.label("ending"), _RUN_STATUS.label("run_status"))

_TAKE = (
    update(_table)
    .where(*_MINE, or_(_lane.lease_until.is_(None), _lane.lease_until <= bindparam("now")))
    .values(ticket=_lane.ticket + 1, lease_until=bindparam("until"), due_at=bindparam("until"), sends=0)
    .returning(*SEEN)
)
_ADVANCE = (
    update(_table)
    .where(*_MINE)
    .values(ticket=_lane.ticket + 1, lease_until=bindparam("until"), batch_done=bindparam("done"))
    .returning(*SEEN)
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
_IS_LAST = _stage_run.open_lanes == 1
_LOWER = (
    update(_stage_runs)
    .where(_stage_run.id == bindparam("of_stage_run"))
    .values(
        open_lanes=_stage_run.open_lanes - 1,
        due_at=case((_IS_LAST, bindparam("due", type_=UtcDateTime)), else_=_stage_run.due_at),
        sends=case((_IS_LAST, 1), else_=_stage_run.sends),
    )
    .returning(_stage_run.open_lanes)
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


@dataclass(frozen=True)
class Renewal:
    """A grip about to take its next ticket.

    `due_at` is indexed: it is moved only when half the lease is gone, so that most updates touch no index.
    """

    grip: Grip
    batch_done: int
    until: datetime
    moves: bool
    #: Subjects about to be kept: whether they still wait is looked up, and they are locked, on the way.
    keeping: Sequence[int] = ()

    @classmethod
    def of(cls, grip: Grip, *, batch_done: int, now: datetime, keeping: Sequence[int] = ()) -> Renewal:
        """From now on for a whole lease."""
        lease = timedelta(seconds=config().lease_seconds)
        return cls(grip, batch_done, now + lease, moves=grip.due_at - now < lease / 2, keeping=keeping)

    def values(self) -> dict[str, Any]:
        """The parameters of `advancing`."""
        this = {"this_stage_run": self.grip.stage_run_id, "this_lane": self.grip.lane, "given": self.grip.ticket}
        values = {**this, "until": self.until, "done": self.batch_done}
        return {**values, "kept": self.keeping} if self.keeping else values

    def advanced(self, seen: Sequence[Any]) -> Grip:
        """The grip after it, by what was seen."""
        due_at = self.until if self.moves else self.grip.due_at
        next_ticket = self.grip.ticket + 1
        return Grip(self.grip.stage_run_id, self.grip.lane, next_ticket, seen[0], self.until, due_at, *seen[1:4])


@cache
def advancing(stage: Stage[Any, Any], *, moves: bool, keeps: bool) -> ReturningUpdate[Any]:
    """The statement that moves a ticket on and returns what it sees: SEEN, and where it keeps how many still wait."""
    statement = _ADVANCE_AND_MOVE if moves else _ADVANCE
    return statement.returning(_waiting(stage)) if keeps else statement


def _waiting(stage: Stage[Any, Any]) -> Any:
    subject = table_of(stage.subject).c
    kept: BindParameter[Any] = bindparam("kept", expanding=True)
    locked = (
        select(subject.id).where(subject.id.in_(kept), subject.status == stage.waits_as).with_for_update(key_share=True)
    )
    return select(func.count()).select_from(locked.subquery()).scalar_subquery().label("waiting")


def advance(session: Session, renewal: Renewal, stage: Stage[Any, Any]) -> Grip:
    """Move the ticket on and renew the lease; LaneTaken where it is no longer ours."""
    statement = advancing(stage, moves=renewal.moves, keeps=bool(renewal.keeping))
    row = session.connection().execute(statement, renewal.values()).one_or_none()
    if row is None:
        raise LaneTaken
    return renewal.advanced(row)


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
    due = {"of_stage_run": grip.stage_run_id, "due": now + timedelta(seconds=config().resend_seconds)}
    left: int = session.connection().execute(_LOWER, due).scalar_one()
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
