"""Owns the life of one stage within a run: admission, skipping, the close that opens the next, the end of the run.

Never: commits; publishes (it returns the stage run whose chain is to be sent after the commit).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Table, cast, func, insert, literal, select, update
from sqlalchemy.orm import Session

from pipeline.contract import Stage, stage
from pipeline.core.catalog import BY_KEY, Calls, StageDefinition
from pipeline.core.matrix import SiteSettings
from pipeline.core.states import ItemStatus, LaneStatus, RunStatus, StageRunStatus, move, worst
from pipeline.models import Account, Lane, Run, Site, StageItem, StageRun
from pipeline.models.base import table_of
from pipeline.services import alerts, schedule_pauses

_DONE_WELL = (StageRunStatus.COMPLETED, StageRunStatus.SKIPPED)


@dataclass(frozen=True)
class Admission:
    """What became of an admission: whether its lanes may work, and which stage run is to be sent at once."""

    goes_on: bool
    send: int | None = None


def admit(session: Session, stage_run_id: int, *, now: datetime, resend_seconds: float) -> Admission:
    """Give the stage run its inputs and lanes, or skip it; a no-op where that was done before."""
    row, run = _locked(session, stage_run_id)
    if row.status is StageRunStatus.RUNNING:
        return Admission(goes_on=True)
    if row.status is not StageRunStatus.PENDING or row.due_at is None:
        return Admission(goes_on=False)
    if run.status is RunStatus.PAUSED:
        row.due_at = now
        return Admission(goes_on=False)
    if run.status is RunStatus.CANCELLING:
        early = (StageRunStatus.CANCELLED, "the run was cancelled")
    else:
        if run.status is RunStatus.QUEUED:
            run.status = move(run.status, RunStatus.RUNNING)
        run.started_at = run.started_at or now
        refused = _why_not(session, row, run)
        inputs = _take_inputs(session, row, run) if refused is None else 0
        if inputs:
            sent = now + timedelta(seconds=resend_seconds)
            _open_lanes(session, row, run.site_settings, inputs=inputs, now=now, first_due_at=sent)
            return Admission(goes_on=True)
        early = refused or (StageRunStatus.SKIPPED, "nothing was waiting")
    send = close(session, row, run, status=early[0], reason=early[1], now=now, resend_seconds=resend_seconds)
    return Admission(goes_on=False, send=send)


def finish(session: Session, stage_run_id: int, *, now: datetime, resend_seconds: float) -> int | None:
    """Close a stage run whose lanes are all closed; quiet where it is not its time.

    The stage run to send at once, if any.
    """
    row, run = _locked(session, stage_run_id)
    if row.status is not StageRunStatus.RUNNING or row.open_lanes > 0:
        return None
    if run.status is RunStatus.PAUSED:
        row.due_at = now
        return None
    counts = item_counts(session, [row.id])[row.id]
    if counts.get(ItemStatus.PENDING):
        _release(session, row)
    status, reason = _ending(row, run, counts)
    return close(session, row, run, status=status, reason=reason, now=now, resend_seconds=resend_seconds)


def close(
    session: Session,
    row: StageRun,
    run: Run,
    *,
    status: StageRunStatus,
    reason: str,
    now: datetime,
    resend_seconds: float,
) -> int | None:
    """End the stage run, open the next stage or end the run.

    Returns the stage run whose chain is to be sent after the commit: the next one, where no delay lies between.
    """
    skipped = status is StageRunStatus.SKIPPED
    row.status, row.reason, row.ending, row.due_at, row.finished_at = move(row.status, status), reason, None, None, now
    session.flush()
    if run.status is RunStatus.CANCELLING:
        end_cancelled(session, run, now=now)
        return None
    following = session.scalars(
        select(StageRun)
        .where(StageRun.run_id == run.id, StageRun.status == StageRunStatus.PENDING)
        .order_by(StageRun.number)
        .limit(1)
    ).first()
    if following is None:
        _end(session, run, now=now)
        return None
    delay = 0 if skipped else run.site_settings.delays.between_stage
    at_once = not delay and run.status is not RunStatus.PAUSED
    following.sends = int(at_once)
    following.due_at = now + timedelta(seconds=resend_seconds if at_once else delay)
    return following.id if at_once else None


def _release(session: Session, row: StageRun) -> None:
    """What was not reached stays waiting for another run."""
    session.execute(
        update(StageItem)
        .where(StageItem.stage_run_id == row.id, StageItem.status == ItemStatus.PENDING)
        .values(status=ItemStatus.RELEASED)
    )


def end_cancelled(session: Session, run: Run, *, now: datetime) -> None:
    """The last lease of a cancelled run is gone: end its stages and the run."""
    session.execute(
        update(StageRun)
        .where(StageRun.run_id == run.id, StageRun.status.in_((StageRunStatus.PENDING, StageRunStatus.RUNNING)))
        .values(
            status=StageRunStatus.CANCELLED, reason="the run was cancelled", due_at=None, open_lanes=0, finished_at=now
        )
    )
    run.status, run.finished_at, run.reason = move(run.status, RunStatus.CANCELLED), now, "cancelled by a person"


def item_counts(session: Session, stage_run_ids: list[int]) -> dict[int, dict[ItemStatus, int]]:
    """How many items of each status each stage run has."""
    counts: dict[int, dict[ItemStatus, int]] = {stage_run_id: {} for stage_run_id in stage_run_ids}
    rows = session.execute(
        select(StageItem.stage_run_id, StageItem.status, func.count())
        .where(StageItem.stage_run_id.in_(stage_run_ids))
        .group_by(StageItem.stage_run_id, StageItem.status)
    )
    for stage_run_id, status, count in rows:
        counts[stage_run_id][status] = count
    return counts


def waiting(definition: Stage[Any, Any], site_id: int) -> ColumnElement[bool]:
    """Rows of the site that wait for the stage."""
    columns = subject_table(definition).c
    return (columns.site_id == site_id) & (columns.status == definition.waits_as)


def subject_table(definition: Stage[Any, Any]) -> Table:
    """The table of a stage's subjects."""
    return table_of(definition.subject)


def _locked(session: Session, stage_run_id: int) -> tuple[StageRun, Run]:
    row = session.get_one(StageRun, stage_run_id, with_for_update=True)
    return row, session.get_one(Run, row.run_id, with_for_update=True)


def _why_not(session: Session, row: StageRun, run: Run) -> tuple[StageRunStatus, str] | None:
    """The end that the stage comes to without working, if any; a stage that is off moves on what would wait for it."""
    settings, definition = run.site_settings, stage(row.key)
    if run.retry_of is not None:
        return None
    off = settings.off_reason(row.number)
    if off is not None:
        definition.bypass(session, session.get_one(Site, run.site_id))
        return StageRunStatus.SKIPPED, off
    if definition.needed_setting is not None and not definition.needed_setting.is_on(settings):
        return StageRunStatus.SKIPPED, definition.needed_setting.reason
    if not definition.definition.has_ai:
        return None
    if not settings.stages[row.number].budget_pct:
        return StageRunStatus.SKIPPED, "its budget is 0 %"
    return _without_credits(session, row, run, definition)


def _without_credits(
    session: Session, row: StageRun, run: Run, definition: Stage[Any, Any]
) -> tuple[StageRunStatus, str] | None:
    nothing = not session.scalar(select(select(literal(1)).where(waiting(definition, run.site_id)).exists()))
    if nothing:
        return StageRunStatus.SKIPPED, "nothing was waiting"
    free = session.execute(select(Account.balance - Account.held).where(Account.id == run.account_id)).scalar_one()
    price_is_free = run.prices[str(row.number)]["free"]
    if run.available <= 0 or (free <= 0 and not price_is_free):
        return StageRunStatus.ACCOUNT_EXHAUSTED, "the account has no credits available; add credits, then run again"
    return None


def _take_inputs(session: Session, row: StageRun, run: Run) -> int:
    """One INSERT … SELECT of the inputs in the order (times_tried, id), numbered from 1. How many."""
    definition = stage(row.key)
    columns = subject_table(definition).c
    chosen = select(columns.id.label("subject_id"), columns.times_tried).where(waiting(definition, run.site_id))
    if run.retry_of is not None:
        chosen = chosen.where(columns.id.in_(_failed_before(run.retry_of, row.number)))
    else:
        limit = run.site_settings.stages[row.number].per_run_limit
        chosen = chosen.order_by(columns.times_tried, columns.id).limit(limit or None)
    inputs = chosen.subquery()
    order = func.row_number().over(order_by=(inputs.c.times_tried, inputs.c.subject_id))
    names = ["stage_run_id", "position", "subject_id", "status", "attempts", "strikes", "credits"]
    values = select(
        literal(row.id),
        order,
        inputs.c.subject_id,
        literal(ItemStatus.PENDING.value),
        *(cast(literal(0), Integer),) * 3,
    )
    statement = insert(StageItem).from_select(names, values).execution_options(preserve_rowcount=True)
    return session.connection().execute(statement).rowcount


def _failed_before(run_id: int, number: int) -> Select[int]:
    return (
        select(StageItem.subject_id)
        .join(StageRun, StageRun.id == StageItem.stage_run_id)
        .where(StageRun.run_id == run_id, StageRun.number == number, StageItem.status == ItemStatus.FAILED)
    )


def _open_lanes(
    session: Session, row: StageRun, settings: SiteSettings, *, inputs: int, now: datetime, first_due_at: datetime
) -> None:
    """As many lanes as the matrix asks and the batches allow.

    Lane 1 is the chain's, whose next link is on its way; the others are due at once.
    """
    definition, matrix_row = stage(row.key).definition, settings.stages[row.number]
    lanes = lane_count(definition, inputs=inputs, batch_size=matrix_row.batch_size, concurrency=matrix_row.concurrency)
    session.add_all(
        Lane(stage_run_id=row.id, number=number, status=LaneStatus.OPEN, due_at=now) for number in range(2, lanes + 1)
    )
    session.add(Lane(stage_run_id=row.id, number=1, status=LaneStatus.OPEN, due_at=first_due_at, sends=1))
    row.status = move(row.status, StageRunStatus.RUNNING)
    row.open_lanes, row.due_at, row.sends, row.admitted_at = lanes, None, 0, now


def lane_count(definition: StageDefinition, *, inputs: int, batch_size: int | None, concurrency: int | None) -> int:
    """min(concurrency, batches); a local stage has one lane."""
    if definition.calls is Calls.LOCAL:
        return 1
    return max(1, min(concurrency or 1, -(-inputs // (batch_size or inputs))))


def _ending(row: StageRun, run: Run, counts: dict[ItemStatus, int]) -> tuple[StageRunStatus, str]:
    done, failed = counts.get(ItemStatus.DONE, 0), counts.get(ItemStatus.FAILED, 0)
    said = f"{done} done" + (f", {failed} failed" if failed else "")
    if row.ending is not None:
        return row.ending, row.reason or said
    if run.status is RunStatus.CANCELLING:
        return StageRunStatus.CANCELLED, f"the run was cancelled; {said}"
    return (StageRunStatus.COMPLETED_WITH_ERRORS if failed else StageRunStatus.COMPLETED), said


def _end(session: Session, run: Run, *, now: datetime) -> None:
    """The last stage closed: the run's status is the worst of its stages."""
    stages = session.execute(
        select(StageRun.status, StageRun.reason, StageRun.key)
        .where(StageRun.run_id == run.id)
        .order_by(StageRun.number)
    ).all()
    status = worst([row.status for row in stages])
    told = [f"{BY_KEY[row.key].name}: {row.reason}" for row in stages if row.status not in _DONE_WELL]
    run.status, run.finished_at, run.reason = move(run.status, status), now, "; ".join(told) or None
    schedule_pauses.run_ended(session, run, now=now)
    alerts.run_ended(session, run, now=now)
