"""Owns the three links of a stage's chain as steps: admit, batch, finish. Each ends in an outcome.

Never: Celery.
"""

from __future__ import annotations

from sqlalchemy.exc import OperationalError

from pipeline import failpoints
from pipeline.config import config
from pipeline.core.catalog import Calls, ModelType
from pipeline.db.session import Database
from pipeline.engine import lanes, recovery
from pipeline.engine.asking_slices import AskingSlice
from pipeline.engine.contexts import StageContext, load_context
from pipeline.engine.image_slices import ImageSlice
from pipeline.engine.local_slices import LocalSlice
from pipeline.engine.outcomes import Cut, GoOn, Outcome
from pipeline.engine.slices import Slice, StageFault
from pipeline.services import stage_runs


def admit(database: Database, stage_run_id: int) -> Outcome:
    """Give the stage run its inputs and lanes, or skip it and open the next."""
    now = database.now()
    with database.transaction() as session:
        admission = stage_runs.admit(session, stage_run_id, now=now, resend_seconds=config().resend_seconds)
        failpoints.hit("admit.uncommitted")
    failpoints.hit("admit.committed")
    return GoOn(lanes=max(0, admission.lanes - 1)) if admission.goes_on else Cut(send=admission.send)


def batch(database: Database, stage_run_id: int, number: int, ticket: int) -> Outcome:
    """Work on a lane for one slice. A lane that is held, or another ticket, is left alone: the message was a copy."""
    try:
        taken, outcome = _take(database, stage_run_id, number, ticket=ticket, begins=True)
    except (StageFault, OperationalError):
        # The slice meets the fault again in a transaction of its own, after the lane is taken: it can answer it there.
        taken, outcome = _take(database, stage_run_id, number, ticket=ticket, begins=False)
    if taken is None:
        return GoOn()
    outcome = outcome or taken.run()
    failpoints.hit("batch.committed")
    return outcome


def _take(
    database: Database, stage_run_id: int, number: int, *, ticket: int, begins: bool
) -> tuple[Slice | None, Outcome | None]:
    """Take the lane; with `begins`, work that needs no call is begun in the same transaction. What it came to."""
    now = database.now()
    with database.transaction() as session:
        grip = lanes.take(session, stage_run_id, number, ticket=ticket, now=now)
        if grip is None:
            return None, None
        context = load_context(session, stage_run_id)
        if not grip.is_first:
            recovery.recover(session, context, grip, now=now)
        taken = _kind(context)(database, context, grip)
        outcome = taken.begin(session, now) if begins else None
        failpoints.hit("take.uncommitted")
    failpoints.hit("take.committed")
    taken.committed()
    return taken, outcome


def _kind(context: StageContext) -> type[Slice]:
    if context.definition.calls is Calls.LOCAL:
        return LocalSlice
    return ImageSlice if context.definition.model_type is ModelType.IMAGE else AskingSlice


def finish(database: Database, stage_run_id: int) -> Outcome:
    """Close the stage run once its lanes are closed, and open the next."""
    now = database.now()
    with database.transaction() as session:
        send = stage_runs.finish(session, stage_run_id, now=now, resend_seconds=config().resend_seconds)
        failpoints.hit("finish.uncommitted")
    failpoints.hit("finish.committed")
    return Cut(send=send)
