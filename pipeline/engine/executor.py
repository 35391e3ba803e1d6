"""Owns the three links of a stage's chain as steps: admit, batch, finish. Each ends in an outcome.

Never: Celery.
"""

from __future__ import annotations

from pipeline.config import config
from pipeline.core.catalog import Calls
from pipeline.db.session import Database
from pipeline.engine import lanes, recovery
from pipeline.engine.asking_slices import AskingSlice
from pipeline.engine.contexts import load_context
from pipeline.engine.local_slices import LocalSlice
from pipeline.engine.outcomes import Cut, GoOn, Outcome
from pipeline.services import stage_runs


def admit(database: Database, stage_run_id: int) -> Outcome:
    """Give the stage run its inputs and lanes, or skip it and open the next."""
    now = database.now()
    with database.transaction() as session:
        admission = stage_runs.admit(session, stage_run_id, now=now, resend_seconds=config().resend_seconds)
    return GoOn() if admission.goes_on else Cut(send=admission.send)


def batch(database: Database, stage_run_id: int, number: int, ticket: int) -> Outcome:
    """Work on a lane for one slice. A lane that is held, or another ticket, is left alone: the message was a copy."""
    now = database.now()
    with database.transaction() as session:
        grip = lanes.take(session, stage_run_id, number, ticket=ticket, now=now)
        if grip is None:
            return GoOn()
        context = load_context(session, stage_run_id)
        if ticket:  # the first holder of a lane has none before it.
            recovery.recover(session, context, grip, now=now)
    kind = LocalSlice if context.definition.calls is Calls.LOCAL else AskingSlice
    return kind(database, context, grip).run()


def finish(database: Database, stage_run_id: int) -> Outcome:
    """Close the stage run once its lanes are closed, and open the next."""
    now = database.now()
    with database.transaction() as session:
        send = stage_runs.finish(session, stage_run_id, now=now, resend_seconds=config().resend_seconds)
    return Cut(send=send)
