"""Owns `/models/catalogue`: a starting list of models with cost and price, and adding one of it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from pipeline.core.catalog import ModelType
from pipeline.core.roles import Role, Scope
from pipeline.services import audit, model_catalogue, model_registry
from pipeline.web.answers import problems
from pipeline.web.api.models import ModelName, SetModel
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(prefix="/models/catalogue", tags=[Scope.MODELS.value])
_EXAMPLE: Final[dict[str, Any]] = {
    "name": "gpt-6-luna",
    "display_name": "GPT-6 Luna",
    "provider": "openai",
    "type": "text",
    "as_of": "2026-09-22",
    "check": "check against your provider's price list",
    "note": None,
    "is_added": False,
    "tokens_per_credit": 13000,
    "credits_per_image": None,
    "cost_per_1k_input": "0.0001",
    "cost_per_1k_output": "0.0005",
    "cost_per_image": None,
    "image_prices": {},
    "has_temperature": False,
    "has_json_schema": True,
    "max_tokens_name": "max_completion_tokens",
    "output_token_limit": 128000,
    "thinking_tokens": 4000,
}
OfProvider = Annotated[str | None, Query(max_length=32, description="Only this provider's models.")]


class CatalogueModel(BaseModel):
    """A model that could be added: what it costs us (US dollars), and what a customer could pay (credits)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: str
    display_name: str
    provider: str
    type: ModelType
    #: When its cost was last seen.
    as_of: date
    #: What to do before relying on it.
    check: str
    note: str | None
    #: Whether one of that name is among the models; it stays as it is.
    is_added: bool
    tokens_per_credit: int | None
    credits_per_image: int | None
    cost_per_1k_input: str | None
    cost_per_1k_output: str | None
    cost_per_image: str | None
    image_prices: dict[str, dict[str, int | str | None]]
    has_temperature: bool | None
    has_json_schema: bool | None
    max_tokens_name: str | None
    output_token_limit: int | None
    thinking_tokens: int | None


class Catalogue(BaseModel):
    """The list."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EXAMPLE]}]})

    items: list[CatalogueModel]


class ModelToAdd(BaseModel):
    """A model of the catalogue, and the place it takes."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "gpt-6-luna", "is_default": True}]}
    )

    name: ModelName
    is_testing: bool = False
    is_default: bool = False


@router.get("", operation_id="list_model_catalogue", response_model=Catalogue, responses=problems(401, 403, 422))
@reads(Scope.MODELS, role=Role.PLATFORM_ADMIN)
def list_all(unit: Unit, provider: OfProvider = None) -> dict[str, Any]:
    """List models that could be added, with cost and price: check them against your provider's price list."""
    return {"items": [each.as_json() for each in model_catalogue.list_catalogue(unit.session, provider=provider)]}


@router.post(
    "",
    operation_id="add_model_of_catalogue",
    status_code=201,
    response_model=SetModel,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes(Scope.MODELS, role=Role.PLATFORM_ADMIN)
def add(unit: Unit, given: ModelToAdd) -> dict[str, Any]:
    """Add a model of the catalogue. 409 where one of that name is there: it stays as it is."""
    done = model_catalogue.add(
        unit.session, given.name, is_testing=given.is_testing, is_default=given.is_default, now=unit.now
    )
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action="model.set",
        subject_kind="model",
        subject_id=done.model.id,
        now=unit.now,
        details=model_registry.told(done.model),
    )
    displaced = done.displaced.name if done.displaced else None
    return {"model": model_registry.described(done.model), "displaced": displaced}
