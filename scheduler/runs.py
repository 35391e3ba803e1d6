"""Owns the duty of schedules: due sites -> runs, and the first stage of each -> the queue.

Never: decides whether a run starts; `pipeline.services.schedules` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline import failpoints
from pipeline.db.collisions import CollisionError
from pipeline.db.session import DATABASE_AWAY
from pipeline.engine.dispatch import Chain
from pipeline.logs import get_logger
from pipeline.models import StageRun
from pipeline.models.selecting import is_one_of
from pipeline.services import schedules
from pipeline.services.schedules import Due
from scheduler.duty import Context
from scheduler.sending import Message

#: Most schedules in one transaction, and in a tick: what is left is due at once.
SITES_A_TICK: Final = 300
_log = get_logger(__name__)


def start_due_runs(context: Context) -> datetime | None:
    """Start what is due; the next due instant. A run that is not sent is due again soon."""
    with context.database.reading() as session:
        following = schedules.next_due(session, now=context.now)
    if following is None or following > context.now:
        return following
    chains = [chain for queued in (False, True) for chain in _start_due(context, queued=queued)]
    failpoints.hit("runs.committed")
    if chains and context.sender.may_send:
        context.sender.send([message_of(chain) for chain in chains])
    with context.database.reading() as session:
        return schedules.next_due(session, now=context.now)


def message_of(chain: Chain) -> Message:
    """A stage run's chain as one message, its later links beside it."""
    first, *rest = chain.links()
    return Message(first.task, first.args, options={"chain": list(reversed(rest))})


def _start_due(context: Context, *, queued: bool) -> list[Chain]:
    """What is to be sent, committed. Where the sites cannot be started together, they are one by one."""
    try:
        with context.database.transaction() as session:
            started = schedules.start_chunk(session, queued=queued, now=context.now, limit=SITES_A_TICK)
            return _chains(session, started)
    except Exception as error:
        if isinstance(error, DATABASE_AWAY) and not isinstance(error, CollisionError):
            raise
        _log.warning("runs_not_started_together", error=str(error).partition("\n")[0])
    with context.database.reading() as session:
        entries = schedules.due(session, queued=queued, now=context.now, limit=SITES_A_TICK)
    return [chain for entry in entries for chain in _start_alone(context, entry)]


def _start_alone(context: Context, entry: Due) -> list[Chain]:
    """The same for one site. A fault of it keeps no other waiting."""
    try:
        with context.database.transaction() as session:
            stage_run_id = schedules.start_due(session, entry, now=context.now)
            return [] if stage_run_id is None else _chains(session, [stage_run_id])
    except CollisionError:
        _log.warning("run_met_another_change", site_id=entry.site_id)  # It is due still.
    except DATABASE_AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one site, the others are due
        _log.exception("run_not_started", site_id=entry.site_id)
        _set_aside(context, entry, error)
    return []


def _set_aside(context: Context, entry: Due, fault: Exception) -> None:
    """See that what could not be started is not due any more; a row that allows not even that is due later."""
    reason = f"it could not be started ({type(fault).__name__}); the log of beat says more"
    try:
        with context.database.transaction() as session:
            schedules.set_aside(session, entry, reason=reason, now=context.now)
    except DATABASE_AWAY:
        raise
    except Exception:  # noqa: BLE001 - the same
        _log.exception("run_not_set_aside", site_id=entry.site_id)
        with context.database.transaction() as session:
            schedules.postpone(session, entry, now=context.now)


def _chains(session: Session, stage_run_ids: Sequence[int]) -> list[Chain]:
    query = (
        select(StageRun.id, StageRun.key).where(is_one_of(session, StageRun.id, stage_run_ids)).order_by(StageRun.id)
    )
    return [Chain(stage_run_id, key, admitted=False) for stage_run_id, key in session.execute(query)]
