"""Owns `/models`: which models may be asked, what each costs us and what it costs a customer."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.catalog import ModelType
from pipeline.core.roles import Role, Scope
from pipeline.models import AiModel
from pipeline.services import audit, model_registry
from pipeline.services.model_changes import (
    MAX_CREDITS_PER_IMAGE,
    MAX_IMAGE_PRICES,
    MAX_NAME_CHARACTERS,
    MAX_OUTPUT_TOKENS,
    MAX_THINKING_TOKENS,
    MAX_TOKENS_PER_CREDIT,
    ModelChange,
)
from pipeline.web.answers import problems
from pipeline.web.faults import DOLLARS
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(prefix="/models", tags=[Scope.MODELS.value])
_EXAMPLE: Final[dict[str, Any]] = {
    "id": 5,
    "name": "gpt-4.1",
    "display_name": "GPT-4.1",
    "provider": "openai",
    "type": "text",
    "is_active": True,
    "is_testing": False,
    "is_default": True,
    "is_free": False,
    "tokens_per_credit": 10000,
    "credits_per_image": None,
    "image_prices": {},
    "cost_per_1k_input": "0.002",
    "cost_per_1k_output": "0.008",
    "cost_per_image": None,
    "has_temperature": True,
    "has_json_schema": True,
    "max_tokens_name": "max_completion_tokens",
    "output_token_limit": 32768,
    "thinking_tokens": 0,
    "retired_at": None,
}

ModelName = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS, description="As its provider calls it.")]
Dollars = Annotated[
    str,
    Field(
        pattern=DOLLARS,
        description="US dollars of ours, as a decimal string.",
        examples=["0.0006"],
    ),
]
Tokens = Annotated[int, Field(ge=1, le=MAX_TOKENS_PER_CREDIT, description="Tokens that cost a customer one credit.")]
Credits = Annotated[int, Field(ge=0, le=MAX_CREDITS_PER_IMAGE, description="Credits that one image costs a customer.")]


LongestAnswer = Annotated[
    int, Field(ge=0, le=MAX_OUTPUT_TOKENS, description="The most tokens it can give; 0 forgets them.")
]
Thoughts = Annotated[
    int, Field(ge=0, le=MAX_THINKING_TOKENS, description="Tokens it may think before it writes, on top of its answer.")
]


class ImageFormatPrice(BaseModel):
    """What an image of one size and quality costs, where that differs from the model's own."""

    model_config = ConfigDict(extra="forbid")

    credits_per_image: Credits | None = None
    cost_per_image: Dollars | None = None


class Model(BaseModel):
    """A model: what it is used for, what it costs us (US dollars), what it costs a customer (credits)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: int
    name: str
    display_name: str
    provider: str
    type: ModelType
    #: Retired ones are not asked.
    is_active: bool
    is_testing: bool
    is_default: bool
    is_free: bool
    tokens_per_credit: int | None
    credits_per_image: int | None
    #: "WxH/quality" -> its own price.
    image_prices: dict[str, dict[str, int | str | None]]
    cost_per_1k_input: str | None
    cost_per_1k_output: str | None
    cost_per_image: str | None
    #: What it takes and gives; null for images.
    has_temperature: bool | None
    has_json_schema: bool | None
    max_tokens_name: str | None
    output_token_limit: int | None
    thinking_tokens: int | None
    retired_at: datetime | None


class Models(BaseModel):
    """Every model, retired ones too."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EXAMPLE]}]})

    items: list[Model]


class ModelToSet(BaseModel):
    """A model to add or to change; what is left out or null stays as it is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "gpt-4.1",
                    "provider": "openai",
                    "type": "text",
                    "is_default": True,
                    "tokens_per_credit": 10000,
                    "cost_per_1k_input": "0.002",
                    "cost_per_1k_output": "0.008",
                }
            ]
        },
    )

    name: ModelName
    provider: Annotated[str, Field(max_length=32, description="Who has it; a new model needs one.")] | None = None
    type: ModelType | None = None
    display_name: Annotated[str, Field(max_length=MAX_NAME_CHARACTERS)] | None = None
    is_testing: bool | None = None
    is_default: bool | None = None
    is_free: bool | None = None
    tokens_per_credit: Tokens | None = None
    credits_per_image: Credits | None = None
    cost_per_1k_input: Dollars | None = None
    cost_per_1k_output: Dollars | None = None
    cost_per_image: Dollars | None = None
    image_prices: Annotated[dict[str, ImageFormatPrice], Field(max_length=MAX_IMAGE_PRICES)] | None = None
    has_temperature: bool | None = None
    has_json_schema: bool | None = None
    max_tokens_name: Annotated[str, Field(max_length=32, description="As its server wants it.")] | None = None
    output_token_limit: LongestAnswer | None = None
    thinking_tokens: Thoughts | None = None
    #: As they were read: they change nothing.
    id: int | None = None
    retired_at: datetime | None = None
    is_active: Annotated[
        Literal[True] | None, Field(description="A model that is set is active; to retire one is an operation.")
    ] = None


class SetModel(BaseModel):
    """A model as it is now, and which one it put out of its place."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"model": _EXAMPLE, "displaced": "offline-writer"}]})

    model: Model
    displaced: str | None


class ModelToRetire(BaseModel):
    """Which model is to be asked no more."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "gpt-4.1"}]})

    name: ModelName


@router.get("", operation_id="list_models", response_model=Models, responses=problems(401, 403))
@reads(Scope.MODELS, role=Role.PLATFORM_ADMIN)
def list_all(unit: Unit) -> dict[str, Any]:
    """List every model, retired ones too, texts before images."""
    return {"items": [model_registry.described(model) for model in model_registry.list_models(unit.session)]}


@router.put("", operation_id="set_model", response_model=SetModel, responses=problems(401, 403, 409, 413, 422))
@writes(Scope.MODELS, role=Role.PLATFORM_ADMIN)
def change(unit: Unit, given: ModelToSet) -> dict[str, Any]:
    """Add a model, or change the one of that name; a retired one is active again. Runs under way keep their prices."""
    done = model_registry.set_model(unit.session, given.name, _change_of(given), now=unit.now)
    _record(unit, done.model, "model.set")
    displaced = done.displaced.name if done.displaced else None
    return {"model": model_registry.described(done.model), "displaced": displaced}


@router.post(
    "/retire", operation_id="retire_model", response_model=Model, responses=problems(401, 403, 404, 409, 413, 422)
)
@writes(Scope.MODELS, role=Role.PLATFORM_ADMIN)
def retire(unit: Unit, given: ModelToRetire) -> dict[str, Any]:
    """Have a model asked no more; runs under way still ask it."""
    model = model_registry.retire(unit.session, given.name, now=unit.now)
    _record(unit, model, "model.retired")
    return model_registry.described(model)


def _change_of(given: ModelToSet) -> ModelChange:
    prices = given.image_prices
    return ModelChange(
        provider=given.provider,
        model_type=given.type,
        display_name=given.display_name,
        is_testing=given.is_testing,
        is_default=given.is_default,
        is_free=given.is_free,
        tokens_per_credit=given.tokens_per_credit,
        credits_per_image=given.credits_per_image,
        cost_per_1k_input=_decimal(given.cost_per_1k_input),
        cost_per_1k_output=_decimal(given.cost_per_1k_output),
        cost_per_image=_decimal(given.cost_per_image),
        has_temperature=given.has_temperature,
        has_json_schema=given.has_json_schema,
        max_tokens_name=given.max_tokens_name,
        output_token_limit=given.output_token_limit,
        thinking_tokens=given.thinking_tokens,
        image_prices=None
        if prices is None
        else {name: price.model_dump(exclude_none=True) for name, price in prices.items()},
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _record(unit: Unit, model: AiModel, action: str) -> None:
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action=action,
        subject_kind="model",
        subject_id=model.id,
        now=unit.now,
        details=model_registry.told(model),
    )
