"""Owns the table of models: listed, set, retired (plan 2.3, 2.3.1).

One testing model a type, and one live model that is asked by default: whoever takes such a place puts another out of
it. Runs keep the prices that they began with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.ai import ADAPTERS
from pipeline.core.catalog import ModelType
from pipeline.core.errors import ConflictError, InvalidValueError, NotFoundError
from pipeline.core.normal import display_text
from pipeline.core.providers import AI_PROVIDERS, ProviderName
from pipeline.models import AiModel
from pipeline.services.model_changes import CAPABILITIES, ModelChange, faults_of
from pipeline.services.settings.system import lock_system

_COSTS: Final = ("cost_per_1k_input", "cost_per_1k_output", "cost_per_image")
_PRICED: Final = ("tokens_per_credit", "credits_per_image", *_COSTS, "image_prices")
_KEPT: Final = (*_PRICED, *(name for name in CAPABILITIES if name != "output_token_limit"))


@dataclass(frozen=True)
class ModelSet:
    """A model as it is now, and the one that it put out of its place."""

    model: AiModel
    displaced: AiModel | None


def list_models(session: Session) -> Sequence[AiModel]:
    """Every model, retired ones too: texts before images, in the order they were added."""
    return session.scalars(select(AiModel).order_by(AiModel.model_type.desc(), AiModel.id)).all()


def find_model(session: Session, name: str) -> AiModel:
    """The model of that name; NotFoundError."""
    model = session.scalar(select(AiModel).where(AiModel.name == name))
    if model is None:
        raise NotFoundError(f"There is no model {name[:200]!r}. `igny8 models list` shows them.")
    return model


def set_model(session: Session, name: str, change: ModelChange, *, now: datetime) -> ModelSet:
    """Add a model or change it; a retired one is active again. InvalidValueError names every fault.

    As the testing model it retires the one before; as the default it leaves the one before to be chosen by accounts.
    ConflictError where a type would be left without a live model.
    """
    name = display_text(name)
    lock_system(session)
    model = session.scalar(select(AiModel).where(AiModel.name == name))
    faults = faults_of(name, change, model, providers={*ADAPTERS, *AI_PROVIDERS})
    if faults:
        raise InvalidValueError(faults)
    model = model or _blank(name, change)
    is_testing, is_default = _places(model, change)
    displaced = _displaced(session, model, is_testing=is_testing, is_default=is_default, now=now)
    model.is_testing, model.is_default = is_testing, is_default
    model.is_active, model.retired_at = True, None
    _write(model, change)
    session.add(model)
    session.flush()
    return ModelSet(model, displaced)


def retire(session: Session, name: str, *, now: datetime) -> AiModel:
    """Have a model asked no more; runs under way keep it. ConflictError for the live one that is asked by default."""
    lock_system(session)
    model = find_model(session, display_text(name))
    if not model.is_active:
        return model
    _refuse_the_default(model)
    model.is_active, model.retired_at = False, now
    session.flush()
    return model


def _blank(name: str, change: ModelChange) -> AiModel:
    # Anthropic's models of today refuse a temperature; an older one that takes it is told so.
    has_temperature = change.provider != ProviderName.ANTHROPIC
    kind = ModelType(change.model_type or "").value
    model = AiModel(name=name, provider=change.provider, model_type=kind, has_temperature=has_temperature)
    model.is_active = model.is_testing = model.is_default = False
    return model


def _places(model: AiModel, change: ModelChange) -> tuple[bool, bool]:
    """Whether it is to be the testing model, and whether the default; the one excludes the other."""
    was_default = model.is_default and model.is_active
    is_testing = model.is_testing if change.is_testing is None else change.is_testing
    is_default = was_default if change.is_default is None else change.is_default
    if change.is_default:
        is_testing = False
    elif is_testing or not is_default:
        if was_default:
            _refuse_the_default(model)
        is_default = False
    return is_testing, is_default


def _displaced(
    session: Session, model: AiModel, *, is_testing: bool, is_default: bool, now: datetime
) -> AiModel | None:
    """Put the model out of the place that another one takes; it is written first, since the place holds one."""
    if not is_testing and not is_default:
        return None
    is_there = AiModel.is_testing if is_testing else AiModel.is_default & ~AiModel.is_testing
    query = select(AiModel).where(AiModel.model_type == model.model_type, AiModel.is_active, is_there)
    other = session.scalar(query.where(AiModel.name != model.name))
    if other is None:
        return None
    if is_testing:
        # Left active it would be one that accounts can choose as their live model.
        other.is_active, other.retired_at = False, now
    else:
        other.is_default = False
    session.flush()
    return other


def _refuse_the_default(model: AiModel) -> None:
    if model.is_default:
        raise ConflictError(
            f"{model.display_name} is the live {model.model_type} model that is asked by default: without one no run "
            "could start. Make another one the default first: igny8 models set NAME --default"
        )


def _write(model: AiModel, change: ModelChange) -> None:
    model.provider = change.provider or model.provider
    model.display_name = display_text(change.display_name or "") or model.display_name or model.name
    given = {field: getattr(change, field) for field in _KEPT}
    for field, value in given.items():
        if value is not None:
            setattr(model, field, value)
    if change.output_token_limit is not None:
        model.output_token_limit = change.output_token_limit or None
    has_price = any(given[field] is not None for field in ("tokens_per_credit", "credits_per_image"))
    # A price given to a free model is meant to be charged.
    model.is_free = (model.is_free or False) and not has_price if change.is_free is None else change.is_free


def cost_string(cost: Decimal | None) -> str | None:
    """A cost in US dollars as a decimal string without zeros at its end; None where nobody said."""
    return None if cost is None else f"{cost.normalize():f}"


def described(model: AiModel) -> dict[str, Any]:
    """A model as commands and the API show it; costs are decimal strings in US dollars."""
    names = ("id", "name", "display_name", "provider", "is_active", "is_testing", "is_default", "is_free")
    prices = ("tokens_per_credit", "credits_per_image", "image_prices", "retired_at")
    return {
        **{name: getattr(model, name) for name in names},
        "type": model.model_type,
        **{name: getattr(model, name) for name in prices},
        **{name: cost_string(getattr(model, name)) for name in _COSTS},
        **{name: getattr(model, name) if model.model_type == ModelType.TEXT else None for name in CAPABILITIES},
    }


def told(model: AiModel) -> dict[str, Any]:
    """What the audit trail keeps of a model."""
    return {name: value for name, value in described(model).items() if name not in {"id", "retired_at"}}
