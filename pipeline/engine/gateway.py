"""Owns the metered call: hold first, then the wire, then an answer that can be settled. No price, no call.

tenacity waits seconds here, around hold and send; anything longer gives the item back.
Never: a transaction open during a call.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import tenacity
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.ai.port import (
    ImageRequest,
    KeyRefusedError,
    NoAdapterError,
    OutcomeUnknownError,
    Provider,
    QuotaExhaustedError,
    RequestRefusedError,
    ThrottledError,
    UnavailableError,
)
from pipeline.config import config
from pipeline.core.errors import PipelineError
from pipeline.core.states import CallStatus
from pipeline.engine import gates
from pipeline.engine.contexts import StageContext
from pipeline.engine.gates import Gate
from pipeline.engine.gates import adapter as _adapter
from pipeline.engine.lanes import Grip
from pipeline.engine.media import ImageRejectedError, MediaStore
from pipeline.engine.questions import Prepared, image_settlement, settlement_of
from pipeline.models import AiCall
from pipeline.services import credits as ledger
from pipeline.services.credits import CallHandle, Held, Refused, Settlement

_SHORT_WAIT_SECONDS = 5.0
_WIRE_ATTEMPTS = 3


@dataclass(frozen=True)
class Dispatched:
    """A call whose hold is committed: it may be sent."""

    prepared: Prepared
    call: CallHandle
    gate: Gate


@dataclass(frozen=True)
class Barred:
    """A question that may not be asked now, whatever it would cost: nothing was held."""

    error: PipelineError


@dataclass(frozen=True)
class Stored:
    """An answer that was paid for before: it is not asked for again."""

    prepared: Prepared
    answer: str


@dataclass(frozen=True)
class Answered:
    """What a call brought: the answer, and how to settle it (None: it was settled before)."""

    answer: str
    call: CallHandle | None
    settlement: Settlement | None

    @property
    def charge_ucr(self) -> int:
        """What the answer costs the customer, never more than was held: nothing where it was settled before."""
        if self.call is None or self.settlement is None:
            return 0
        return min(self.settlement.charge_ucr, self.call.held_ucr)


@dataclass(frozen=True)
class Settling:
    """A call that was answered, and what is to be stored and charged for it."""

    call: CallHandle
    settlement: Settlement


class CallFailed(Exception):  # noqa: N818 - an outcome of a call, answered by the executor
    """No answer came; `call` is still open and `error` says what the provider or the wire said."""

    def __init__(self, call: CallHandle, error: PipelineError) -> None:
        super().__init__(error.message)
        self.call = call
        self.error = error


class _AgainSoon(Exception):  # noqa: N818 - tells tenacity to hold and send once more
    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


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
    barred = gates.refusal(gate)
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


def ask(dispatched: Dispatched, *, again: Callable[[Dispatched, PipelineError], Dispatched | None]) -> Answered:
    """Send, and send again after waits of seconds; `again` voids the failed call and holds for the next, committed.

    CallFailed where no answer came: what the error is decides what becomes of the items.
    """
    current = dispatched
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(_WIRE_ATTEMPTS),
        wait=_asked_wait,
        retry=tenacity.retry_if_exception_type(_AgainSoon),
        reraise=True,
    )
    failed: CallFailed | None = None
    try:
        for attempt in retrying:
            with attempt:
                if failed is not None:
                    renewed = again(current, failed.error)
                    if renewed is None:
                        raise failed
                    current = renewed
                try:
                    return _send(current)
                except CallFailed as problem:
                    failed = problem
                    _retry_soon(problem)
                    raise
    except _AgainSoon:
        assert failed is not None  # noqa: S101 - it is raised after a failure only
        raise failed from None
    raise AssertionError("tenacity ended without an outcome")  # pragma: no cover - reraise=True


def _retry_soon(problem: CallFailed) -> None:
    """Raise _AgainSoon for what a wait of seconds may cure."""
    error = problem.error
    if isinstance(error, ThrottledError | UnavailableError):
        wait = error.retry_after_seconds
        if wait is not None and wait <= _SHORT_WAIT_SECONDS:
            raise _AgainSoon(wait) from None


def _asked_wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.seconds if isinstance(error, _AgainSoon) else 0.0


def _send(dispatched: Dispatched) -> Answered:
    prepared = dispatched.prepared
    try:
        adapter = _adapter(prepared.price.provider, dispatched.gate.record)
        if isinstance(prepared.request, ImageRequest):
            return _draw(dispatched, adapter, prepared.request)
        reply = adapter.complete_text(prepared.request)
    except (
        RequestRefusedError,
        NoAdapterError,
        KeyRefusedError,
        QuotaExhaustedError,
        ThrottledError,
        UnavailableError,
        OutcomeUnknownError,
    ) as error:
        raise CallFailed(dispatched.call, error) from None
    settlement = settlement_of(prepared, reply)
    return Answered(settlement.answer, dispatched.call, settlement)


def _draw(dispatched: Dispatched, adapter: Provider, request: ImageRequest) -> Answered:
    reply = adapter.draw_image(request)
    try:
        kept = MediaStore(config().home / "media").store(reply.data)
        answer = json.dumps({"sha256": kept.sha256, "mime": kept.mime, "width": kept.width, "height": kept.height})
    except ImageRejectedError as error:
        answer = json.dumps({"rejected": error.message})
    settlement = image_settlement(dispatched.prepared, answer, reply.cost_picodollars)
    return Answered(answer, dispatched.call, settlement)
