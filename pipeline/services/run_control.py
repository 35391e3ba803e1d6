"""Owns what a person does to a live run: pause, resume, cancel. Audited, under the run's lock.

Never: commits; publishes. Pause writes the run's row only; what is under way reads it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.core.states import LIVE_RUNS, ItemStatus, LaneStatus, RunStatus, move
from pipeline.models import Lane, Run, StageItem, StageRun
from pipeline.services import audit
from pipeline.services import credits as ledger
from pipeline.services.stage_runs import end_cancelled


def pause(session: Session, run: Run, *, actor: str, now: datetime) -> None:
    """Stop claiming; what is under way is kept. ConflictError unless the run is queued or running."""
    _set(session, run, RunStatus.PAUSED, actor=actor, now=now)


def resume(session: Session, run: Run, *, actor: str, now: datetime) -> None:
    """Go on with a paused run: beat sends what is due. ConflictError unless it is paused."""
    if run.status is not RunStatus.PAUSED:
        raise ConflictError(f"Run {run.id} is {run.status}, not paused: there is nothing to resume.")
    # Nobody asked meanwhile: how long a provider has been down is counted from the next call.
    stale = update(StageRun).where(StageRun.run_id == run.id, StageRun.unavailable_since.is_not(None))
    session.execute(stale.values(unavailable_since=None))
    _set(session, run, RunStatus.RUNNING, actor=actor, now=now)


def cancel(session: Session, run: Run, *, actor: str, now: datetime) -> None:
    """End the run as soon as no lease is live (at once where none is); answers that still arrive are kept."""
    lanes = _locked_lanes(session, run)
    stage_runs = session.scalars(
        select(StageRun).where(StageRun.run_id == run.id).order_by(StageRun.id).with_for_update(key_share=True)
    ).all()
    _set(session, run, RunStatus.CANCELLING, actor=actor, now=now)
    known = {(lane.stage_run_id, lane.number) for lane in lanes}
    if known != {(lane.stage_run_id, lane.number) for lane in _open_lanes(session, run)}:
        return  # Admitted between the two locks: its lane reads the cancel by itself.
    if any(lane.lease_until is not None and lane.lease_until > now for lane in lanes):
        return
    for lane in lanes:
        ledger.resolve_open_calls(session, stage_run_id=lane.stage_run_id, lane=lane.number, now=now)
        lane.status, lane.due_at, lane.lease_until, lane.ticket = LaneStatus.CLOSED, None, None, lane.ticket + 1
    unreached = (ItemStatus.PENDING, ItemStatus.LEASED)
    ids = [row.id for row in stage_runs]
    session.execute(
        update(StageItem)
        .where(StageItem.stage_run_id.in_(ids), StageItem.status.in_(unreached))
        .values(status=ItemStatus.RELEASED)
    )
    session.flush()
    end_cancelled(session, run, now=now)


def _set(session: Session, run: Run, status: RunStatus, *, actor: str, now: datetime) -> None:
    """Change the run's status under its lock, audited; ConflictError where it may not become that."""
    session.refresh(run, with_for_update={"key_share": True})
    allowed = {RunStatus.PAUSED: (RunStatus.QUEUED, RunStatus.RUNNING), RunStatus.RUNNING: (RunStatus.PAUSED,)}
    if run.status not in allowed.get(status, (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.PAUSED)):
        raise ConflictError(f"Run {run.id} {_why_not(run, status)}")
    run.status = move(run.status, status)
    action = {RunStatus.PAUSED: "run.paused", RunStatus.RUNNING: "run.resumed"}.get(status, "run.cancelled")
    audit.record(
        session, account_id=run.account_id, actor=actor, action=action, subject_kind="run", subject_id=run.id, now=now
    )
    session.flush()


def _why_not(run: Run, status: RunStatus) -> str:
    """What the run is instead of what the action needs, and what to do."""
    if run.status is RunStatus.CANCELLING:
        return "is being cancelled already: it ends as soon as what is under way has come back."
    if run.status is RunStatus.PAUSED:
        return f"is paused already. To go on with it: igny8 resume {run.id}"
    done = "paused" if status is RunStatus.PAUSED else "resumed" if status is RunStatus.RUNNING else "cancelled"
    allowed = "paused" if status is RunStatus.RUNNING else "queued, running or paused"
    is_what = f"is {run.status}" if run.status in LIVE_RUNS else f"has ended ({run.status})"
    return f"{is_what}: only a run that is {allowed} can be {done}. Nothing was changed."


def _open_lanes(session: Session, run: Run) -> list[Lane]:
    query = (
        select(Lane)
        .join(StageRun, StageRun.id == Lane.stage_run_id)
        .where(StageRun.run_id == run.id, Lane.status == LaneStatus.OPEN)
    )
    return list(session.scalars(query.order_by(Lane.stage_run_id, Lane.number)))


def _locked_lanes(session: Session, run: Run) -> list[Lane]:
    ids = select(StageRun.id).where(StageRun.run_id == run.id)
    query = select(Lane).where(Lane.stage_run_id.in_(ids), Lane.status == LaneStatus.OPEN)
    return list(session.scalars(query.order_by(Lane.stage_run_id, Lane.number).with_for_update()))
