"""Owns the metered call: hold first, then the wire, then an answer that can be settled. No price, no call.

tenacity waits seconds here, around hold and send; anything longer gives the item back. Every wire attempt goes by the
provider's gate: its pace, its breaker.
Never: a transaction open during a call.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import tenacity
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.ai.port import RetryableError
from pipeline.config import config
from pipeline.core.errors import PipelineError
from pipeline.core.states import CallStatus
from pipeline.db.session import Database
from pipeline.engine import gates, wire
from pipeline.engine.breaker import BreakerOpenError
from pipeline.engine.calls import Answered, Barred, CallFailed, Dispatched, Settling, Stored
from pipeline.engine.contexts import StageContext
from pipeline.engine.lanes import Grip
from pipeline.engine.questions import Prepared
from pipeline.models import AiCall
from pipeline.services import credits as ledger
from pipeline.services.credits import Held, Refused

__all__ = [
    "Answered", "Barred", "CallFailed", "Dispatched", "Settling", "Stored", "ask", "reserve", "stored_answer",
]  # fmt: skip

#: About half a second, then one; and how much longer than asked for a provider is left alone.
_GROWING: Final = tenacity.wait_exponential(multiplier=0.5) + tenacity.wait_random(0, 0.5)
_JITTER: Final = tenacity.wait_random(0, 0.1)


def stored_answer(session: Session, prepared: Prepared) -> str | None:
    """The answer stored under the same key, if any."""
    query = select(AiCall.answer).where(AiCall.key == prepared.key, AiCall.status == CallStatus.SETTLED)
    return session.scalar(query)


def reserve(
    session: Session,
    context: StageContext,
    grip: Grip,
    prepared: Prepared,
    *,
    now: datetime,
    last: Settling | None = None,
) -> Dispatched | Refused | Barred:
    """Hold the worst case and write the call as dispatched: the commit of this transaction is what permits the send.

    `last` is settled first, whatever becomes of the hold.
    """
    gate = gates.look(session, prepared.price)
    barred = gates.bar(gate, now=now)
    if barred is not None:
        if last is not None:
            ledger.settle(session, last.call, last.settlement, now=now)
        return Barred(barred)
    if last is not None:
        row = _call_row(context, grip, prepared, held_ucr=prepared.full_ucr, now=now)
        call = ledger.settle_and_open(session, last.call, last.settlement, row, now=now)
        if call is not None:
            return Dispatched(prepared, call, gate)
    held = ledger.hold(
        session,
        account_id=context.account_id,
        stage_run_id=context.stage_run_id,
        full_ucr=prepared.full_ucr,
        least_ucr=prepared.least_ucr,
    )
    if not isinstance(held, Held):
        return held
    fitted = prepared.shortened_to(held.amount_ucr)
    call = ledger.open_call(session, _call_row(context, grip, fitted, held_ucr=held.amount_ucr, now=now))
    return Dispatched(fitted, call, gate)


def _call_row(context: StageContext, grip: Grip, prepared: Prepared, *, held_ucr: int, now: datetime) -> dict[str, Any]:
    return {
        "account_id": context.account_id,
        "stage_run_id": context.stage_run_id,
        "key": prepared.key,
        "step": prepared.step.value,
        "lane": grip.lane,
        "status": CallStatus.DISPATCHED,
        "held_amount": held_ucr,
        "charged_amount": 0,
        "cost_picodollars": 0,
        "price": prepared.price.as_json(),
        "model": prepared.price.model,
        "is_testing": prepared.price.testing,
        "credit_value_microdollars": prepared.price.credit_value_microdollars,
        "parameters": prepared.parameters,
        "flags": [],
        "created_at": now,
    }


def ask(
    database: Database, dispatched: Dispatched, *, again: Callable[[Dispatched, PipelineError], Dispatched | None]
) -> Answered:
    """Send, and send again after waits of seconds; `again` voids the failed call and holds for the next, committed.

    CallFailed where no answer came: what the error is decides what becomes of the items.
    """
    current = dispatched
    failed: CallFailed | None = None
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(config().call_attempts),
        wait=_pause,
        retry=tenacity.retry_if_exception(_is_worth_another),
        sleep=wire.nap,
        reraise=True,
    )
    for attempt in retrying:
        with attempt:
            if failed is not None:
                renewed = again(current, failed.error)
                if renewed is None:
                    failed.is_final = True
                    raise failed
                current = renewed
            try:
                return wire.attempt(database, current)
            except CallFailed as problem:
                failed = problem
                raise
    raise AssertionError("tenacity ended without an outcome")  # pragma: no cover - reraise=True


def _is_worth_another(problem: BaseException) -> bool:
    """Whether a wait of seconds may cure it: the provider is busy or down, names no longer wait, is not left alone."""
    if not isinstance(problem, CallFailed) or problem.is_final or problem.not_before:
        return False
    error = problem.error
    if isinstance(error, BreakerOpenError) or not isinstance(error, RetryableError):
        return False
    return (error.retry_after_seconds or 0.0) <= config().call_wait_seconds


def _pause(state: tenacity.RetryCallState) -> float:
    """What the provider asks for and a little more; else a second, then two: never all lanes at the same instant."""
    problem = state.outcome.exception() if state.outcome else None
    error = problem.error if isinstance(problem, CallFailed) else None
    asked = error.retry_after_seconds if isinstance(error, RetryableError) else None
    # No wait at all is none that anybody asks for: a date that has passed, say.
    return asked * (1 + _JITTER(state)) if asked else min(_GROWING(state), config().call_wait_seconds)
