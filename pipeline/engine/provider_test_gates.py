"""Owns how a provider's test goes by what stands before its provider: within the pace, and through an open breaker.

A test is what a person does about a breaker. So an open one does not stop it: the test is the one call that is tried,
before its time too. What it brings counts like that of any call: an answer closes the breaker, a failure keeps it open.
Never: waits longer for the pace than a worker would; two calls tried at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from pipeline.ai.port import ProviderError
from pipeline.core.errors import ConflictError
from pipeline.core.pricing import Price
from pipeline.db.session import Database
from pipeline.engine import gates, pace, wire
from pipeline.engine.breaker import BreakerOpenError
from pipeline.engine.gates import Gate
from pipeline.engine.pace import OverPaceError
from pipeline.engine.questions import Prepared

CLOSED_AGAIN: Final = "runs ask {model} again: it was left alone after {failures} failed calls"
_OVER_PACE: Final = (
    "{provider} is asked as often as its pace allows: there is no room for a test before {until:%H:%M:%S} UTC. Test "
    "again then, or give it another pace: igny8 providers set {provider} --requests-per-minute N --tokens-per-minute N"
)
_BEING_TRIED: Final = (
    "{provider} is being tried with another call for {model}, after {failures} that failed in a row. How that ends "
    "shows igny8 providers list, at the latest at {until:%H:%M:%S} UTC; test again then."
)


@dataclass(frozen=True)
class Passage:
    """The way of one test to the wire and back."""

    gate: Gate
    tokens: int
    #: Whether it is the one call that is tried on an open breaker.
    probing: bool


def look(session: Session, price: Price, *, now: datetime) -> Gate:
    """What stands before a test at that price. ConflictError: none may be made now, with when one may."""
    gate = gates.look(session, price)
    over = pace.bar(gate.pace, now=now)
    if over is not None:
        raise ConflictError(_over_pace(over, gate))
    state = gate.state
    if state is not None and state.is_open and state.probing_until is not None and state.probing_until > now:
        raise ConflictError(
            _BEING_TRIED.format(
                provider=price.provider, model=price.model, failures=state.failures, until=state.probing_until
            )
        )
    return gate


def enter(database: Database, gate: Gate, prepared: Prepared) -> Passage:
    """Wait for the test's place and go through. OverPaceError, BreakerOpenError: others were faster, it is not sent."""
    tokens = wire.likely_tokens(prepared)
    wait = gates.take_place(database, gate, tokens=tokens)
    if wait:
        wire.nap(wait)
    try:
        return Passage(gate, tokens, gates.enter(database, gate, early=True))
    except BreakerOpenError:
        gates.note_tokens(database, gate, taken=tokens, used=0)
        raise


def answered(database: Database, passage: Passage, prepared: Prepared, *, used: int | None) -> None:
    """The provider answered, with so many tokens, None where nobody knows: the breaker closes."""
    believed = None if used is None else min(used, wire.most_tokens(prepared))
    gates.note_answer(database, passage.gate, taken=passage.tokens, used=believed)


def failed(database: Database, passage: Passage, error: ProviderError) -> datetime | None:
    """No answer came; until when the model is left alone now, None: it is not."""
    return gates.note_error(database, passage.gate, error, probing=passage.probing, taken=passage.tokens)


def refusal(gate: Gate, error: OverPaceError | BreakerOpenError) -> ConflictError:
    """The sentence for a test that others were faster than."""
    if isinstance(error, OverPaceError):
        return ConflictError(_over_pace(error, gate))
    return ConflictError(f"{error.message}. Test again in a moment.")


def _over_pace(error: OverPaceError, gate: Gate) -> str:
    return _OVER_PACE.format(provider=gate.target.provider, until=error.until)
