"""The pace of a provider: so many requests and tokens a minute, of all workers together."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import pytest
from sqlalchemy import select, update

from pipeline.ai import ADAPTERS
from pipeline.ai.port import RequestRefusedError
from pipeline.config import config
from pipeline.core.providers import ProviderName
from pipeline.core.states import CallStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import pace, wire
from pipeline.engine.pace import OverPaceError, Pace
from pipeline.models import AiModel, IntegrationProvider
from pipeline.services import provider_health, providers
from pipeline.services.providers import ProviderChange
from tests.integration.engine.test_answers import ALONE
from tests.support import worlds
from tests.support.worlds import World, make_world


@pytest.fixture(autouse=True)
def lanes(monkeypatch: pytest.MonkeyPatch) -> int:
    """Three: they share one pace."""
    monkeypatch.setattr(worlds, "LANES", 3)
    return 3


@pytest.fixture
def naps() -> list[float]:
    """How long was waited within a worker."""
    return []


@pytest.fixture
def world(database: Database, naps: list[float], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Its provider is called openai; who waits moves the clock."""
    world = make_world(database, settings=ALONE)
    monkeypatch.setitem(ADAPTERS, "openai", lambda _: world.provider)
    with database.transaction() as session:
        session.execute(update(AiModel).where(AiModel.name == "fake-text").values(provider="openai"))

    def nap(seconds: float) -> None:
        naps.append(seconds)
        world.driver.clock.move(seconds)

    monkeypatch.setattr(wire, "nap", nap)
    yield world
    world.assert_sound()


def _set(world: World, **limits: int) -> None:
    with world.database.transaction() as session:
        change = ProviderChange(api_key="sk", **limits)
        now = world.driver.clock.at
        providers.set_provider(session, ProviderName.OPENAI, change, home=config().home, now=now)


def _seconds_between_calls(world: World) -> list[float]:
    """Run; how long lay between each call and the next."""
    instants: list[datetime] = []
    world.provider.on_call = lambda: instants.append(world.driver.clock.at)
    world.run()
    return [(later - earlier).total_seconds() for earlier, later in pairwise(instants)]


def test_requests_keep_their_distance_whatever_the_number_of_lanes(world: World, naps: list[float]) -> None:
    _set(world, requests_per_minute=30)
    world.keywords([f"fine {n}" for n in range(12)])

    between = _seconds_between_calls(world)

    assert len(between) == 11
    assert min(between) >= 2
    assert sum(between) == pytest.approx(22, abs=1)
    assert max(naps) <= config().call_wait_seconds
    assert {call.status for call in world.calls()} == {CallStatus.SETTLED}


def test_a_place_too_far_ahead_gives_the_item_back_and_nothing_is_held_for(world: World, naps: list[float]) -> None:
    _set(world, requests_per_minute=3)
    world.keywords([f"fine {n}" for n in range(5)])

    between = _seconds_between_calls(world)

    assert [round(seconds) for seconds in between] == [20] * 4
    assert max(naps, default=0) <= config().call_wait_seconds
    assert [call.status for call in world.calls()] == [CallStatus.SETTLED] * 5
    assert all(row.unavailable_since is None for row in world.stages(1).values())


def test_tokens_keep_to_the_minute_by_what_was_used_and_not_by_what_was_feared(world: World) -> None:
    # An answer of the fake provider uses 110 tokens; the longest that is asked for would be more than a hundred alone.
    _set(world, tokens_per_minute=3_300)
    world.keywords([f"fine {n}" for n in range(6)])

    between = _seconds_between_calls(world)

    assert len(between) == 5
    assert sum(between) == pytest.approx(5 * 2, rel=0.2)


def test_a_call_larger_than_a_minutes_tokens_is_made_once_its_time_has_come(world: World) -> None:
    _set(world, tokens_per_minute=10)
    world.keywords(["fine 1", "fine 2"])

    between = _seconds_between_calls(world)

    assert [round(seconds / 60) for seconds in between] == [11]


def test_workers_at_the_same_instant_get_places_one_after_the_other(world: World) -> None:
    _set(world, requests_per_minute=60)
    paced = Pace("openai", 60, None, None)
    now = world.driver.clock.at

    def take(_: int) -> float | None:
        with world.database.transaction() as session:
            try:
                return pace.take(session, paced, tokens=0, now=now)
            except OverPaceError:
                return None

    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(take, range(8)))

    assert sorted(wait for wait in waits if wait is not None) == [0, 1, 2, 3, 4, 5]
    assert waits.count(None) == 2
    with world.database.reading() as session:
        kept = session.scalars(select(IntegrationProvider.next_call_us).where(IntegrationProvider.name == "openai"))
        assert kept.one() == int(now.timestamp()) * 1_000_000 + 6_000_000


def test_a_lie_about_usage_keeps_nobody_waiting_for_longer_than_its_call_could_have_used(world: World) -> None:
    _set(world, tokens_per_minute=3_300)
    world.keywords(["fine 1", "fine 2"])
    told = world.provider.complete_text
    world.provider.complete_text = lambda request: replace(  # type: ignore[method-assign]
        told(request), input_tokens=50_000_000, output_tokens=50_000_000
    )

    between = _seconds_between_calls(world)

    assert max(between) < 60


def test_tokens_of_a_call_that_was_not_billed_are_given_back(world: World) -> None:
    _set(world, tokens_per_minute=10)
    world.keywords(["fine 1"])
    world.provider.script.append(RequestRefusedError("no"))

    world.run()

    assert _next_call_us(world) < int(world.driver.clock.at.timestamp()) * 1_000_000 + 60_000_000


def test_a_long_wait_is_told_ends_with_the_longest_outage_and_is_over_when_the_pace_is_set_again(world: World) -> None:
    _set(world, tokens_per_minute=1_000)
    world.keywords(["fine 1"])
    far = int(world.driver.clock.at.timestamp() + 90_000) * 1_000_000
    with world.database.transaction() as session:
        openai = update(IntegrationProvider).where(IntegrationProvider.name == "openai")
        session.execute(openai.values(next_call_us=far))

    stage = world.stages(world.run())[2]

    assert stage.status is StageRunStatus.PROVIDER_UNAVAILABLE
    assert "pace" in (stage.reason or "")
    assert _troubles(world) == [("openai", "", "paced")]
    _set(world, tokens_per_minute=1_000)
    assert _troubles(world) == []
    assert world.stages(world.run())[2].status is StageRunStatus.COMPLETED


def _next_call_us(world: World) -> int:
    with world.database.reading() as session:
        kept = session.scalars(select(IntegrationProvider.next_call_us).where(IntegrationProvider.name == "openai"))
        return kept.one() or 0


def _troubles(world: World) -> list[tuple[str, str, str]]:
    with world.database.reading() as session:
        found = provider_health.troubles(session, now=world.driver.clock.at)
    return [(each.provider, each.model, each.state) for each in found]
