"""Owns a question made ready for the wire: its request, its key, what it may cost, and what an answer to it means.

Pure: no database, no network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from pipeline.ai.port import ImageRequest, Message, TextReply, TextRequest
from pipeline.contract import ImageQuestion, Question, StoredImage
from pipeline.core.matrix import SiteSettings
from pipeline.core.pricing import Price, worst_prompt_tokens
from pipeline.core.schemas import strict_schema, told_schema
from pipeline.services.credits import Settlement

_SHOWN_FAULTS = 20
_BYTES_PER_TOKEN = 4


class Step(StrEnum):
    """Which asking of the same subjects it is."""

    #: The question itself.
    ASK = "ask"
    #: Once more, with what was wrong.
    REPAIR = "repair"


class UselessAnswerError(Exception):
    """An answer came that cannot be used; its text says why, for the model and for people."""


@dataclass(frozen=True)
class Prepared:
    """A question with everything its call needs."""

    question: Question | ImageQuestion
    step: Step
    key: str
    request: TextRequest | ImageRequest
    price: Price
    prompt_tokens: int
    #: Micro-credits for the longest answer, and for the shortest that is of use.
    full_ucr: int
    least_ucr: int

    def shortened_to(self, held_ucr: int) -> Prepared:
        """The same question with as much room for its answer as the hold pays for."""
        if not isinstance(self.request, TextRequest) or held_ucr >= self.full_ucr:
            return self
        most = self.price.output_tokens_for(held_ucr, self.prompt_tokens)
        return replace(self, request=replace(self.request, max_output_tokens=min(self.request.max_output_tokens, most)))

    @property
    def parameters(self) -> dict[str, Any]:
        """What the call's row keeps of the request."""
        if isinstance(self.request, TextRequest):
            return {"max_output_tokens": self.request.max_output_tokens, "temperature": self.request.temperature}
        size = {"width": self.request.width, "height": self.request.height}
        return {**size, "quality": self.request.quality, "style": self.request.style}

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
    most = price.capabilities.longest_answer(min(question.max_output_tokens, limit))
    request = TextRequest(
        model=price.model,
        messages=question.messages,
        schema=schema,
        schema_name=question.schema_name,
        max_output_tokens=most,
        temperature=settings.ai.temperature,
        timeout_seconds=asking.timeout_seconds,
        call_key=key,
        capabilities=price.capabilities,
    )
    prompt = worst_prompt_tokens([m.content for m in question.messages]) + len(_schema_text(question.answer).encode())
    full = price.token_charge_ucr(prompt + most)
    least = price.token_charge_ucr(prompt + min(question.useful_output_tokens, most))
    return Prepared(question, asking.step, key, request, price, prompt, full, least)


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
    return Prepared(question, asking.step, key, request, price, 0, amount, amount)


def repair(question: Question | ImageQuestion, *, answer: str, fault: str) -> Question | ImageQuestion:
    """The same question with the useless answer and what was wrong with it; an image is simply asked for again."""
    if isinstance(question, ImageQuestion):
        return question
    wanted = (
        f"That answer cannot be used: {fault}\nAnswer again with the whole corrected JSON document and nothing else."
    )
    return replace(question, messages=(*question.messages, Message("assistant", answer), Message("user", wanted)))


def read_text(question: Question, text: str, finish: str) -> BaseModel:
    """The answer as the question's model; UselessAnswerError says what is wrong with it."""
    if finish == "length":
        raise UselessAnswerError("it was cut off before its end; be shorter")
    if finish in {"refusal", "filter"}:
        raise UselessAnswerError("the model refused to answer")
    try:
        return question.answer.model_validate_json(text)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'answer'}: {fault['msg']}"
            for fault in error.errors()[:_SHOWN_FAULTS]
        ]
        raise UselessAnswerError("; ".join(faults)) from None
    except (ValueError, RecursionError) as error:
        raise UselessAnswerError(str(error)) from None


def stored_image(answer: str) -> StoredImage:
    """The image a stored answer names; UselessAnswerError where the bytes were refused."""
    data = json.loads(answer)
    if "rejected" in data:
        raise UselessAnswerError(data["rejected"])
    return StoredImage(**data)


def settlement_of(prepared: Prepared, reply: TextReply) -> Settlement:
    """What a text reply costs; usage the provider did not say is estimated from the bytes, and flagged."""
    said = reply.input_tokens, reply.output_tokens
    missing = any(tokens is None or tokens < 0 for tokens in said)
    if missing:
        said = -(-prepared.prompt_tokens // _BYTES_PER_TOKEN), -(-len(reply.text.encode()) // _BYTES_PER_TOKEN)
    input_tokens, output_tokens = said[0] or 0, said[1] or 0
    cost = reply.cost_picodollars
    return Settlement(
        # The finish stands before the text, so that a stored answer is read exactly like a fresh one.
        answer=f"{reply.finish}\n{_storable(reply.text)}",
        charge_ucr=prepared.price.token_charge_ucr(input_tokens + output_tokens),
        cost_picodollars=prepared.price.token_cost_picodollars(input_tokens, output_tokens) if cost is None else cost,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        flags=("usage_missing",) if missing else (),
    )


def image_settlement(prepared: Prepared, answer: str, cost_picodollars: int | None) -> Settlement:
    """What one image costs: the catalog's price, the provider's own cost where it says one."""
    image_format = prepared.image_format
    cost = prepared.price.image_cost_picodollars(image_format) if cost_picodollars is None else cost_picodollars
    return Settlement(answer=answer, charge_ucr=prepared.price.image_charge_ucr(image_format), cost_picodollars=cost)


@cache
def schema_of(answer: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of an answer."""
    return answer.model_json_schema()


@cache
def _schema_text(answer: type[BaseModel]) -> str:
    return told_schema(strict_schema(schema_of(answer)))


def _storable(text: str) -> str:
    """PostgreSQL text takes neither NUL nor lone surrogates."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode()
