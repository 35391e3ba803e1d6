"""Owns a provider's test: one cheapest real call, by the way that stages ask, and what it proves.

Written as dispatched and committed, then asked with no transaction open, then resolved. It keeps to the pace that all
workers share, and is the call that is tried where the model is left alone. Never: a second attempt; the provider's key
in what is told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.ai import provider
from pipeline.ai.port import (
    ImageReply,
    ImageRequest,
    KeyRefusedError,
    Message,
    NoAdapterError,
    OutcomeUnknownError,
    ProviderError,
    QuotaExhaustedError,
    RequestRefusedError,
    TextReply,
    ThrottledError,
    UnavailableError,
)
from pipeline.config import config
from pipeline.contract import ImageQuestion, Question
from pipeline.core.catalog import ModelType
from pipeline.core.matrix import Ai, SiteSettings
from pipeline.core.pricing import Price
from pipeline.core.states import CallStatus
from pipeline.db.session import Database
from pipeline.engine import provider_test_gates
from pipeline.engine.breaker import BreakerOpenError
from pipeline.engine.gates import Gate
from pipeline.engine.media import ImageRejectedError, verified
from pipeline.engine.pace import OverPaceError
from pipeline.engine.provider_test_gates import CLOSED_AGAIN, Passage
from pipeline.engine.questions import Asking, Prepared, Step, prepare
from pipeline.engine.readings import MORE_ROOM
from pipeline.engine.settlements import image_settlement, settlement_of
from pipeline.services import provider_tests
from pipeline.services.credits import Settlement
from pipeline.services.models import UNKNOWN_COST
from pipeline.services.provider_tests import Begun, Tried

#: Ten tokens are enough; the rest is room for thoughts that nobody has said its model has.
_MOST_OUTPUT: Final = 1_000
_USEFUL_OUTPUT: Final = 10
_SIDE: Final = 512
#: Somebody waits for it.
_MOST_SECONDS: Final = 60.0
_PROMPT: Final = "A plain grey square."
_REMEDIES: Final[tuple[tuple[type[ProviderError], str], ...]] = (
    (KeyRefusedError, "Give it another key: igny8 providers set {name} --api-key-stdin"),
    (QuotaExhaustedError, "Add funds or raise the limit at {name}, then test again."),
    (ThrottledError, "Whether the key works stays open. Wait a minute, then test again."),
    (UnavailableError, "Check that this machine reaches its address: igny8 providers list"),
    (NoAdapterError, "`igny8 models list` shows the models, `igny8 providers list` the address."),
    (RequestRefusedError, "Check the name and capabilities of {model}: igny8 models list"),
    (OutcomeUnknownError, "What it cost is unknown. Test again; if that lasts, check its address."),
)
_ALONE: Final = "Runs leave the model alone until {until:%H:%M:%S} UTC."
_REACHED: Final = "it is reached"
_TAKES_KEY: Final = "it takes the key"
_NO_USAGE: Final = "it says no usage: tokens, and so its cost, are estimated from bytes"
_FENCED: Final = "its JSON stands within other text, though it was asked for nothing else"
_CUT_OFF: Final = f"its answer was cut off: whether it answers in JSON stays open. {MORE_ROOM}"
_NO_JSON: Final = (
    "It answered, but not in the JSON that was asked for: {model} may lack structured output, and stages that ask it "
    "would have to repair every answer. Choose another model."
)


class Probe(BaseModel):
    """The answer of a test."""

    model_config = ConfigDict(extra="forbid")

    works: bool


@dataclass(frozen=True)
class _Verdict:
    """How an answer is settled, what it proves, what it leaves open, and what is wrong with it."""

    settlement: Settlement
    proved: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    fault: str | None = None
    #: The provider itself said what it cost.
    has_own_cost: bool = False


def run(database: Database, name: str, *, model: str | None, account_id: int, actor: str) -> Tried:
    """Test a provider with one call of its cheapest model, or of `model`, and tell what came of it.

    Raises what is wrong before anything is asked: InvalidValueError, NotFoundError, NotReadyError.
    """
    provider_tests.checked_name(name)
    of: dict[str, Any] = {"account_id": account_id, "actor": actor, "home": config().home, "now": database.now()}
    with database.transaction() as session:
        begun = provider_tests.begin(session, name, model=model, parameters=_parameters, **of)
        gate = provider_test_gates.look(session, begun.price, now=database.now())
    prepared = _prepared(begun)
    passage = _enter(database, begun, gate, prepared)
    told = Tried(name, begun.price.model, begun.price.model_type, begun.call.id, CallStatus.LOST)
    started = time.monotonic()
    try:
        verdict = _asked(begun, prepared)
    except ProviderError as error:
        alone_until = provider_test_gates.failed(database, passage, error)
        told = replace(told, seconds=time.monotonic() - started, alone_until=alone_until)
        return _failed(database, begun, told, error)
    except BaseException:
        _close(database, lambda session: provider_tests.lost(session, begun, "the test broke", now=database.now()))
        provider_test_gates.failed(database, passage, OutcomeUnknownError("the test broke"))
        raise
    provider_test_gates.answered(database, passage, prepared, used=verdict.settlement.tokens)
    told = replace(told, seconds=time.monotonic() - started)
    return _told(database, begun, _of_the_breaker(verdict, passage), told)


def _enter(database: Database, begun: Begun, gate: Gate, prepared: Prepared) -> Passage:
    """Go by the gate; where others were faster the call is void, and ConflictError says when there is room."""
    try:
        return provider_test_gates.enter(database, gate, prepared)
    except (OverPaceError, BreakerOpenError) as error:
        said = error.message
        _close(database, lambda session: provider_tests.refused(session, begun, said, now=database.now()))
        raise provider_test_gates.refusal(gate, error) from None


def _of_the_breaker(verdict: _Verdict, passage: Passage) -> _Verdict:
    """What follows from an answer of a model that had been left alone."""
    state = passage.gate.state
    if not passage.probing or state is None:
        return verdict
    again = CLOSED_AGAIN.format(model=passage.gate.target.model, failures=state.failures)
    return replace(verdict, proved=(*verdict.proved, again))


def _prepared(begun: Begun) -> Prepared:
    """The question under a key of its own: no stored answer counts."""
    ready = _ready(begun.price)
    return replace(ready, key=begun.key, request=replace(ready.request, call_key=begun.key))


def _parameters(price: Price) -> dict[str, Any]:
    """What the call's row keeps of the request."""
    return {**_ready(price).parameters, "purpose": "test of the provider"}


def _ready(price: Price) -> Prepared:
    """The question as a stage's would be made ready."""
    settings = SiteSettings(ai=Ai(image_quality=_cheapest_quality(price)))
    asking = Asking(Step.ASK, 0, (), settings, price, min(config().call_timeout_seconds, _MOST_SECONDS))
    return prepare(_question(price), asking)


def _question(price: Price) -> Question | ImageQuestion:
    if price.model_type is ModelType.IMAGE:
        width, height = _cheapest_size(price)
        return ImageQuestion(_PROMPT, width, height)
    asked = Message("user", 'Answer with the JSON document {"works": true} and nothing else.')
    return Question((asked,), Probe, "test", _MOST_OUTPUT, _USEFUL_OUTPUT)


def _cheapest_format(price: Price) -> str | None:
    """`WxH/quality` of the least cost among those with a price of their own."""
    return min(price.by_format, key=price.image_cost_picodollars, default=None)


def _cheapest_quality(price: Price) -> str:
    return (_cheapest_format(price) or "/low").partition("/")[2]


def _cheapest_size(price: Price) -> tuple[int, int]:
    width, _, height = (_cheapest_format(price) or f"{_SIDE}x{_SIDE}/").partition("/")[0].partition("x")
    return int(width), int(height)


def _asked(begun: Begun, prepared: Prepared) -> _Verdict:
    """The one attempt. Raises a ProviderError."""
    access = begun.access
    adapter = provider(begun.price.provider, base_url=access.base_url, api_key=access.api_key or None)
    try:
        if isinstance(prepared.request, ImageRequest):
            verdict = _judged_image(adapter.draw_image(prepared.request), prepared)
        else:
            verdict = _judged_text(adapter.complete_text(prepared.request), prepared)
        reached = (_REACHED, _TAKES_KEY) if access.api_key else (_REACHED,)
        known = begun.price.cost_known or verdict.has_own_cost
        doubts = verdict.doubts if known else (*verdict.doubts, UNKNOWN_COST)
        return replace(verdict, proved=(*reached, *verdict.proved), doubts=doubts)
    finally:
        # Those that speak over a network hold connections, which nobody would use again.
        getattr(adapter, "close", _nothing)()


def _nothing() -> None:
    """What closes an adapter without connections."""


def _judged_text(reply: TextReply, prepared: Prepared) -> _Verdict:
    settlement = settlement_of(prepared, reply)
    proved, doubts, fault = list[str](), list[str](), None
    if "usage_missing" in settlement.flags:
        doubts.append(_NO_USAGE)
    else:
        proved.append("it says what was used")
    text = reply.text
    if _is_probe(text):
        proved.append("it answers in the JSON that was asked for")
    elif _is_probe(text[text.find("{") : text.rfind("}") + 1]):
        doubts.append(_FENCED)
    elif reply.finish == "length":
        doubts.append(_CUT_OFF.format(model=prepared.price.model))
    else:
        fault = _NO_JSON.format(model=prepared.price.model)
    return _Verdict(settlement, tuple(proved), tuple(doubts), fault)


def _is_probe(text: str) -> bool:
    try:
        Probe.model_validate_json(text)
    except ValidationError:
        return False
    return True


def _judged_image(reply: ImageReply, prepared: Prepared) -> _Verdict:
    proved, fault = list[str](), None
    answer: dict[str, object] = {}
    try:
        _, width, height, mime = verified(reply.data)
        answer |= {"mime": mime, "width": width, "height": height}
        proved.append(f"it draws: {width} x {height} pixels, {mime}")
    except ImageRejectedError as error:
        answer["rejected"] = fault = error.message
    if reply.cost_picodollars is not None:
        proved.append("it says what the image cost")
    settlement = image_settlement(prepared, json.dumps(answer), reply.cost_picodollars)
    return _Verdict(settlement, tuple(proved), fault=fault, has_own_cost=reply.cost_picodollars is not None)


def _told(database: Database, begun: Begun, verdict: _Verdict, told: Tried) -> Tried:
    settlement = verdict.settlement
    _close(database, lambda session: provider_tests.answered(session, begun, settlement, now=database.now()))
    return replace(
        told,
        status=CallStatus.SETTLED,
        proved=verdict.proved,
        doubts=verdict.doubts,
        error=verdict.fault,
        cost_picodollars=settlement.cost_picodollars,
        input_tokens=settlement.input_tokens,
        output_tokens=settlement.output_tokens,
    )


def _failed(database: Database, begun: Begun, told: Tried, error: ProviderError) -> Tried:
    said = provider_tests.without_key(error.message, begun.access)
    is_lost = isinstance(error, OutcomeUnknownError)
    resolve = provider_tests.lost if is_lost else provider_tests.refused
    _close(database, lambda session: resolve(session, begun, said, now=database.now()))
    status = CallStatus.LOST if is_lost else CallStatus.VOIDED
    remedy = next((remedy for kind, remedy in _REMEDIES if isinstance(error, kind)), "")
    alone = "" if told.alone_until is None else _ALONE.format(until=told.alone_until)
    sentence = " ".join(f"{said.rstrip('.')}. {remedy.format(name=told.provider, model=told.model)} {alone}".split())
    return replace(told, status=status, error=sentence)


def _close(database: Database, resolve: Callable[[Any], None]) -> None:
    with database.transaction() as session:
        resolve(session)
