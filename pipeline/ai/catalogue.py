"""Owns the starting list of models: names, costs, suggested prices, capabilities, each with the day it was seen.

Nobody keeps it up by itself: it is a beginning, to be checked against the provider's price list.
Never: the database.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final

from pipeline.core.capabilities import Capabilities
from pipeline.core.catalog import ModelType

CHECK: Final = "check against your provider's price list"
_COSTS: Final = ("cost_per_1k_input", "cost_per_1k_output", "cost_per_image")
_CAPABILITIES: Final = tuple(each.name for each in fields(Capabilities))


@dataclass(frozen=True, kw_only=True)
class CatalogueModel:
    """One model of the list. Costs are US dollars of ours, prices are suggestions."""

    name: str
    provider: str
    model_type: ModelType
    display_name: str
    #: When its cost was last seen.
    as_of: date
    note: str | None = None
    tokens_per_credit: int | None = None
    credits_per_image: int | None = None
    cost_per_1k_input: Decimal | None = None
    cost_per_1k_output: Decimal | None = None
    cost_per_image: Decimal | None = None
    #: "WxH/quality" -> {"credits_per_image", "cost_per_image"}.
    image_prices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    capabilities: Capabilities = field(default_factory=Capabilities)


@cache
def catalogue() -> tuple[CatalogueModel, ...]:
    """Every model of the list, in its order."""
    return tuple(_model(dict(entry)) for entry in _read()["models"])


@cache
def written() -> date:
    """When the list was last gone through."""
    found: date = _read()["written"]
    return found


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads((files("pipeline.ai") / "catalogue.toml").read_text("utf-8"))


def _model(entry: dict[str, Any]) -> CatalogueModel:
    able = Capabilities.from_json({name: entry.pop(name) for name in _CAPABILITIES if name in entry})
    costs: dict[str, Any] = {name: Decimal(entry.pop(name)) for name in _COSTS if name in entry}
    model_type = ModelType(entry.pop("type"))
    return CatalogueModel(**entry, **costs, model_type=model_type, capabilities=able)
