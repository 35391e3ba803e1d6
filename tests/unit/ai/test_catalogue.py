"""The starting list of models: dated, with a margin on everything, and each as it could be set by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from pipeline.ai import ADAPTERS
from pipeline.ai.catalogue import CatalogueModel, catalogue, written
from pipeline.core.catalog import ModelType
from pipeline.core.providers import MAKES, ProviderName
from pipeline.services.model_catalogue import change_of
from pipeline.services.model_changes import faults_of

#: What a credit is worth, in US dollars, and what a price has on top of our cost at least.
_CREDIT = Decimal("0.01")
_MARGIN = Decimal("1.5")
_ALL = pytest.mark.parametrize("model", catalogue(), ids=lambda model: model.name)


def test_there_are_texts_and_images_of_every_provider_that_makes_them() -> None:
    listed = {(model.provider, model.model_type) for model in catalogue()}

    assert listed == {(provider.value, made) for provider, kinds in MAKES.items() for made in kinds}
    assert {provider for provider, _ in listed} <= set(ADAPTERS)
    assert len({model.name for model in catalogue()}) == len(catalogue())


@_ALL
def test_each_is_dated_and_could_be_set_by_hand(model: CatalogueModel) -> None:
    assert date(2025, 1, 1) < model.as_of <= written()
    assert faults_of(model.name, change_of(model), None, providers=list(ProviderName)) == []


@_ALL
def test_who_thinks_has_room_for_it_and_for_an_answer(model: CatalogueModel) -> None:
    able = model.capabilities
    thinks = model.model_type is ModelType.TEXT and model.name != "claude-haiku-4-5"

    assert able.thinking_tokens >= 4_000 if thinks else able.thinking_tokens == 0
    assert able.room_for(20_000) == 20_000 + able.thinking_tokens


@_ALL
def test_each_price_leaves_half_of_our_cost_on_top(model: CatalogueModel) -> None:
    if model.model_type is ModelType.TEXT:
        dearest = max(model.cost_per_1k_input or 0, model.cost_per_1k_output or 0)
        assert dearest > 0
        assert _CREDIT * 1_000 / (model.tokens_per_credit or 1) >= _MARGIN * dearest
        return
    priced = [(model.credits_per_image, model.cost_per_image)]
    priced += [(each["credits_per_image"], Decimal(each["cost_per_image"])) for each in model.image_prices.values()]
    assert all(cost and _CREDIT * (amount or 0) >= _MARGIN * cost for amount, cost in priced)
