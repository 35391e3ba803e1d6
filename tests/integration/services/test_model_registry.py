"""The rules of plan 2.3, 2.3.1, 2.3.2 about models: one table, one testing and one default a type, cost and price."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from pipeline.core import money
from pipeline.core.capabilities import Capabilities
from pipeline.core.catalog import ModelType
from pipeline.core.errors import ConflictError, InvalidValueError, NotFoundError, NotReadyError
from pipeline.core.pricing import Price
from pipeline.db.session import Database
from pipeline.models import AiModel, Site
from pipeline.models.base import table_of
from pipeline.services import accounts, model_registry, models
from pipeline.services.model_changes import ModelChange

OPENAI = {"provider": "openai", "model_type": ModelType.TEXT}
PAINTER = {"provider": "runware", "model_type": ModelType.IMAGE}


@pytest.fixture
def made(database: Database, now: datetime) -> Database:
    """An installation with its four offline models."""
    with database.transaction() as session:
        accounts.init_installation(session, now=now)
    return database


def _set(database: Database, name: str, now: datetime, **change: Any) -> model_registry.ModelSet:
    with database.transaction() as session:
        return model_registry.set_model(session, name, ModelChange(**change), now=now)


def _model(database: Database, name: str) -> AiModel:
    with database.reading() as session:
        return model_registry.find_model(session, name)


def _asked(database: Database, kind: ModelType, *, use_testing: bool) -> str:
    with database.reading() as session:
        return models.price_for(session, kind, use_testing=use_testing).model


def test_a_model_has_cost_and_price_in_one_row(made: Database, now: datetime) -> None:
    costs = {"cost_per_1k_input": Decimal("0.01"), "cost_per_1k_output": Decimal("0.03")}
    _set(made, "gpt", now, **OPENAI, tokens_per_credit=10_000, is_default=True, **costs)

    with made.reading() as session:
        price = models.price_for(session, ModelType.TEXT, use_testing=False)

    assert price.model == "gpt"
    assert price.token_charge_ucr(10_000) == money.ucr(1)
    assert price.token_cost_picodollars(1_000, 1_000) == money.picodollars(Decimal("0.04"))


def test_only_one_model_a_type_is_the_testing_one(made: Database, now: datetime) -> None:
    done = _set(made, "cheap", now, **OPENAI, tokens_per_credit=1_000_000, is_testing=True)

    before = _model(made, "offline-writer-testing")
    assert done.displaced is not None
    assert (done.displaced.name, before.is_active, before.retired_at) == (before.name, False, now)
    assert _asked(made, ModelType.TEXT, use_testing=True) == "cheap"
    assert _asked(made, ModelType.IMAGE, use_testing=True) == "offline-painter-testing"


def test_only_one_live_model_a_type_is_the_default_and_the_one_before_may_be_chosen(
    made: Database, now: datetime
) -> None:
    done = _set(made, "gpt", now, **OPENAI, tokens_per_credit=100, is_default=True)

    before = _model(made, "offline-writer")
    assert done.displaced is not None
    assert (done.displaced.name, before.is_default, before.is_active) == ("offline-writer", False, True)
    assert _asked(made, ModelType.TEXT, use_testing=False) == "gpt"


@pytest.mark.parametrize(
    "values",
    [
        {"is_testing": True},
        {"is_default": True},
        {"is_testing": True, "is_default": True, "is_active": False},
        {"cost_per_1k_input": Decimal("-0.1")},
        {"cost_per_1k_output": Decimal("-0.1")},
        {"cost_per_image": Decimal(-1)},
        {"tokens_per_credit": 0},
        {"credits_per_image": 1},
        {"model_type": "image", "tokens_per_credit": 5},
        {"model_type": "image", "credits_per_image": -1},
        {"model_type": "sound"},
        {"name": "offline-writer"},
    ],
)
def test_the_database_itself_refuses_what_no_model_may_be(made: Database, values: dict[str, Any]) -> None:
    row = {"name": "x", "display_name": "x", "provider": "openai", "model_type": "text"}
    flags = {"is_active": True, "is_testing": False, "is_default": False, "is_free": False, "image_prices": {}}

    with pytest.raises(IntegrityError), made.transaction() as session:
        session.execute(insert(table_of(AiModel)).values(row | flags | values))


def test_places_of_another_type_and_of_retired_models_are_free(made: Database, now: datetime) -> None:
    with made.transaction() as session:
        model_registry.retire(session, "offline-writer-testing", now=now)

    done = _set(made, "cheap", now, **OPENAI, is_testing=True, is_free=True)

    assert done.displaced is None
    assert _asked(made, ModelType.IMAGE, use_testing=True) == "offline-painter-testing"


def test_the_testing_model_is_never_the_default(made: Database, now: datetime) -> None:
    with pytest.raises(InvalidValueError, match="the testing model is never the default"):
        _set(made, "x", now, **OPENAI, is_testing=True, is_default=True)


@pytest.mark.parametrize("change", [{"is_default": False}, {"is_testing": True}], ids=str)
def test_a_type_is_not_left_without_a_live_model(made: Database, now: datetime, change: dict[str, Any]) -> None:
    with pytest.raises(ConflictError, match="Make another one the default first"):
        _set(made, "offline-writer", now, **change)
    with pytest.raises(ConflictError, match="Make another one the default first"), made.transaction() as session:
        model_registry.retire(session, "offline-writer", now=now)

    assert _asked(made, ModelType.TEXT, use_testing=False) == "offline-writer"


def test_a_testing_model_that_becomes_the_default_tests_no_more(made: Database, now: datetime) -> None:
    _set(made, "offline-writer-testing", now, is_default=True)

    assert _asked(made, ModelType.TEXT, use_testing=False) == "offline-writer-testing"
    with made.reading() as session, pytest.raises(NotReadyError, match="no active testing text model"):
        models.price_for(session, ModelType.TEXT, use_testing=True)


def test_what_is_left_out_stays_as_it_is(made: Database, now: datetime) -> None:
    _set(made, "gpt", now, **OPENAI, display_name="GPT", tokens_per_credit=100, cost_per_1k_input=Decimal("0.5"))

    _set(made, "gpt", now, tokens_per_credit=200)

    model = _model(made, "gpt")
    assert (model.display_name, model.tokens_per_credit, model.cost_per_1k_input) == ("GPT", 200, Decimal("0.5"))
    assert (model.provider, model.is_testing, model.is_default, model.is_active) == ("openai", False, False, True)


def test_a_retired_model_is_asked_no_more_until_it_is_set_again(made: Database, now: datetime) -> None:
    _set(made, "gpt", now, **OPENAI, tokens_per_credit=100)
    with made.transaction() as session:
        retired = model_registry.retire(session, "gpt", now=now)
        again = model_registry.retire(session, "gpt", now=now + timedelta(hours=1))
    assert (retired.is_active, again.retired_at) == (False, now)

    back = _set(made, "gpt", now)

    assert (back.model.is_active, back.model.retired_at) == (True, None)


def test_a_retired_testing_model_takes_no_place_unasked(made: Database, now: datetime) -> None:
    _set(made, "cheap", now, **OPENAI, is_testing=True, is_free=True)

    with pytest.raises(InvalidValueError, match="Say whether it is to be that again"):
        _set(made, "offline-writer-testing", now, tokens_per_credit=5)
    assert _asked(made, ModelType.TEXT, use_testing=True) == "cheap"

    _set(made, "offline-writer-testing", now, is_testing=True)
    assert _asked(made, ModelType.TEXT, use_testing=True) == "offline-writer-testing"


def test_a_default_that_never_was_active_takes_no_place_unasked(database: Database, now: datetime) -> None:
    with database.transaction() as session:
        session.add(
            AiModel(name="own", display_name="Own", provider="openai", model_type="text", is_default=True, is_free=True)
        )
        session.flush()
        accounts.init_installation(session, now=now)
    assert _model(database, "offline-writer").is_active is False

    done = _set(database, "offline-writer", now)

    assert (done.displaced, done.model.is_active, done.model.is_default) == (None, True, False)
    assert _asked(database, ModelType.TEXT, use_testing=False) == "own"


def test_free_is_said_and_a_price_ends_it(made: Database, now: datetime) -> None:
    _set(made, "gpt", now, **OPENAI, is_default=True, is_free=True)
    with made.reading() as session:
        assert models.price_for(session, ModelType.TEXT, use_testing=False).token_charge_ucr(10**6) == 0

    _set(made, "gpt", now, tokens_per_credit=100)

    with made.reading() as session:
        assert models.price_for(session, ModelType.TEXT, use_testing=False).token_charge_ucr(100) == money.ucr(1)


def test_a_default_without_a_price_is_kept_and_refuses_calls_with_the_command_that_helps(
    made: Database, now: datetime
) -> None:
    _set(made, "gpt", now, **OPENAI, is_default=True)

    with made.reading() as session, pytest.raises(NotReadyError, match="igny8 models set gpt --tokens-per-credit N"):
        models.price_for(session, ModelType.TEXT, use_testing=False)


def test_an_image_costs_by_its_size_and_quality(made: Database, now: datetime) -> None:
    prices = {"1536x1024/high": {"credits_per_image": 15, "cost_per_image": "0.04"}}
    _set(made, "painter", now, **PAINTER, is_default=True, credits_per_image=5, image_prices=prices)

    with made.reading() as session:
        price = models.price_for(session, ModelType.IMAGE, use_testing=False)

    assert price.image_charge_ucr("1536x1024/high") == money.ucr(15)
    assert price.image_charge_ucr("1024x1024/low") == money.ucr(5)
    assert price.image_cost_picodollars("1536x1024/high") == money.picodollars(Decimal("0.04"))


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, {"provider", "type"}),
        ({**OPENAI, "provider": "acme"}, {"provider"}),
        ({**OPENAI, "tokens_per_credit": 0}, {"tokens_per_credit"}),
        ({**OPENAI, "credits_per_image": 1, "cost_per_image": Decimal(1)}, {"credits_per_image", "cost_per_image"}),
        (
            {**PAINTER, "tokens_per_credit": 1, "cost_per_1k_input": Decimal(1)},
            {"tokens_per_credit", "cost_per_1k_input"},
        ),
        ({**OPENAI, "cost_per_1k_input": Decimal("NaN")}, {"cost_per_1k_input"}),
        ({**OPENAI, "cost_per_1k_input": Decimal("-0.1")}, {"cost_per_1k_input"}),
        ({**OPENAI, "cost_per_1k_output": Decimal("0.0000000001")}, {"cost_per_1k_output"}),
        ({**PAINTER, "cost_per_image": Decimal("1e7")}, {"cost_per_image"}),
        ({**OPENAI, "is_free": True, "tokens_per_credit": 1}, {"is_free"}),
        ({**OPENAI, "display_name": " "}, {"display_name"}),
        ({**PAINTER, "image_prices": {"big": {}}}, {"image_prices.big"}),
        (
            {**PAINTER, "image_prices": {"1x1/low": {"credits_per_image": -1, "cost_per_image": "-1"}}},
            {"image_prices.1x1/low.credits_per_image", "image_prices.1x1/low.cost_per_image"},
        ),
    ],
)
def test_every_fault_of_a_model_is_told_and_nothing_is_kept(
    made: Database, now: datetime, change: dict[str, Any], fields: set[str]
) -> None:
    with pytest.raises(InvalidValueError) as refused:
        _set(made, "x", now, **change)

    assert {fault.field for fault in refused.value.faults} == fields
    with made.reading() as session, pytest.raises(NotFoundError, match="igny8 models list"):
        model_registry.find_model(session, "x")


def test_the_type_of_a_model_stays(made: Database, now: datetime) -> None:
    with pytest.raises(InvalidValueError, match="is a model of type text, which stays"):
        _set(made, "offline-writer", now, model_type=ModelType.IMAGE)


def test_a_name_is_needed(made: Database, now: datetime) -> None:
    for name in ("", "  ", "x" * 201):
        with pytest.raises(InvalidValueError, match="1 to 200 characters"):
            _set(made, name, now, **OPENAI)


def test_a_model_cannot_be_named_after_another_by_spaces(made: Database, now: datetime) -> None:
    _set(made, " offline-writer ", now, tokens_per_credit=7)

    with made.reading() as session:
        assert session.scalars(select(AiModel.tokens_per_credit).where(AiModel.name == "offline-writer")).all() == [7]


def test_the_live_model_is_what_the_account_prefers_among_the_active_live_ones(
    database: Database, site: Site, now: datetime
) -> None:
    _set(database, "own", now, **OPENAI, tokens_per_credit=100)

    def asked(preferred: str | None, *, use_testing: bool = False) -> str:
        with database.reading() as session:
            return models.price_for(session, ModelType.TEXT, use_testing=use_testing, preferred=preferred).model

    assert asked("own") == "own"
    assert asked(None) == asked("offline-writer-testing") == asked("gone") == "offline-writer"
    assert asked("own", use_testing=True) == "offline-writer-testing"
    with database.transaction() as session:
        model_registry.retire(session, "own", now=now)
    assert asked("own") == "offline-writer"


def test_whoever_makes_a_default_at_the_same_time_waits_for_the_others(made: Database, now: datetime) -> None:
    def make(number: int) -> str:
        return _set(made, f"gpt-{number}", now, **OPENAI, tokens_per_credit=100, is_default=True).model.name

    with ThreadPoolExecutor(6) as pool:
        names = set(pool.map(make, range(12)))

    with made.reading() as session:
        text_models = [model for model in model_registry.list_models(session) if model.name in names]
    assert len(text_models) == 12
    asked = _asked(made, ModelType.TEXT, use_testing=False)
    assert [model.name for model in text_models if model.is_default] == [asked]


def test_what_a_model_takes_and_gives_is_frozen_with_its_price(made: Database, now: datetime) -> None:
    able = {"has_temperature": False, "has_json_schema": False, "max_tokens_name": "max_tokens"}
    tokens = {"output_token_limit": 9_096, "thinking_tokens": 4_000}
    _set(made, "own", now, **OPENAI, tokens_per_credit=10, is_default=True, **able, **tokens)

    with made.reading() as session:
        price = models.price_for(session, ModelType.TEXT, use_testing=False)

    assert price.capabilities == Capabilities(**able, **tokens)
    assert Price.from_json(price.as_json()) == price


def test_a_model_of_anthropic_takes_no_temperature_unless_somebody_says_so(made: Database, now: datetime) -> None:
    claude = {"provider": "anthropic", "model_type": ModelType.TEXT, "tokens_per_credit": 10}

    _set(made, "new", now, **claude)
    _set(made, "old", now, **claude, has_temperature=True)
    _set(made, "new", now, output_token_limit=5)
    _set(made, "new", now, output_token_limit=0)

    assert (_model(made, "new").has_temperature, _model(made, "new").output_token_limit) == (False, None)
    assert _model(made, "old").has_temperature


def test_a_model_thinks_until_it_is_told_not_to(made: Database, now: datetime) -> None:
    _set(made, "gpt", now, **OPENAI, tokens_per_credit=10)
    before = _model(made, "gpt").thinking_tokens
    _set(made, "gpt", now, thinking_tokens=4_000)
    _set(made, "gpt", now, tokens_per_credit=20)
    thinks = _model(made, "gpt").thinking_tokens
    _set(made, "gpt", now, thinking_tokens=0)

    assert (before, thinks, _model(made, "gpt").thinking_tokens) == (0, 4_000, 0)


def test_capabilities_are_those_of_texts_and_named_as_servers_name_them(made: Database, now: datetime) -> None:
    wrong = {"max_tokens_name": "most", "output_token_limit": 10_000_001, "thinking_tokens": 1_000_001}

    with pytest.raises(InvalidValueError) as text_refused:
        _set(made, "gpt", now, **OPENAI, **wrong)
    with pytest.raises(InvalidValueError) as image_refused:
        _set(made, "painter", now, **PAINTER, has_temperature=True)

    assert {fault.field for fault in text_refused.value.faults} == set(wrong)
    assert [fault.field for fault in image_refused.value.faults] == ["has_temperature"]
