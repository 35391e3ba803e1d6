"""Owns the statements that admit a stage run, end it and open the next: each built once a process.

Plain rows, not objects: every stage of every run passes here. Never: decides anything; `stage_runs` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Insert,
    Integer,
    Select,
    Table,
    bindparam,
    cast,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from pipeline.contract import Stage
from pipeline.core.matrix import SiteSettings
from pipeline.core.states import ItemStatus, LaneStatus, RunStatus, StageRunStatus
from pipeline.models import Lane, Run, StageItem, StageRun
from pipeline.models.base import table_of
from pipeline.models.frozen import FROZEN_SETTINGS, settings_of

_runs, _stage_runs, _items, _lanes = table_of(Run), table_of(StageRun), table_of(StageItem), table_of(Lane)
_run, _stage_run, _item = _runs.c, _stage_runs.c, _items.c
#: Above all that can wait.
_NO_LIMIT: Final = 2**31 - 1


@dataclass(frozen=True)
class Locked:
    """A stage run and its run as they were read under their locks."""

    settings: SiteSettings
    id: int
    number: int
    key: str
    status: StageRunStatus
    ending: StageRunStatus | None
    reason: str | None
    open_lanes: int
    due_at: datetime | None
    run_id: int
    account_id: int
    site_id: int
    run_status: RunStatus
    run_started_at: datetime | None
    retry_of: int | None
    available: int
    prices: Mapping[str, Any]
    admitted_at: datetime | None
    traceparent: str | None


@dataclass(frozen=True)
class Opened:
    """A stage run whose chain is to be sent at once, after the commit."""

    stage_run_id: int
    key: str


# PostgreSQL locks the tables of a join in the order they are named in: the stage run, then its run. Not against rows
# that name them: see `credits.py`.
_LOCK = (
    select(
        _stage_run.id,
        _stage_run.number,
        _stage_run.key,
        _stage_run.status,
        _stage_run.ending,
        _stage_run.reason,
        _stage_run.open_lanes,
        _stage_run.due_at,
        _stage_run.run_id,
        _run.account_id,
        _run.site_id,
        _run.status,
        _run.started_at,
        _run.retry_of,
        _run.available,
        _run.prices,
        _stage_run.admitted_at,
        _run.traceparent,
        FROZEN_SETTINGS,
    )
    .join_from(_stage_runs, _runs, _run.id == _stage_run.run_id)
    .where(_stage_run.id == bindparam("this"))
    .with_for_update(key_share=True)
)
_BEGIN_RUN = (
    update(_runs)
    .where(_run.id == bindparam("of_run"))
    .values(status=bindparam("begins_as"), started_at=bindparam("at"))
)
_OPEN_LANES = insert(_lanes)
_ADMITTED = (
    update(_stage_runs)
    .where(_stage_run.id == bindparam("this"))
    .values(
        status=StageRunStatus.RUNNING,
        open_lanes=bindparam("lanes"),
        due_at=None,
        sends=0,
        admitted_at=bindparam("at"),
    )
)
_ENDED = (
    update(_stage_runs)
    .where(_stage_run.id == bindparam("this"))
    .values(
        status=bindparam("ended_as"), reason=bindparam("why"), ending=None, due_at=None, finished_at=bindparam("at")
    )
)
_RELEASE = (
    update(_items)
    .where(_item.stage_run_id == bindparam("this"), _item.status == ItemStatus.PENDING)
    .values(status=ItemStatus.RELEASED)
)
_FOLLOWING = (
    select(_stage_run.id)
    .where(_stage_run.run_id == bindparam("of_run"), _stage_run.status == StageRunStatus.PENDING)
    .order_by(_stage_run.number)
    .limit(1)
)
_OPEN_FOLLOWING = (
    update(_stage_runs)
    .where(_stage_run.id == _FOLLOWING.scalar_subquery())
    .values(due_at=bindparam("due"), sends=bindparam("sent"))
    .returning(_stage_run.id, _stage_run.key)
)
_COUNT_ITEMS = (
    select(_item.stage_run_id, _item.status, func.count())
    .where(_item.stage_run_id.in_(bindparam("of", expanding=True)))
    .group_by(_item.stage_run_id, _item.status)
)


def lock(session: Session, stage_run_id: int) -> Locked:
    """The stage run and its run, locked until the transaction ends."""
    *rest, frozen = session.connection().execute(_LOCK, {"this": stage_run_id}).one()
    return Locked(settings_of(frozen), *rest)


def begin_run(session: Session, run_id: int, *, status: RunStatus, started_at: datetime) -> None:
    """Its first stage is admitted."""
    values = {"of_run": run_id, "begins_as": status, "at": started_at}
    session.connection().execute(_BEGIN_RUN, values)


def put_off(session: Session, stage_run_id: int, *, until: datetime) -> None:
    """Make the stage run due then."""
    this = _stage_run.id == stage_run_id
    session.connection().execute(update(_stage_runs).where(this).values(due_at=until))


def take_inputs(session: Session, found: Locked, stage: Stage[Any, Any]) -> int:
    """One INSERT … SELECT of the inputs in the order (times_tried, id), numbered from 1. How many."""
    values: dict[str, Any] = {"this": found.id, "of_site": found.site_id}
    if found.retry_of is not None:
        values |= {"retried": found.retry_of, "number": found.number}
    else:
        values |= {"most": found.settings.stages[found.number].per_run_limit or _NO_LIMIT}
    statement = _inputs(stage, retries=found.retry_of is not None)
    return session.connection().execute(statement, values).rowcount


def open_lanes(session: Session, stage_run_id: int, *, lanes: int, first_due_at: datetime, now: datetime) -> None:
    """The stage run works. Lane 1 is the chain's, whose next link is on its way; the others are due at once."""
    same = {"stage_run_id": stage_run_id, "status": LaneStatus.OPEN}
    first = {**same, "number": 1, "due_at": first_due_at, "sends": 1}
    others = [{**same, "number": number, "due_at": now, "sends": 0} for number in range(2, lanes + 1)]
    session.connection().execute(_OPEN_LANES, [first, *others])
    session.connection().execute(_ADMITTED, {"this": stage_run_id, "lanes": lanes, "at": now})


def end(session: Session, stage_run_id: int, *, status: StageRunStatus, reason: str, now: datetime) -> None:
    """The stage run came to this."""
    values = {"this": stage_run_id, "ended_as": status, "why": reason, "at": now}
    session.connection().execute(_ENDED, values)


def release(session: Session, stage_run_id: int) -> None:
    """What was not reached stays waiting for another run."""
    session.connection().execute(_RELEASE, {"this": stage_run_id})


def open_following(session: Session, run_id: int, *, due_at: datetime, sends: int) -> Opened | None:
    """Make the run's next pending stage due; None where none is left."""
    values = {"of_run": run_id, "due": due_at, "sent": sends}
    row = session.connection().execute(_OPEN_FOLLOWING, values).one_or_none()
    return None if row is None else Opened(*row)


def of_run(session: Session, run_id: int) -> Sequence[StageRun]:
    """The stage runs of a run, in the order of their stages."""
    return session.scalars(select(StageRun).where(StageRun.run_id == run_id).order_by(StageRun.number)).all()


def item_counts(session: Session, stage_run_ids: list[int]) -> dict[int, dict[ItemStatus, int]]:
    """How many items of each status each stage run has."""
    counts: dict[int, dict[ItemStatus, int]] = {stage_run_id: {} for stage_run_id in stage_run_ids}
    for stage_run_id, status, count in session.connection().execute(_COUNT_ITEMS, {"of": stage_run_ids}):
        counts[stage_run_id][status] = count
    return counts


def waiting(stage: Stage[Any, Any], site_id: int | ColumnElement[int]) -> ColumnElement[bool]:
    """Rows of the site that wait for the stage."""
    columns = subject_table(stage).c
    return (columns.site_id == site_id) & (columns.status == stage.waits_as)


def subject_table(stage: Stage[Any, Any]) -> Table:
    """The table of a stage's subjects."""
    return table_of(stage.subject)


@cache
def _inputs(stage: Stage[Any, Any], *, retries: bool) -> Insert:
    columns = subject_table(stage).c
    chosen = select(columns.id.label("subject_id"), columns.times_tried).where(waiting(stage, bindparam("of_site")))
    if retries:
        chosen = chosen.where(columns.id.in_(_FAILED_BEFORE))
    else:
        chosen = chosen.order_by(columns.times_tried, columns.id).limit(bindparam("most"))
    inputs = chosen.subquery()
    order = func.row_number().over(order_by=(inputs.c.times_tried, inputs.c.subject_id))
    names = ["stage_run_id", "position", "subject_id", "status", "attempts", "strikes", "credits"]
    new = (literal(ItemStatus.PENDING.value), *(cast(literal(0), Integer),) * 3)
    values = select(bindparam("this", type_=_item.stage_run_id.type), order, inputs.c.subject_id, *new)
    return insert(_items).from_select(names, values).execution_options(preserve_rowcount=True)


_FAILED_BEFORE: Select[Any] = (
    select(_item.subject_id)
    .join_from(_stage_runs, _items, _item.stage_run_id == _stage_run.id)
    .where(
        _stage_run.run_id == bindparam("retried"),
        _stage_run.number == bindparam("number"),
        _item.status == ItemStatus.FAILED,
    )
)
