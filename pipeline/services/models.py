"""Owns which model is asked and what it costs: the row of the table becomes a `Price` that a run carries for ever."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.capabilities import Capabilities
from pipeline.core.catalog import ModelType
from pipeline.core.errors import NotReadyError
from pipeline.core.money import CREDIT_VALUE_MICRODOLLARS, microdollars
from pipeline.core.pricing import ImagePrice, Price
from pipeline.core.providers import AI_PROVIDERS
from pipeline.models import AiModel, SystemAiSettings

#: What is said of a model whose cost nobody gave.
UNKNOWN_COST: Final = "our cost is unknown: reports count it as 0"
_BILLING: Final = frozenset(name.value for name in AI_PROVIDERS)


class NoPriceError(NotReadyError):
    """The model has no price, and nothing is asked without one."""

    def __init__(self, price: Price, message: str) -> None:
        """Take what there is of its price: whose model it is."""
        self.price = price
        super().__init__(message)


def price_for(session: Session, model_type: ModelType, *, use_testing: bool, preferred: str | None = None) -> Price:
    """The price of the active testing model of that type, or of the live one. NotReadyError: none, or no price.

    The live one is what the account prefers, among the active live ones, else the default.
    """
    is_preferred = AiModel.name == (preferred or "")
    is_chosen = AiModel.is_testing if use_testing else (AiModel.is_default | is_preferred) & ~AiModel.is_testing
    query = select(AiModel, select(SystemAiSettings.credit_value_usd).scalar_subquery())
    query = query.where(AiModel.model_type == model_type.value, AiModel.is_active, is_chosen)
    found = session.execute(query.order_by(is_preferred.desc()).limit(1)).first()
    role = "testing" if use_testing else "live"
    if found is None:
        raise NotReadyError(
            f"There is no active {role} {model_type} model. "
            "Run `igny8 init` to get the offline ones, or make one of yours active."
        )
    model, credit_value_usd = found
    price = price_of(model, credit_value_usd=credit_value_usd)
    if not price.known:
        unit = "tokens per credit" if model_type is ModelType.TEXT else "credits per image"
        raise NoPriceError(
            price,
            f"The {role} {model_type} model {model.display_name!r} has no price, and nothing is asked without one. "
            f"Set its {unit}, or mark it as free: igny8 models set {model.name} --{unit.replace(' ', '-')} N",
        )
    return price


def price_of(model: AiModel, *, credit_value_usd: Decimal | None = None) -> Price:
    """The model's row as a frozen price; an unknown cost of ours counts as nothing, an unknown credit as a cent."""
    worth = CREDIT_VALUE_MICRODOLLARS if credit_value_usd is None else microdollars(credit_value_usd)
    return Price(
        model_id=model.id,
        model=model.name,
        provider=model.provider,
        model_type=ModelType(model.model_type),
        free=model.is_free,
        testing=model.is_testing,
        credit_value_microdollars=worth,
        tokens_per_credit=model.tokens_per_credit,
        credits_per_image=model.credits_per_image,
        cost_per_1k_input=model.cost_per_1k_input or Decimal(0),
        cost_per_1k_output=model.cost_per_1k_output or Decimal(0),
        cost_per_image=model.cost_per_image or Decimal(0),
        by_format={name: _image_price(entry, model) for name, entry in model.image_prices.items()},
        cost_known=cost_is_known(model),
        capabilities=Capabilities(
            has_temperature=model.has_temperature,
            has_json_schema=model.has_json_schema,
            max_tokens_name=model.max_tokens_name,
            output_token_limit=model.output_token_limit,
            thinking_tokens=model.thinking_tokens,
        ),
    )


def cost_is_known(model: AiModel) -> bool:
    """Whether somebody said what the model costs us; one that no provider bills for costs nothing."""
    if model.provider not in _BILLING:
        return True
    if model.model_type == ModelType.TEXT:
        return model.cost_per_1k_input is not None and model.cost_per_1k_output is not None
    own = [entry.get("cost_per_image") for entry in model.image_prices.values()]
    return model.cost_per_image is not None or (bool(own) and None not in own)


def _image_price(entry: dict[str, Any], model: AiModel) -> ImagePrice:
    own_credits = entry.get("credits_per_image", model.credits_per_image)
    own_cost = entry.get("cost_per_image", model.cost_per_image)
    return ImagePrice(credits_per_image=int(own_credits or 0), cost_per_image=Decimal(str(own_cost or 0)))
