"""Owns what becomes of work that went wrong: a dead holder's items, an item given up, a stage that ends early."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import structlog
from sqlalchemy import case, literal, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline.core.states import StageRunStatus
from pipeline.engine import items as stage_items
from pipeline.engine.contexts import StageContext
from pipeline.engine.items import Item
from pipeline.engine.lanes import Grip
from pipeline.models import AiCall, StageRun
from pipeline.services import credits as ledger

_log = structlog.get_logger()

#: Why an item is skipped whose subject does not wait for the stage any more.
GONE: Final = "it was no longer waiting"


def recover(session: Session, context: StageContext, grip: Grip, *, now: datetime) -> None:
    """The lane's last holder is gone: resolve its open calls, give its items back with an attempt or a strike."""
    left = stage_items.leased_by(session, grip.stage_run_id, grip.lane)
    if left:
        give_back(session, context, left, error="its worker was gone")
    calls = ledger.resolve_open_calls(session, stage_run_id=grip.stage_run_id, lane=grip.lane, now=now)
    if left:
        _log.warning("lane.recovered", stage_run_id=grip.stage_run_id, lane=grip.lane, items=len(left), calls=calls)


def give_back(session: Session, context: StageContext, items: Sequence[Item], *, error: str) -> None:
    """Another try for these items; one that has none left is given up."""
    last = stage_items.give_back(session, context.stage_run_id, items, error=error)
    if last is not None:
        give_up(session, context, last, reason=error, attempts=last.attempts + 1)


def refuse(session: Session, context: StageContext, items: Sequence[Item], *, reason: str) -> None:
    """An answer to these was of no use, repair included: a batch becomes two, an item alone fails."""
    if len(items) > 1:
        stage_items.split(session, context.stage_run_id, items, error=reason)
    else:
        give_up(session, context, items[0], reason=reason, attempts=items[0].attempts + 1)


def give_up(session: Session, context: StageContext, item: Item, *, reason: str, attempts: int) -> None:
    """The item failed; its stage says what becomes of the subject. One that moved on meanwhile is left alone."""
    if not context.still_waiting(session, [item.subject_id], lock=True):
        stage_items.skip(session, context.stage_run_id, [item], reason=GONE)
        return
    try:
        with session.begin_nested():
            context.stage.give_up(session, session.get_one(context.stage.subject, item.subject_id), reason)
    except OperationalError:
        raise
    except Exception:  # noqa: BLE001 - the item fails all the same: else its lane would be taken over for ever
        _log.exception("stage.could_not_give_up", stage_run_id=context.stage_run_id, subject_id=item.subject_id)
    stage_items.fail(session, context.stage_run_id, item, error=reason, attempts=attempts)


def end_early(session: Session, stage_run_id: int, status: StageRunStatus, reason: str) -> None:
    """Decide the stage run's end: every lane that reads it closes instead of claiming. The first decision stands."""
    session.execute(
        update(StageRun)
        .where(StageRun.id == stage_run_id, StageRun.ending.is_(None))
        .values(ending=status, reason=reason)
    )


def outage_since(session: Session, stage_run_id: int) -> datetime | None:
    """Since when the provider has been down for the stage; None: it answered last."""
    return session.scalar(select(StageRun.unavailable_since).where(StageRun.id == stage_run_id))


def asked_since(session: Session, stage_run_id: int, *, since: datetime, silence: timedelta) -> datetime:
    """`since`, or the first call after the last `silence`: then nobody asked, which is no outage of the provider's."""
    calls = select(AiCall.created_at).where(AiCall.stage_run_id == stage_run_id, AiCall.created_at > since)
    instants = [since, *session.scalars(calls.order_by(AiCall.created_at))]
    return next((then for before, then in reversed([*pairwise(instants)]) if then - before > silence), since)


def note_outage(session: Session, stage_run_id: int, *, since: datetime | None, reason: str | None = None) -> None:
    """Remember since when the provider has been down, and why, or (None) that it answers again."""
    told = case((StageRun.ending.is_(None), literal(reason)), else_=StageRun.reason)
    values = {"unavailable_since": since, "reason": told}
    session.execute(update(StageRun).where(StageRun.id == stage_run_id).values(values))
