"""Owns adding models of the catalogue: with its cost, its suggested price and what it can; afterwards they are edited.

What is there already is never overwritten. Never: a model nobody asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.ai.catalogue import CHECK, CatalogueModel, catalogue
from pipeline.core.catalog import ModelType
from pipeline.core.errors import ConflictError, Fault, InvalidValueError, NotFoundError
from pipeline.core.normal import display_text
from pipeline.models import AiModel
from pipeline.services import model_registry
from pipeline.services.model_changes import CAPABILITIES, ModelChange
from pipeline.services.model_registry import ModelSet, cost_string


@dataclass(frozen=True)
class Listed:
    """A model of the catalogue, and whether one of its name is there already."""

    model: CatalogueModel
    is_added: bool

    def as_json(self) -> dict[str, Any]:
        """For commands and the API; costs are decimal strings in US dollars."""
        model = self.model
        is_text = model.model_type is ModelType.TEXT
        return {
            "name": model.name,
            "display_name": model.display_name,
            "provider": model.provider,
            "type": model.model_type.value,
            "as_of": model.as_of,
            "check": CHECK,
            "note": model.note,
            "is_added": self.is_added,
            "tokens_per_credit": model.tokens_per_credit,
            "credits_per_image": model.credits_per_image,
            "cost_per_1k_input": cost_string(model.cost_per_1k_input),
            "cost_per_1k_output": cost_string(model.cost_per_1k_output),
            "cost_per_image": cost_string(model.cost_per_image),
            "image_prices": {name: dict(price) for name, price in model.image_prices.items()},
            **{name: getattr(model.capabilities, name) if is_text else None for name in CAPABILITIES},
        }


def list_catalogue(session: Session, *, provider: str | None = None) -> Sequence[Listed]:
    """The catalogue, or one provider's part of it. InvalidValueError: it has none of that provider."""
    known = sorted({model.provider for model in catalogue()})
    if provider is not None and provider not in known:
        told = f"the catalogue has no models of {provider[:50]!r}. Use one of {', '.join(known)}."
        raise InvalidValueError([Fault("provider", told)])
    there = _there(session, {model.name for model in catalogue()})
    return [Listed(model, model.name in there) for model in catalogue() if provider in {None, model.provider}]


def add(session: Session, name: str, *, now: datetime, is_testing: bool = False, is_default: bool = False) -> ModelSet:
    """Add a model of the catalogue, as the testing or the default one if asked for.

    NotFoundError: it is not in the catalogue. ConflictError: one of that name is there, perhaps edited, and stays.
    """
    name = display_text(name)
    found = next((model for model in catalogue() if model.name == name), None)
    if found is None:
        raise NotFoundError(f"The catalogue has no model {name[:200]!r}. `igny8 models catalogue` lists those it has.")
    if _there(session, {name}):
        raise ConflictError(f"{name} is there already and stays as it is. Change it with igny8 models set {name}.")
    change = replace(change_of(found), is_testing=is_testing or None, is_default=is_default or None)
    return model_registry.set_model(session, name, change, now=now)


def _there(session: Session, names: Collection[str]) -> set[str]:
    return set(session.scalars(select(AiModel.name).where(AiModel.name.in_(names))))


def change_of(model: CatalogueModel) -> ModelChange:
    """What setting it by hand would change."""
    is_text = model.model_type is ModelType.TEXT
    return ModelChange(
        provider=model.provider,
        model_type=model.model_type,
        display_name=model.display_name,
        tokens_per_credit=model.tokens_per_credit,
        credits_per_image=model.credits_per_image,
        cost_per_1k_input=model.cost_per_1k_input,
        cost_per_1k_output=model.cost_per_1k_output,
        cost_per_image=model.cost_per_image,
        image_prices=model.image_prices or None,
        **({each: getattr(model.capabilities, each) for each in CAPABILITIES} if is_text else {}),
    )
