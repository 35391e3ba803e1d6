"""Owns one wire attempt: by the provider's gate, to its adapter, to what its answer costs.

Never: a second attempt; a hold.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Final

import structlog

from pipeline import failpoints
from pipeline.ai.port import ImageReply, ImageRequest, OutcomeUnknownError, Provider, ProviderError
from pipeline.db.session import Database
from pipeline.engine import call_traces, gates, media_space
from pipeline.engine.breaker import BreakerOpenError
from pipeline.engine.calls import Answered, CallFailed, Dispatched
from pipeline.engine.media import ImageRejectedError, MediaStore
from pipeline.engine.media_space import ImageLostError, NoSpaceError, NotKeptError, Space
from pipeline.engine.pace import OverPaceError
from pipeline.engine.questions import Prepared
from pipeline.engine.settlements import image_settlement, settlement_of
from pipeline.engine.slices import stopping

_BYTES_PER_TOKEN: Final = 4
_log = structlog.get_logger()


def nap(seconds: float) -> None:
    """Wait, though not when the process is asked to stop."""
    stopping.wait(seconds)


def attempt(database: Database, dispatched: Dispatched) -> Answered:
    """One wire attempt, by the gate. CallFailed says of the breaker too.

    An image is asked for once there is space to keep it.
    """
    if not isinstance(dispatched.prepared.request, ImageRequest):
        return _attempt(database, dispatched, None)
    try:
        with media_space.taken(media_space.media()) as space:
            return _attempt(database, dispatched, space)
    except NoSpaceError as error:
        raise CallFailed(dispatched.call, error) from None


def _attempt(database: Database, dispatched: Dispatched, space: Space | None) -> Answered:
    gate, tokens = dispatched.gate, likely_tokens(dispatched.prepared)
    probing = _enter(database, dispatched, tokens)
    try:
        answered = call_traces.told(dispatched, partial(_send, space=space))
    except CallFailed as problem:
        problem.not_before = gates.note_error(database, gate, problem.error, probing=probing, taken=tokens)
        raise
    failpoints.hit("call.answered")
    used = None if answered.tokens is None else min(answered.tokens, most_tokens(dispatched.prepared))
    gates.note_answer(database, gate, taken=tokens, used=used)
    return answered


def _enter(database: Database, dispatched: Dispatched, tokens: int) -> bool:
    """Wait for the call's place and go through; whether it tries a half-open breaker. CallFailed: it is not sent."""
    gate = dispatched.gate
    try:
        wait = gates.take_place(database, gate, tokens=tokens)
    except OverPaceError as error:
        raise CallFailed(dispatched.call, error) from None
    try:
        if wait:
            nap(wait)
            _refuse_to_hurry(database, dispatched)
        return gates.enter(database, gate)
    except (OverPaceError, BreakerOpenError) as error:
        gates.note_tokens(database, gate, taken=tokens, used=0)
        raise CallFailed(dispatched.call, error) from None


def _refuse_to_hurry(database: Database, dispatched: Dispatched) -> None:
    """A wait that was cut short by the end of the process ends without a call."""
    if stopping.is_set():
        raise OverPaceError(dispatched.gate.target.provider, database.now())


def likely_tokens(prepared: Prepared) -> int:
    """What providers are likely to count for a question before they have answered it."""
    if isinstance(prepared.request, ImageRequest):
        return 0
    return -(-prepared.prompt_tokens // _BYTES_PER_TOKEN) + prepared.request.max_output_tokens


def most_tokens(prepared: Prepared) -> int:
    """What a question can take at most, whatever its provider says: nobody else waits for more than that."""
    if isinstance(prepared.request, ImageRequest):
        return 0
    return prepared.prompt_tokens + prepared.request.max_output_tokens


def _send(dispatched: Dispatched, space: Space | None) -> Answered:
    prepared, gate = dispatched.prepared, dispatched.gate
    try:
        adapter = gates.adapter(gate.target.provider, gate.record)
        failpoints.hit("call.sending")
        if isinstance(prepared.request, ImageRequest):
            return _draw(dispatched, adapter, prepared.request, space)
        reply = adapter.complete_text(prepared.request)
    except (ProviderError, NotKeptError) as error:
        raise CallFailed(dispatched.call, error) from None
    except Exception as error:
        # An adapter reports nothing else. Where one does all the same, nobody knows what became of the request.
        _log.exception("wire.adapter_broke", provider=gate.target.provider, model=gate.target.model)
        raise CallFailed(dispatched.call, OutcomeUnknownError(f"the adapter broke: {type(error).__name__}")) from error
    settlement = settlement_of(prepared, reply)
    return Answered(settlement.answer, dispatched.call, settlement)


def _draw(dispatched: Dispatched, adapter: Provider, request: ImageRequest, space: Space | None) -> Answered:
    reply = adapter.draw_image(request)
    if space is not None:
        space.give_back()
    try:
        kept = MediaStore(media_space.media()).store(reply.data)
        failpoints.hit("image.stored")
        answer = json.dumps({"sha256": kept.sha256, "mime": kept.mime, "width": kept.width, "height": kept.height})
    except ImageRejectedError as error:
        answer = json.dumps({"rejected": error.message})
    except OSError as error:
        raise _lost(dispatched, reply, error) from None
    settlement = image_settlement(dispatched.prepared, answer, reply.cost_picodollars)
    return Answered(answer, dispatched.call, settlement)


def _lost(dispatched: Dispatched, reply: ImageReply, error: OSError) -> ImageLostError:
    """It was drawn and billed; that it cannot be kept here is nothing a customer pays for."""
    _log.error("wire.image_not_kept", model=dispatched.gate.target.model, error=error.strerror)
    answer = json.dumps({"rejected": f"the image could not be kept here: {error.strerror}"})
    settlement = image_settlement(dispatched.prepared, answer, reply.cost_picodollars)
    return ImageLostError(error, replace(settlement, charge_ucr=0).wasted)
