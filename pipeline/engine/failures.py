"""Owns what follows from a call without an answer, from a refused hold, from a useless answer."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from pipeline.ai.port import (
    KeyRefusedError,
    NoAdapterError,
    OutcomeUnknownError,
    QuotaExhaustedError,
    RequestRefusedError,
    RetryableError,
)
from pipeline.config import config
from pipeline.core.errors import PipelineError
from pipeline.core.money import shown
from pipeline.core.states import StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import items as stage_items
from pipeline.engine import recovery
from pipeline.engine.gateway import Answered, CallFailed
from pipeline.engine.items import Item
from pipeline.engine.media_space import REMEDY, ImageLostError, NoSpaceError, NotKeptError
from pipeline.engine.outcomes import Outcome
from pipeline.engine.pace import OverPaceError
from pipeline.engine.slices import Slice
from pipeline.services import credits as ledger
from pipeline.services import providers
from pipeline.services.credits import Refusal, Refused

#: When it is looked again whether there is room for images.
_FULL_SECONDS = 10.0
#: How long a provider that is down and names no time is left alone.
_DOWN_SECONDS = 30.0
#: How late a busy installation may ask, at most: whoever asks later was not there.
_LATE = timedelta(minutes=1)
#: By how much of its wait a lane comes later than it may, at most.
_JITTER_MOST = 0.1


def resolve(lane: Slice, session: Session, items: list[Item], failed: CallFailed, *, now: datetime) -> Outcome | None:
    """Resolve the call and decide about its items. None: the lane goes on with what comes next."""
    error, context = failed.error, lane.context
    # Items and subjects before the call: with it the account is locked, which comes last.
    if isinstance(error, OutcomeUnknownError):
        recovery.give_back(session, context, items, error=error.message)
        ledger.lose(session, failed.call, error=error.message, now=now)
        return None
    if isinstance(error, RequestRefusedError):
        recovery.refuse(session, context, items, reason=error.message)
        ledger.void(session, failed.call, error=error.message, now=now)
        return None
    stage_items.release(session, context.stage_run_id, items)
    if isinstance(error, ImageLostError):
        ledger.settle(session, failed.call, error.settlement, now=now)
    else:
        ledger.void(session, failed.call, error=error.message, now=now)
    return barred(lane, session, error, now=now, not_before=failed.not_before)


def barred(
    lane: Slice, session: Session, error: PipelineError, *, now: datetime, not_before: datetime | None = None
) -> Outcome:
    """What becomes of a lane that may not ask now, its items released: the stage ends, or it waits.

    `not_before`: until when the breaker is open; None: it is not.
    """
    if isinstance(error, NoSpaceError):
        return _no_room(lane, session, error, now=now)
    if isinstance(error, OverPaceError):
        return _over_pace(lane, session, error, now=now)
    if isinstance(error, NotKeptError):
        # The next one would be paid for in vain too: that this machine is full is for a person, not for a wait.
        recovery.end_early(session, lane.context.stage_run_id, StageRunStatus.FAILED, error.message)
        return lane.close_lane(session, now=now)
    if isinstance(error, NoAdapterError | KeyRefusedError | QuotaExhaustedError):
        reason = f"{error.message.removesuffix('.')}. {_remedy(_provider(lane), error)}".rstrip()
        recovery.end_early(session, lane.context.stage_run_id, StageRunStatus.FAILED, reason)
        return lane.close_lane(session, now=now)
    asked = error.retry_after_seconds if isinstance(error, RetryableError) else None
    seconds = asked or _DOWN_SECONDS
    if not_before is not None:
        seconds = max(seconds, (not_before - now).total_seconds())
    return _provider_down(lane, session, wait_seconds=seconds * (1 + _jitter()), said=error.message, now=now)


def _over_pace(lane: Slice, session: Session, error: OverPaceError, *, now: datetime) -> Outcome:
    """Seconds are the pace at work; a long wait is told, and is not waited for ever."""
    seconds = (error.until - now).total_seconds()
    if seconds <= providers.LONG_PACE_WAIT.total_seconds():
        return lane.wait_until(session, max(error.until, now))
    return _provider_down(lane, session, wait_seconds=seconds, said=error.message, now=now)


def _no_room(lane: Slice, session: Session, error: NoSpaceError, *, now: datetime) -> Outcome:
    """Nothing was spent, and nothing is until there is room; a disk that stays full for too long ends the stage."""
    since = _down_since(lane, session, now)
    given_up_at = since + timedelta(seconds=config().provider_wait_max_seconds)
    if now >= given_up_at:
        reason = f"{error.message}. {REMEDY}"
        recovery.end_early(session, lane.context.stage_run_id, StageRunStatus.FAILED, reason)
        return lane.close_lane(session, now=now)
    recovery.note_outage(session, lane.context.stage_run_id, since=since, reason=f"waiting: {error.message}")
    return lane.wait_until(session, min(now + timedelta(seconds=_FULL_SECONDS), given_up_at))


def _remedy(provider: str, error: PipelineError) -> str:
    """What a person does about a provider that wants another key, or money."""
    if isinstance(error, KeyRefusedError):
        command = f"igny8 providers set {provider} --api-key-stdin"
        return f"Give {provider} a key that it accepts ({command}, or PUT /api/v1/providers), then run again."
    if isinstance(error, QuotaExhaustedError):
        return f"See the billing page of {provider}; once there are funds, run again."
    return ""


def _provider(lane: Slice) -> str:
    return "the provider" if lane.context.price is None else lane.context.price.provider


def _jitter() -> float:
    """A little more than nothing: lanes that wait for the same instant do not all come at once."""
    return random.random() * _JITTER_MOST  # noqa: S311 - it spreads load and guards nothing


def _provider_down(lane: Slice, session: Session, *, wait_seconds: float, said: str, now: datetime) -> Outcome:
    """The items wait without an attempt; a provider that stays down for too long ends the stage."""
    most = timedelta(seconds=config().provider_wait_max_seconds)
    since = _down_since(lane, session, now)
    if now >= since + most:
        since = recovery.asked_since(session, lane.context.stage_run_id, since=since, silence=most + _LATE)
    given_up_at = since + most
    if now >= given_up_at:
        reason = f"{_provider(lane)} has not answered since {since:%d %b %H:%M} UTC ({said})"
        recovery.end_early(session, lane.context.stage_run_id, StageRunStatus.PROVIDER_UNAVAILABLE, reason)
        return lane.close_lane(session, now=now)
    recovery.note_outage(session, lane.context.stage_run_id, since=since, reason=f"waiting: {said}")
    return lane.wait_until(session, min(now + timedelta(seconds=wait_seconds), given_up_at))


def _down_since(lane: Slice, session: Session, now: datetime) -> datetime:
    return recovery.outage_since(session, lane.context.stage_run_id) or now


def note_late_answer(database: Database, answered: Answered) -> None:
    """The lane was taken while the provider thought: the answer is nobody's, its cost is ours."""
    call, settlement = answered.call, answered.settlement
    if call is not None and settlement is not None:
        with database.transaction() as session:
            ledger.answered_late(session, call, settlement)


def ending_of(refused: Refused) -> tuple[StageRunStatus, str] | None:
    """The early end a refused hold means, with what was needed and what there was; None: it only has to wait."""
    if refused.why is Refusal.WAIT:
        return None
    needs = f"the next call needs up to {shown(refused.needed_ucr)} credits, {shown(max(0, refused.room_ucr))} are left"
    if refused.why is Refusal.BUDGET_EXHAUSTED:
        return StageRunStatus.BUDGET_EXHAUSTED, f"{needs} of this stage's budget"
    return StageRunStatus.ACCOUNT_EXHAUSTED, f"{needs} on the account"
