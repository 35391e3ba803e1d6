"""Owns the duty of schedules: due sites -> runs, and the first stage of each -> the queue.

Never: decides whether a run starts; `pipeline.services.schedules` does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from pipeline.engine.dispatch import Message as Chain
from pipeline.logs import get_logger
from pipeline.models import StageRun
from pipeline.services import schedules
from pipeline.services.schedules import Due
from scheduler.duty import Context
from scheduler.sending import Message

SITES_A_TICK: Final = 300
_log = get_logger(__name__)
_DATABASE_AWAY: Final = (OperationalError, InterfaceError, PoolTimeoutError)


def start_due_runs(context: Context) -> datetime | None:
    """Start what is due, one transaction a site; the next due instant. A run that is not sent is due again soon."""
    with context.database.reading() as session:
        entries = schedules.due(session, now=context.now, limit=SITES_A_TICK)
        following = schedules.next_due(session)
    if not entries:
        return following
    for entry in entries:
        chain = _started(context, entry)
        if chain is not None and context.sender.may_send:
            context.sender.send([message_of(chain)])
    with context.database.reading() as session:
        return schedules.next_due(session)


def message_of(chain: Chain) -> Message:
    """A stage run's chain as one message, its later links beside it."""
    first, *rest = chain.links()
    return Message(first.task, first.args, options={"chain": list(reversed(rest))})


def _started(context: Context, entry: Due) -> Chain | None:
    """What is to be sent of one site, committed. A fault of one site keeps no other waiting."""
    try:
        with context.database.transaction() as session:
            stage_run_id = schedules.start_due(session, entry, now=context.now)
            row = None if stage_run_id is None else session.get_one(StageRun, stage_run_id)
        return None if row is None else Chain(row.id, row.key, admitted=False)
    except _DATABASE_AWAY:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one site, the others are due
        _log.exception("run_not_started", site_id=entry.site_id)
        with context.database.transaction() as session:
            reason = f"it could not be started ({type(error).__name__}); the log of beat says more"
            schedules.set_aside(session, entry, reason=reason, now=context.now)
        return None
