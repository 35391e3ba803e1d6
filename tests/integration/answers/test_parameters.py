"""Settings reach the wire, site before account before system; the call keeps what was sent and who decided it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from pipeline.core.catalog import ModelType
from pipeline.core.money import UCR_PER_CREDIT, credit_string
from pipeline.db.session import Database
from pipeline.models import AiModel
from pipeline.services import model_registry, settings
from pipeline.services.cost_reports import Period, ReportBy
from pipeline.services.flagged_calls import full_report
from pipeline.services.model_changes import ModelChange
from tests.integration.answers.conftest import Made
from tests.support.scripted import CHARGE, calls_of, good, said, subjects
from tests.support.worlds import World

NAME = "garden spade"


def _saved(world: World, *, site: dict[str, Any], account: dict[str, Any], system: dict[str, Any]) -> None:
    world.settings({f"ai.{name}": str(value) for name, value in site.items()})
    with world.database.transaction() as session:
        settings.save_account(session, world.account_id, {f"ai.{name}": value for name, value in account.items()})
        settings.save_system(session, {f"ai.{name}": value for name, value in system.items()})


TEXT_CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "the system's": ({}, {}, {"temperature": 0.1, "max_tokens": 1_500}, {
        "max_output_tokens": 1_500, "temperature": 0.1,
        "origins": {"model": "system", "max_output_tokens": "system", "temperature": "system"},
    }),
    "the account's": ({}, {"temperature": 0.2, "max_tokens": 1_400}, {"temperature": 0.1, "max_tokens": 1_500}, {
        "max_output_tokens": 1_400, "temperature": 0.2,
        "origins": {"model": "system", "max_output_tokens": "account", "temperature": "account"},
    }),
    "the site's": ({"temperature": 0.0}, {"temperature": 0.2, "max_tokens": 1_400}, {"max_tokens": 1_500}, {
        "max_output_tokens": 1_400, "temperature": 0.0,
        "origins": {"model": "system", "max_output_tokens": "account", "temperature": "site"},
    }),
    "the stage's": ({"max_tokens": 200_000}, {}, {"temperature": 0.5}, {
        "max_output_tokens": 2_000, "temperature": 0.5,
        "origins": {"model": "system", "max_output_tokens": "stage", "temperature": "system"},
    }),
    "what is of use": ({"max_tokens": 256}, {}, {"temperature": 0.5}, {
        "max_output_tokens": 800, "temperature": 0.5,
        "origins": {"model": "system", "max_output_tokens": "stage", "temperature": "system"},
    }),
}  # fmt: skip


@pytest.mark.parametrize("case", TEXT_CASES)
def test_parameters_of_a_text_reach_the_wire_and_the_call(sqlite_world_of: Made, case: str) -> None:
    site, account, system, parameters = TEXT_CASES[case]
    world, script = sqlite_world_of(2)
    _saved(world, site=site, account=account, system=system)
    subjects(world, 2, [NAME])
    script.write(NAME, said(good(2, NAME)))

    run_id = world.run()

    [call], [request] = calls_of(world, run_id, 2), script.texts
    assert call.parameters == parameters
    assert (request.max_output_tokens, request.temperature) == (
        parameters["max_output_tokens"],
        parameters["temperature"],
    )


def test_what_a_model_cannot_do_is_not_sent_and_said_to_be_its_own(sqlite_world_of: Made) -> None:
    world, script = sqlite_world_of(2)
    with world.database.transaction() as session:
        session.execute(update(AiModel).values(has_temperature=False, output_token_limit=850))
    subjects(world, 2, [NAME])
    script.write(NAME, said(good(2, NAME)))

    run_id = world.run()

    [call] = calls_of(world, run_id, 2)
    assert call.parameters == {
        "max_output_tokens": 850, "temperature": None,
        "origins": {"model": "system", "max_output_tokens": "model", "temperature": "model"},
    }  # fmt: skip
    assert (script.texts[0].temperature, script.texts[0].max_output_tokens) == (None, 850)


def test_an_answer_that_the_money_shortens_says_so(sqlite_world_of: Made) -> None:
    world, script = sqlite_world_of(2)
    subjects(world, 2, [NAME])
    script.write(NAME, said(good(2, NAME)), said(good(2, "garden spade again")))
    [first] = calls_of(world, world.run(), 2)
    subjects(world, 2, ["other garden spade"])
    run_id = world.start()
    world.set_balance(credit_string(first.held_amount - 5 * UCR_PER_CREDIT))

    world.driver.run_to_end(run_id)

    [call] = calls_of(world, run_id, 2)
    assert first.parameters["origins"]["max_output_tokens"] == "stage"
    assert 800 <= call.parameters["max_output_tokens"] == script.texts[1].max_output_tokens < 2_000
    assert call.parameters["origins"]["max_output_tokens"] == "hold"


@pytest.mark.parametrize(
    ("site", "account", "sent", "origins"),
    [
        ({}, {}, ("standard", "photorealistic"), ("system", "system")),
        ({}, {"image_quality": "hd"}, ("hd", "photorealistic"), ("account", "system")),
        ({"image_style": "ink"}, {"image_style": "oil", "image_quality": "hd"}, ("hd", "ink"), ("account", "site")),
    ],
)
def test_parameters_of_an_image_reach_the_wire_and_the_call(
    sqlite_world_of: Made, site: Any, account: Any, sent: tuple[str, str], origins: tuple[str, str]
) -> None:
    quality, style = sent
    world, script = sqlite_world_of(6)
    _saved(world, site=site, account=account, system={})
    subjects(world, 6, [NAME])

    run_id = world.run()

    [call], [request] = calls_of(world, run_id, 6), script.images
    assert (request.quality, request.style) == (quality, style)
    assert f"Style: {style}." in request.prompt
    assert call.parameters == {
        "width": 1_280, "height": 720, "quality": quality, "style": style,
        "origins": {
            "model": "system", "width": "stage", "height": "stage", "quality": origins[0], "style": origins[1],
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("use_testing", "preferred", "model", "origin"),
    [
        ("true", "fake-own", "fake-cheap", "site"),
        ("false", "fake-own", "fake-own", "account"),
        ("false", "fake-gone", "fake-text", "system"),
    ],
)
def test_who_chose_the_model_is_kept(
    sqlite_world_of: Made, use_testing: str, preferred: str, model: str, origin: str
) -> None:
    world, script = sqlite_world_of(2, **{"stages.2.use_testing": use_testing})
    with world.database.transaction() as session:
        text = {"provider": "fake", "model_type": ModelType.TEXT, "tokens_per_credit": 100}
        now = world.driver.clock.at
        model_registry.set_model(session, "fake-cheap", ModelChange(**text, is_testing=True), now=now)
        for name in ("fake-own", "fake-gone"):
            model_registry.set_model(session, name, ModelChange(**text), now=now)
        settings.save_account(session, world.account_id, {"ai.model_preferences.text": preferred})
        session.execute(update(AiModel).where(AiModel.name == "fake-gone").values(is_active=False))
    subjects(world, 2, [NAME])
    script.write(NAME, said(good(2, NAME)))

    run_id = world.run()

    [call] = calls_of(world, run_id, 2)
    assert (call.model, script.texts[0].model, call.parameters["origins"]["model"]) == (model, model, origin)


def test_prices_and_settings_that_change_rewrite_no_history(world_of: Made, database: Database) -> None:
    world, script = world_of(2, **{"ai.temperature": "0.3"})
    costs = {"cost_per_1k_input": Decimal("0.001"), "cost_per_1k_output": Decimal("0.002")}
    with database.transaction() as session:
        session.execute(update(AiModel).values(costs))
    subjects(world, 2, [NAME, "iron fork"])
    script.write(f'"{NAME}"', said("nonsense"), said(good(2, NAME)))
    script.write('"iron fork"', said(good(2, "iron fork")))
    run_id = world.start()
    _dearer(world)

    world.driver.run_to_end(run_id)
    before = _report(world)
    _dearer(world)

    calls = calls_of(world, run_id, 2)
    assert {(call.charged_amount, call.cost_picodollars, call.parameters["temperature"]) for call in calls} == {
        (CHARGE, 120_000_000, 0.3)
    }
    assert _report(world) == before
    assert before["live"]["credits_charged"] == "3.3"
    assert before["live"]["cost_usd"] == "0.00036"
    assert before["flagged"][0]["credits_charged"] == "1.1"
    world.assert_sound()


def _dearer(world: World) -> None:
    """Everything that a charge or a cost is made of changes."""
    with world.database.transaction() as session:
        values = {
            "tokens_per_credit": AiModel.tokens_per_credit * 7,
            "cost_per_1k_input": AiModel.cost_per_1k_input + 1,
        }
        session.execute(update(AiModel).values(values))
        settings.save_system(session, {"credit_value_usd": "0.5", "ai.temperature": 1.5})
    world.settings({"ai.temperature": "0.9"})


def _report(world: World) -> dict[str, Any]:
    always = Period(date(2020, 1, 1), date(2029, 1, 1))
    with world.database.reading() as session:
        report = full_report(session, ReportBy.MODEL, account_id=world.account_id, period=always)
        return report.as_json(with_dollars=True)
