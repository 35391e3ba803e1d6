"""Integration box of the plan: Testing or Live selects the model of AI calls, and what accounts choose reaches them."""

from __future__ import annotations

from sqlalchemy import select

from pipeline.core.catalog import ModelType
from pipeline.core.states import RunStatus
from pipeline.db.session import Database
from pipeline.models import AiCall, StageRun
from pipeline.services import model_registry, settings
from pipeline.services.model_changes import ModelChange
from tests.integration.engine.test_runs import ALL
from tests.support.worlds import World, make_world


def _prices_by_stage(world: World) -> dict[int, set[tuple[str, int | None]]]:
    """Stage -> models and prices of its calls."""
    query = select(StageRun.number, AiCall.price).join(StageRun, StageRun.id == AiCall.stage_run_id)
    found: dict[int, set[tuple[str, int | None]]] = {}
    with world.database.reading() as session:
        for number, price in session.execute(query):
            found.setdefault(number, set()).add((price["model"], price["tokens_per_credit"]))
    return found


def test_testing_or_live_selects_the_model_of_ai_calls(database: Database) -> None:
    world = make_world(database, settings={**ALL, "stages.1.use_testing": "true"})
    with database.transaction() as session:
        now = world.driver.clock.at
        text = {"provider": "fake", "model_type": ModelType.TEXT}
        cheap = ModelChange(**text, is_testing=True, tokens_per_credit=1_000)
        model_registry.set_model(session, "fake-cheap", cheap, now=now)
        model_registry.set_model(session, "fake-own", ModelChange(**text, tokens_per_credit=50), now=now)
        wanted = {"ai.model_preferences.text": "fake-own", "ai.temperature": 0.25}
        settings.save_account(session, world.account_id, wanted)
    world.keywords(["desk", "lamp"])

    run_id = world.run()

    asked = _prices_by_stage(world)
    assert world.driver.status(run_id) is RunStatus.COMPLETED
    assert asked == {
        1: {("fake-cheap", 1_000)},
        2: {("fake-own", 50)},
        4: {("fake-own", 50)},
        5: {("fake-own", 50)},
        6: {("fake-image", None)},
    }
    assert world.provider.asked == {("fake-cheap", 0.25), ("fake-own", 0.25)}
    world.assert_sound()
