"""Owns the life of one stage within a run: admission, skipping, the close that opens the next, the end of the run.

Never: commits; publishes (it returns the stage run whose chain is to be sent after the commit).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import literal, select, update
from sqlalchemy.orm import Session

from pipeline.contract import Stage, stage
from pipeline.core.catalog import BY_KEY, Calls, StageDefinition
from pipeline.core.states import ItemStatus, RunStatus, StageRunStatus, move, worst
from pipeline.models import Account, Run, Site, StageRun
from pipeline.services import alerts, run_traces, schedule_pauses
from pipeline.services import stage_run_statements as statements
from pipeline.services.stage_run_statements import Locked, Opened, item_counts, of_run, subject_table, waiting

__all__ = [
    "Admission", "Opened", "admit", "end_cancelled", "finish", "item_counts", "of_run", "subject_table", "waiting",
]  # fmt: skip

_DONE_WELL = (StageRunStatus.COMPLETED, StageRunStatus.SKIPPED)


@dataclass(frozen=True)
class Admission:
    """What became of an admission: whether its lanes may work, and which stage run is to be sent at once."""

    goes_on: bool
    send: Opened | None = None
    #: How many lanes were opened by it.
    lanes: int = 0


def admit(session: Session, stage_run_id: int, *, now: datetime, resend_seconds: float) -> Admission:
    """Give the stage run its inputs and lanes, or skip it; a no-op where that was done before."""
    found = statements.lock(session, stage_run_id)
    if found.status is StageRunStatus.RUNNING:
        return Admission(goes_on=True)
    if found.status is not StageRunStatus.PENDING or found.due_at is None:
        return Admission(goes_on=False)
    if found.run_status is RunStatus.PAUSED:
        statements.put_off(session, found.id, until=now)
        return Admission(goes_on=False)
    if found.run_status is RunStatus.CANCELLING:
        early = (StageRunStatus.CANCELLED, "the run was cancelled")
    else:
        _begin_run(session, found, now=now)
        refused = _why_not(session, found)
        inputs = statements.take_inputs(session, found, stage(found.key)) if refused is None else 0
        if inputs:
            lanes = _open_lanes(session, found, inputs=inputs, now=now, resend_seconds=resend_seconds)
            return Admission(goes_on=True, lanes=lanes)
        early = refused or (StageRunStatus.SKIPPED, "nothing was waiting")
    send = close(session, found, status=early[0], reason=early[1], now=now, resend_seconds=resend_seconds)
    return Admission(goes_on=False, send=send)


def finish(session: Session, stage_run_id: int, *, now: datetime, resend_seconds: float) -> Opened | None:
    """Close a stage run whose lanes are all closed; quiet where it is not its time.

    The stage run to send at once, if any.
    """
    found = statements.lock(session, stage_run_id)
    if found.status is not StageRunStatus.RUNNING or found.open_lanes > 0:
        return None
    if found.run_status is RunStatus.PAUSED:
        statements.put_off(session, found.id, until=now)
        return None
    counts = statements.item_counts(session, [found.id])[found.id]
    if counts.get(ItemStatus.PENDING):
        statements.release(session, found.id)
    status, reason = _ending(found, counts)
    return close(session, found, status=status, reason=reason, now=now, resend_seconds=resend_seconds)


def close(
    session: Session, found: Locked, *, status: StageRunStatus, reason: str, now: datetime, resend_seconds: float
) -> Opened | None:
    """End the stage run, open the next stage or end the run.

    Returns the stage run whose chain is to be sent after the commit: the next one, where no delay lies between.
    """
    statements.end(session, found.id, status=move(found.status, status), reason=reason, now=now)
    run_traces.stage_ended(session, found, status=status.value, reason=reason, now=now)
    if found.run_status is RunStatus.CANCELLING:
        end_cancelled(session, session.get_one(Run, found.run_id), now=now)
        return None
    delay = 0 if status is StageRunStatus.SKIPPED else found.settings.delays.between_stage
    at_once = not delay and found.run_status is not RunStatus.PAUSED
    due_at = now + timedelta(seconds=resend_seconds if at_once else delay)
    following = statements.open_following(session, found.run_id, due_at=due_at, sends=int(at_once))
    if following is None:
        _end(session, session.get_one(Run, found.run_id), now=now)
    return following if at_once else None


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
    run_traces.run_ended(session, run, now=now)


def _begin_run(session: Session, found: Locked, *, now: datetime) -> None:
    """The first stage that is admitted, or the first after a pause before any was, begins the run."""
    if found.run_status is not RunStatus.QUEUED and found.run_started_at is not None:
        return
    status = move(found.run_status, RunStatus.RUNNING) if found.run_status is RunStatus.QUEUED else found.run_status
    statements.begin_run(session, found.run_id, status=status, started_at=found.run_started_at or now)


def _why_not(session: Session, found: Locked) -> tuple[StageRunStatus, str] | None:
    """The end that the stage comes to without working, if any; a stage that is off moves on what would wait for it."""
    settings, definition = found.settings, stage(found.key)
    if found.retry_of is not None:
        return None
    off = settings.off_reason(found.number)
    if off is not None:
        definition.bypass(session, session.get_one(Site, found.site_id))
        return StageRunStatus.SKIPPED, off
    if definition.needed_setting is not None and not definition.needed_setting.is_on(settings):
        return StageRunStatus.SKIPPED, definition.needed_setting.reason
    if not definition.definition.has_ai:
        return None
    if not settings.stages[found.number].budget_pct:
        return StageRunStatus.SKIPPED, "its budget is 0 %"
    return _without_credits(session, found, definition)


def _without_credits(session: Session, found: Locked, definition: Stage[Any, Any]) -> tuple[StageRunStatus, str] | None:
    nothing = not session.scalar(select(select(literal(1)).where(waiting(definition, found.site_id)).exists()))
    if nothing:
        return StageRunStatus.SKIPPED, "nothing was waiting"
    free = session.execute(select(Account.balance - Account.held).where(Account.id == found.account_id)).scalar_one()
    price_is_free = found.prices[str(found.number)]["free"]
    if found.available <= 0 or (free <= 0 and not price_is_free):
        return StageRunStatus.ACCOUNT_EXHAUSTED, "the account has no credits available; add credits, then run again"
    return None


def _open_lanes(session: Session, found: Locked, *, inputs: int, now: datetime, resend_seconds: float) -> int:
    """As many lanes as the matrix asks and the batches allow; how many."""
    definition, row = stage(found.key).definition, found.settings.stages[found.number]
    lanes = lane_count(definition, inputs=inputs, batch_size=row.batch_size, concurrency=row.concurrency)
    move(found.status, StageRunStatus.RUNNING)  # The gate: it refuses what the states do not allow.
    first_due_at = now + timedelta(seconds=resend_seconds)
    statements.open_lanes(session, found.id, lanes=lanes, first_due_at=first_due_at, now=now)
    return lanes


def lane_count(definition: StageDefinition, *, inputs: int, batch_size: int | None, concurrency: int | None) -> int:
    """min(concurrency, batches); a local stage has one lane."""
    if definition.calls is Calls.LOCAL:
        return 1
    return max(1, min(concurrency or 1, -(-inputs // (batch_size or inputs))))


def _ending(found: Locked, counts: dict[ItemStatus, int]) -> tuple[StageRunStatus, str]:
    done, failed = counts.get(ItemStatus.DONE, 0), counts.get(ItemStatus.FAILED, 0)
    said = f"{done} done" + (f", {failed} failed" if failed else "")
    if found.ending is not None:
        return found.ending, found.reason or said
    if found.run_status is RunStatus.CANCELLING:
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
    run_traces.run_ended(session, run, now=now)
    schedule_pauses.run_ended(session, run, now=now)
    alerts.run_ended(session, run, now=now)
