"""Owns the log line and the span of one wire attempt: whom it asked, what it used and cost.

Never: what was asked, what was answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from pipeline import tracing
from pipeline.ai.port import ImageRequest
from pipeline.core.money import PICODOLLARS_PER_DOLLAR, UCR_PER_CREDIT
from pipeline.engine.calls import Answered, CallFailed, Dispatched

_log = structlog.get_logger()


def told(dispatched: Dispatched, send: Callable[[Dispatched], Answered]) -> Answered:
    """Send within a span; its names are those of OpenTelemetry's conventions for models, where there are some."""
    target = dispatched.gate.target
    named = {"call_id": dispatched.call.id, "provider": target.provider, "model": target.model}
    attributes = _asked(dispatched) if tracing.is_on() else None
    with tracing.span(f"call {target.model}", kind="client", attributes=attributes) as span:
        try:
            answered = send(dispatched)
        except CallFailed as failed:
            # By its kind: what the provider said may hold what it was asked.
            kind = type(failed.error).__name__
            _log.warning("call.failed", error=kind, **named)
            span.fail(kind)
            raise
        _log.info("call.answered", tokens=answered.tokens, credits=answered.charge_ucr / UCR_PER_CREDIT, **named)
        if attributes is not None:
            span.set(_used(answered))
        return answered


def _asked(dispatched: Dispatched) -> Mapping[str, str | int | bool]:
    target, prepared = dispatched.gate.target, dispatched.prepared
    return {
        "gen_ai.operation.name": "generate_content" if isinstance(prepared.request, ImageRequest) else "chat",
        "gen_ai.provider.name": target.provider,
        "gen_ai.request.model": target.model,
        "igny8.call_id": dispatched.call.id,
        "igny8.step": prepared.step.value,
        "igny8.is_testing": prepared.price.testing,
    }


def _used(answered: Answered) -> Mapping[str, int | float]:
    used = answered.settlement
    if used is None:
        return {}
    tokens = {"gen_ai.usage.input_tokens": used.input_tokens, "gen_ai.usage.output_tokens": used.output_tokens}
    return {
        **{name: number for name, number in tokens.items() if number is not None},
        "igny8.cost_usd": used.cost_picodollars / PICODOLLARS_PER_DOLLAR,
        "igny8.credits": answered.charge_ucr / UCR_PER_CREDIT,
    }
