"""Owns what may be changed of a model, and what is wrong with a change: every fault at once, each with its field."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pipeline.core.capabilities import MAX_TOKENS_NAMES
from pipeline.core.catalog import ModelType
from pipeline.core.errors import Fault
from pipeline.models import AiModel

MAX_NAME_CHARACTERS: Final = 200
MAX_TOKENS_PER_CREDIT: Final = 1_000_000_000
MAX_CREDITS_PER_IMAGE: Final = 1_000_000
#: US dollars, of a thousand tokens or of an image.
MAX_COST: Final = 1_000_000
MAX_DECIMALS: Final = 9
MAX_IMAGE_PRICES: Final = 100
MAX_OUTPUT_TOKENS: Final = 10_000_000
MAX_THINKING_TOKENS: Final = 1_000_000
_FORMAT: Final = re.compile(r"[1-9][0-9]{0,4}x[1-9][0-9]{0,4}/[\w.-]{1,50}")
#: What is said of text models alone.
CAPABILITIES: Final = ("has_temperature", "has_json_schema", "max_tokens_name", "output_token_limit", "thinking_tokens")
_OF_TYPE: Final[Mapping[ModelType, tuple[str, ...]]] = {
    ModelType.TEXT: ("tokens_per_credit", "cost_per_1k_input", "cost_per_1k_output", *CAPABILITIES),
    ModelType.IMAGE: ("credits_per_image", "cost_per_image", "image_prices"),
}
_LEAST_AND_MOST: Final = {
    "tokens_per_credit": (1, MAX_TOKENS_PER_CREDIT),
    "credits_per_image": (0, MAX_CREDITS_PER_IMAGE),
    "output_token_limit": (0, MAX_OUTPUT_TOKENS),
    "thinking_tokens": (0, MAX_THINKING_TOKENS),
}
_COSTS: Final = ("cost_per_1k_input", "cost_per_1k_output", "cost_per_image")


@dataclass(frozen=True, kw_only=True)
class ModelChange:
    """What is to change; None keeps. Costs are US dollars of ours, prices are credits of customers."""

    provider: str | None = None
    model_type: ModelType | None = None
    display_name: str | None = None
    is_testing: bool | None = None
    is_default: bool | None = None
    is_free: bool | None = None
    tokens_per_credit: int | None = None
    credits_per_image: int | None = None
    cost_per_1k_input: Decimal | None = None
    cost_per_1k_output: Decimal | None = None
    cost_per_image: Decimal | None = None
    #: "WxH/quality" -> {"credits_per_image", "cost_per_image"}; the whole of them.
    image_prices: Mapping[str, Mapping[str, Any]] | None = None
    has_temperature: bool | None = None
    has_json_schema: bool | None = None
    max_tokens_name: str | None = None
    #: 0 forgets it.
    output_token_limit: int | None = None
    thinking_tokens: int | None = None


def faults_of(name: str, change: ModelChange, model: AiModel | None, *, providers: Collection[str]) -> list[Fault]:
    """Every fault of a change of `model` (None: a new one), whose provider must be one of `providers`."""
    kind = ModelType(model.model_type) if model else change.model_type
    return [
        *_names(name, change),
        *_identity(change, model, providers),
        *_places(change, model),
        *(_of_other_type(change, kind) if kind else ()),
        *_amounts(change),
        *_image_prices(change),
    ]


def _names(name: str, change: ModelChange) -> Iterator[Fault]:
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        yield Fault("name", f"a model's name has 1 to {MAX_NAME_CHARACTERS} characters; this one has {len(name)}.")
    shown = change.display_name
    if shown is not None and not 1 <= len(shown.strip()) <= MAX_NAME_CHARACTERS:
        yield Fault("display_name", f"it has {len(shown.strip())} characters. Use 1 to {MAX_NAME_CHARACTERS}.")


def _identity(change: ModelChange, model: AiModel | None, providers: Collection[str]) -> Iterator[Fault]:
    known = f"Use one of {', '.join(sorted(providers))}."
    if change.provider is None and model is None:
        yield Fault("provider", f"a new model needs one. {known}")
    if change.provider is not None and change.provider not in providers:
        yield Fault("provider", f"{change.provider[:50]!r} is not known. {known}")
    if change.model_type is None and model is None:
        yield Fault("type", "a new model needs one. Use text or image.")
    if model and change.model_type is not None and change.model_type.value != model.model_type:
        yield Fault("type", f"{model.name} is a model of type {model.model_type}, which stays. Use another name.")


def _places(change: ModelChange, model: AiModel | None) -> Iterator[Fault]:
    if change.is_testing and change.is_default:
        yield Fault("is_default", "the testing model is never the default. Choose one of the two.")
    has_price = change.tokens_per_credit is not None or change.credits_per_image is not None
    if change.is_free and has_price:
        yield Fault("is_free", "a free model has no price. Leave one of the two out.")
    if model and not model.is_active and model.is_testing and change.is_testing is None and not change.is_default:
        told = f"{model.name} was the testing model when it was retired. Say whether it is to be that again."
        yield Fault("is_testing", told)


def _of_other_type(change: ModelChange, kind: ModelType) -> Iterator[Fault]:
    own = ", ".join(_OF_TYPE[kind])
    for other, fields in _OF_TYPE.items():
        for field in fields:
            if other is not kind and getattr(change, field) is not None:
                yield Fault(field, f"it does not apply to a model of type {kind}, which has {own}.")


def _amounts(change: ModelChange) -> Iterator[Fault]:
    for field, (least, most) in _LEAST_AND_MOST.items():
        value = getattr(change, field)
        if value is not None and not least <= value <= most:
            yield Fault(field, f"{value} is not allowed. Use a whole number from {least:,} to {most:,}.")
    named = change.max_tokens_name
    if named is not None and named not in MAX_TOKENS_NAMES:
        yield Fault("max_tokens_name", f"{named[:50]!r} is not known. Use {' or '.join(MAX_TOKENS_NAMES)}.")
    for field in _COSTS:
        value = getattr(change, field)
        if value is not None and not _is_cost(value):
            yield Fault(field, _cost_told(value))


def _image_prices(change: ModelChange) -> Iterator[Fault]:
    prices = change.image_prices or {}
    if len(prices) > MAX_IMAGE_PRICES:
        yield Fault("image_prices", f"{len(prices)} are too many. Use at most {MAX_IMAGE_PRICES}.")
        return
    for image_format, price in prices.items():
        field = f"image_prices.{image_format[:60]}"
        if not _FORMAT.fullmatch(image_format):
            yield Fault(field, "this is no size and quality. Use WIDTHxHEIGHT/QUALITY, such as 1024x1024/high.")
        yield from _image_price(field, price)


def _image_price(field: str, price: Mapping[str, Any]) -> Iterator[Fault]:
    amount, cost = price.get("credits_per_image"), price.get("cost_per_image")
    least, most = _LEAST_AND_MOST["credits_per_image"]
    if amount is not None and not least <= amount <= most:
        yield Fault(f"{field}.credits_per_image", f"{amount} is not allowed. Use {least:,} to {most:,}.")
    if cost is not None and not _is_cost(Decimal(str(cost))):
        yield Fault(f"{field}.cost_per_image", _cost_told(Decimal(str(cost))))


def _is_cost(value: Decimal) -> bool:
    if not value.is_finite() or not 0 <= value <= MAX_COST:
        return False
    exponent = value.normalize().as_tuple().exponent
    return isinstance(exponent, int) and -exponent <= MAX_DECIMALS


def _cost_told(value: Decimal) -> str:
    allowed = f"Use US dollars from 0 to {MAX_COST:,} with at most {MAX_DECIMALS} decimals, such as 0.0006."
    return f"{str(value)[:50]} is not allowed. {allowed}"
