"""A model that thinks before it writes: without room for it its items fail and say the remedy, with it they are done.

Asked over real HTTP, by the adapters, of a server that thinks within the tokens that it may have.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from pipeline.config import config
from pipeline.core.money import token_charge_ucr
from pipeline.core.providers import ProviderName
from pipeline.engine import gates
from pipeline.models import AiModel, StageItem
from pipeline.services import providers
from pipeline.services.providers import ProviderChange
from tests.integration.answers.conftest import Made
from tests.support.provider_server import ProviderServer, provider_server
from tests.support.scripted import calls_of, statuses, subjects
from tests.support.worlds import World

ASKED, THOUGHTS = 2_000, 3_000


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with provider_server() as served:
        served.thinks = THOUGHTS
        yield served
    gates.adapter.cache_clear()


def _asked_there(world: World, server: ProviderServer, provider: str, **able: int) -> None:
    """Have the texts of a world asked of the server, as the provider speaks."""
    address = ProviderChange(api_key="key", base_url=getattr(server, provider))
    with world.database.transaction() as session:
        providers.set_provider(session, ProviderName(provider), address, home=config().home, now=world.driver.clock.at)
        session.execute(update(AiModel).where(AiModel.model_type == "text").values(provider=provider, **able))


def _errors(world: World) -> list[str | None]:
    with world.database.reading() as session:
        return list(session.scalars(select(StageItem.error)))


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_without_room_for_thoughts_the_item_fails_with_the_remedy(
    sqlite_world_of: Made, server: ProviderServer, provider: str
) -> None:
    world, _ = sqlite_world_of(2)
    _asked_there(world, server, provider)
    subjects(world, 2, ["garden spade"])

    run_id = world.run()

    calls, [error] = calls_of(world, run_id, 2), _errors(world)
    assert [(call.step, call.output_tokens, call.flags) for call in calls] == [
        ("ask", ASKED, ["wasted"]),
        ("repair", ASKED, ["wasted"]),
    ]
    assert error is not None
    assert error.startswith("the answer could not be used: it was cut off before its end")
    assert error.endswith("igny8 models set fake-text --thinking-tokens N")
    told = [str(request.body) for request in server.journal]
    assert "cut off" in told[1]
    assert "igny8" not in told[1]
    world.assert_sound()


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_with_room_for_thoughts_it_is_done_and_what_was_used_is_charged(
    world_of: Made, server: ProviderServer, provider: str
) -> None:
    world, _ = world_of(2)
    _asked_there(world, server, provider, thinking_tokens=4_000)
    subjects(world, 2, ["garden spade"])

    run_id = world.run()

    [call], [asked] = calls_of(world, run_id, 2), server.journal
    assert statuses(world, 2) == ["planned"]
    assert _errors(world) == [None]
    assert asked.body.get("max_completion_tokens", asked.body.get("max_tokens")) == ASKED + 4_000
    assert call.parameters["max_output_tokens"] == ASKED + 4_000
    assert call.parameters["origins"]["max_output_tokens"] == "stage"
    assert THOUGHTS < call.output_tokens == asked.output_tokens < THOUGHTS + ASKED
    used = asked.input_tokens + asked.output_tokens
    assert call.charged_amount == token_charge_ucr(used, call.price["tokens_per_credit"]) < call.held_amount
    world.assert_sound()
