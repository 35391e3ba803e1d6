"""Owns a question made ready for the wire: its request, its key, what it may cost, who decided its parameters.

Pure: no database, no network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import BaseModel

from pipeline.ai.adjustments import sent_to
from pipeline.ai.port import ImageRequest, Message, TextRequest
from pipeline.contract import ImageQuestion, Question
from pipeline.core.matrix import SiteSettings
from pipeline.core.pricing import Price, worst_prompt_tokens
from pipeline.core.prompts import data_block, without_turns
from pipeline.core.repairs import SHOWN_PER_TOKEN
from pipeline.core.schemas import strict_schema, told_schema

_CUT = "\n[The rest of this answer was left out.]"
_LEFT_OUT = "[This answer was left out.]"


class Step(StrEnum):
    """Which asking of the same subjects it is."""

    #: The question itself.
    ASK = "ask"
    #: Once more, with what was wrong.
    REPAIR = "repair"


@dataclass(frozen=True)
class Prepared:
    """A question with everything its call needs."""

    question: Question | ImageQuestion
    step: Step
    key: str
    request: TextRequest | ImageRequest
    price: Price
    prompt_tokens: int
    #: Micro-credits for the longest answer, and for the shortest that is of use; each with the model's thoughts.
    full_ucr: int
    least_ucr: int
    #: Who decided each parameter: `site`, `account`, `system`, the `stage`, the `model`; `hold`: what could be paid.
    origins: Mapping[str, str] = field(default_factory=dict)

    def shortened_to(self, held_ucr: int) -> Prepared:
        """The same question with as much room for its answer as the hold pays for."""
        if not isinstance(self.request, TextRequest) or held_ucr >= self.full_ucr:
            return self
        most = self.price.output_tokens_for(held_ucr, self.prompt_tokens)
        if most >= self.request.max_output_tokens:
            return self
        request = replace(self.request, max_output_tokens=most)
        return replace(self, request=request, origins={**self.origins, "max_output_tokens": "hold"})

    @property
    def parameters(self) -> dict[str, Any]:
        """What the call's row keeps of the request: each value as it was sent, and who decided it."""
        sent = sent_to(self.price.provider, self.request)
        adjusted = {name: "provider" for name, value in sent.items() if value != getattr(self.request, name)}
        return {**sent, "origins": {**self.origins, **adjusted}}

    @property
    def image_format(self) -> str:
        """Size and quality as prices name them: `WxH/quality`."""
        assert isinstance(self.request, ImageRequest)  # noqa: S101 - asked of images only
        return f"{self.request.width}x{self.request.height}/{self.request.quality}"


@dataclass(frozen=True)
class Asking:
    """Whom a question is about and what is frozen for it."""

    step: Step
    stage_run_id: int
    subject_ids: Sequence[int]
    settings: SiteSettings
    price: Price
    timeout_seconds: float
    #: Who decided each AI parameter of the settings, as the run has it.
    origins: Mapping[str, str] = field(default_factory=dict)

    def key(self, prompt: object) -> str:
        """Stage run, item set, step and prompt, hashed."""
        told = json.dumps([self.stage_run_id, sorted(self.subject_ids), self.step, prompt], ensure_ascii=False)
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def prepare(question: Question | ImageQuestion, asking: Asking) -> Prepared:
    """Make a stage's question ready: the frozen model and parameters, the call key, the worst case."""
    if isinstance(question, ImageQuestion):
        return _prepare_image(question, asking)
    settings, price = asking.settings, asking.price
    schema = schema_of(question.answer)
    key = asking.key([(m.role, m.content) for m in question.messages])
    limit = max(settings.ai.max_tokens or question.max_output_tokens, question.useful_output_tokens)
    most = price.capabilities.room_for(min(question.max_output_tokens, limit))
    request = TextRequest(
        model=price.model,
        messages=question.messages,
        schema=schema,
        schema_name=question.schema_name,
        max_output_tokens=most,
        temperature=settings.ai.temperature if price.capabilities.has_temperature else None,
        timeout_seconds=asking.timeout_seconds,
        call_key=key,
        capabilities=price.capabilities,
    )
    prompt = worst_prompt_tokens([m.content for m in question.messages]) + len(_schema_text(question.answer).encode())
    full = price.token_charge_ucr(prompt + most)
    least = price.token_charge_ucr(prompt + _least_tokens(question, request))
    origins = _origins_of_text(asking, request)
    return Prepared(question, asking.step, key, request, price, prompt, full, least, origins)


def _least_tokens(question: Question, request: TextRequest) -> int:
    """What the model needs for its thoughts and the shortest answer of use: never more than is asked for."""
    return min(request.capabilities.room_for(question.useful_output_tokens), request.max_output_tokens)


def _origins_of_text(asking: Asking, request: TextRequest) -> dict[str, str]:
    """The stage's own limit counts where it is the lower one, or the settings' would leave no useful answer."""
    most, able = request.max_output_tokens, request.capabilities
    if most == able.output_token_limit:
        of_limit = "model"
    else:
        is_setting = most - able.thinking_tokens == asking.settings.ai.max_tokens
        of_limit = _origin(asking, "max_tokens") if is_setting else "stage"
    of_temperature = "model" if request.temperature is None else _origin(asking, "temperature")
    return {"model": _origin_of_model(asking), "max_output_tokens": of_limit, "temperature": of_temperature}


def _origin_of_model(asking: Asking) -> str:
    """Testing is asked for by a site, in its matrix; a live model by its account, else it is the system's."""
    if asking.price.testing:
        return "site"
    return _origin(asking, f"model {asking.price.model}")


def _origin(asking: Asking, name: str) -> str:
    return asking.origins.get(name, "system")


def _prepare_image(question: ImageQuestion, asking: Asking) -> Prepared:
    quality, style = asking.settings.ai.image_quality or "standard", asking.settings.ai.image_style or ""
    key = asking.key([question.prompt, question.width, question.height, quality, style])
    price = asking.price
    request = ImageRequest(
        model=price.model,
        prompt=question.prompt,
        width=question.width,
        height=question.height,
        quality=quality,
        style=style,
        timeout_seconds=asking.timeout_seconds,
        call_key=key,
    )
    amount = price.image_charge_ucr(f"{question.width}x{question.height}/{quality}")
    origins = {
        "model": _origin_of_model(asking),
        **dict.fromkeys(("width", "height"), "stage"),
        "quality": _origin(asking, "image_quality"),
        "style": _origin(asking, "image_style"),
    }
    return Prepared(question, asking.step, key, request, price, 0, amount, amount, origins)


def repair(question: Question | ImageQuestion, *, answer: str, fault: str) -> Question | ImageQuestion:
    """The same question with the useless answer and what was wrong with it; an image is simply asked for again.

    What was wrong may quote the answer, or what was imported: it is data like everything else.
    """
    if isinstance(question, ImageQuestion):
        return question
    most = SHOWN_PER_TOKEN * question.max_output_tokens
    # What it wrote may have been dictated by what was imported: no turn begins in the middle of it.
    shown = without_turns(answer if len(answer) <= most else answer[:most] + _CUT)
    wanted = (
        f"That answer cannot be used. What is wrong with it, as data:\n\n{data_block({'fault': fault})}\n\n"
        "Answer again with the whole corrected JSON document and nothing else."
    )
    # A turn that says nothing is refused by providers.
    said = shown if shown.strip() else "(nothing)"
    return replace(question, messages=(*question.messages, Message("assistant", said), Message("user", wanted)))


def shown_within(repair: Prepared, room_ucr: int) -> Prepared:
    """The repair with as much of the useless answer as can be held of `room_ucr`: none of it where nothing fits.

    Under the same key: it is the same asking.
    """
    request, question, price = repair.request, repair.question, repair.price
    if isinstance(question, ImageQuestion) or isinstance(request, ImageRequest) or repair.full_ucr <= room_ucr:
        return repair
    *before, answer, wanted = request.messages
    whole, most = answer.content.encode("utf-8", "replace"), request.max_output_tokens
    fits = len(whole) + price.output_tokens_for(room_ucr, repair.prompt_tokens + most) - len(_CUT)
    text = whole[:fits].decode(errors="ignore") + _CUT if fits > 0 else _LEFT_OUT
    messages = (*before, Message("assistant", text), wanted)
    prompt = repair.prompt_tokens - worst_prompt_tokens([answer.content]) + worst_prompt_tokens([text])
    return replace(
        repair,
        question=replace(question, messages=messages),
        request=replace(request, messages=messages),
        prompt_tokens=prompt,
        full_ucr=price.token_charge_ucr(prompt + most),
        least_ucr=price.token_charge_ucr(prompt + _least_tokens(question, request)),
    )


@cache
def schema_of(answer: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of an answer."""
    return answer.model_json_schema()


@cache
def _schema_text(answer: type[BaseModel]) -> str:
    return told_schema(strict_schema(schema_of(answer)))
