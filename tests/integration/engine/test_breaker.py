"""The breaker of a model at a provider: who may ask while it is open, who tries first, what closes it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from pipeline.ai.port import OutcomeUnknownError, RequestRefusedError, ThrottledError, UnavailableError
from pipeline.config import config
from pipeline.core.catalog import ModelType
from pipeline.core.errors import PipelineError
from pipeline.core.pricing import Price
from pipeline.core.states import StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import breaker, gates, wire
from pipeline.engine.breaker import Target
from pipeline.models import ProviderBreaker
from tests.integration.engine.test_answers import ALONE
from tests.support import worlds
from tests.support.worlds import World, make_world

DOWN = UnavailableError("the provider answered 500")
TARGET = Target("fake", "fake-text")


@pytest.fixture(autouse=True)
def lanes(monkeypatch: pytest.MonkeyPatch) -> int:
    """Three: one alone would have nobody to keep away."""
    monkeypatch.setattr(worlds, "LANES", 3)
    return 3


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Nobody really waits, and nothing is remembered of another test."""
    gates._suspects.clear()
    monkeypatch.setattr(wire, "nap", lambda _: None)
    world = make_world(database, settings=ALONE)
    yield world
    world.assert_sound()


def _row(world: World) -> ProviderBreaker | None:
    with world.database.reading() as session:
        return session.scalar(select(ProviderBreaker))


def _called_at(world: World) -> list[datetime]:
    """When the provider was asked, from now on."""
    instants: list[datetime] = []
    world.provider.on_call = lambda: instants.append(world.driver.clock.at)
    return instants


def _look(world: World, model: str = TARGET.model) -> gates.Gate:
    with world.database.reading() as session:
        return gates.look(session, Price(1, model, TARGET.provider, ModelType.TEXT))


def _fail(world: World, count: int, *, probing: bool = False, wait: float = 0.0) -> datetime | None:
    until = None
    for _ in range(count):
        with world.database.transaction() as session:
            now = world.driver.clock.at
            until = breaker.failed(session, TARGET, said="500", asked_wait=wait, probing=probing, now=now)
    return until


def test_after_so_many_failures_nobody_asks_until_one_call_is_tried_and_closes_it(world: World) -> None:
    world.keywords([f"fine {n}" for n in range(6)])
    world.provider.script.extend([DOWN] * config().breaker_failures)
    instants = _called_at(world)

    run_id = world.run()

    assert len(instants) == 5 + 6
    assert min(instants[5:]) >= instants[4] + timedelta(seconds=config().breaker_seconds)
    row = _row(world)
    assert row is not None
    assert (row.failures, row.open_until, row.openings) == (0, None, 0)
    assert {item.attempts for item in world.items(run_id, 2)} == {0}
    assert world.stages(run_id)[2].status is StageRunStatus.COMPLETED


def test_at_the_half_open_instant_exactly_one_of_many_is_let_through(world: World) -> None:
    until = _fail(world, 5)
    assert until is not None
    world.driver.clock.at = until
    waiting = [_look(world) for _ in range(6)]

    with ThreadPoolExecutor(len(waiting)) as threads:
        entered = list(threads.map(lambda gate: _entered(world, gate), waiting))

    assert sorted(entered) == [False] * 5 + [True]
    assert gates.bar(_look(world), now=until) is not None
    # A worker that died with it keeps nobody out for ever.
    after = until + timedelta(seconds=config().call_hard_limit_seconds)
    assert gates.bar(_look(world), now=after) is None


def _entered(world: World, gate: gates.Gate) -> bool:
    try:
        return gates.enter(world.database, gate)
    except breaker.BreakerOpenError:
        return False


def test_each_failed_try_leaves_it_alone_for_twice_as_long_up_to_the_most(world: World) -> None:
    spans = []
    until = _fail(world, 5)
    for _ in range(7):
        assert until is not None
        spans.append((until - world.driver.clock.at).total_seconds())
        world.driver.clock.at = until
        until = _fail(world, 1, probing=True)

    assert spans == [30, 60, 120, 240, 480, 600, 600]


def test_a_provider_that_asks_for_longer_is_left_alone_for_longer(world: World) -> None:
    until = _fail(world, 5, wait=900)

    assert until == world.driver.clock.at + timedelta(seconds=900)


def test_what_was_under_way_when_it_opened_moves_nothing(world: World) -> None:
    until = _fail(world, 5)
    world.driver.clock.move(10)

    assert _fail(world, 1) == until


@pytest.mark.parametrize("error", [ThrottledError("busy", retry_after_seconds=1), RequestRefusedError("no")])
def test_any_answer_begins_the_count_anew(world: World, error: PipelineError) -> None:
    world.keywords([f"fine {n}" for n in range(9)])
    world.provider.script.extend([DOWN] * 4 + [error] + [DOWN] * 4)
    instants = _called_at(world)

    world.run()

    assert len(instants) >= 9
    row = _row(world)
    assert row is not None
    assert (row.failures, row.openings) == (0, 0)


def test_calls_whose_outcome_is_unknown_open_it_too(world: World) -> None:
    world.keywords([f"fine {n}" for n in range(9)])
    world.provider.script.extend([OutcomeUnknownError("it timed out")] * 5)
    world.start()
    world.driver.drain()

    row = _row(world)
    assert row is not None
    assert row.open_until is not None


def test_another_model_of_the_provider_is_asked_meanwhile(world: World) -> None:
    assert _fail(world, 5) is not None

    barred = {model: gates.bar(_look(world, model), now=world.driver.clock.at) for model in ("fake-text", "fake-image")}
    assert isinstance(barred["fake-text"], breaker.BreakerOpenError)
    assert barred["fake-image"] is None


def test_a_model_that_stays_down_ends_the_stage_after_the_longest_wait_and_few_calls(world: World) -> None:
    world.keywords([f"fine {n}" for n in range(6)])
    world.provider.script.extend([DOWN] * 1_000)
    instants = _called_at(world)
    began = world.driver.clock.at

    run_id = world.run()

    stage = world.stages(run_id)[2]
    assert stage.status is StageRunStatus.PROVIDER_UNAVAILABLE
    assert "fake has not answered since" in (stage.reason or "")
    assert {item.status.value for item in world.items(run_id, 2)} == {"released"}
    waited = (world.driver.clock.at - began).total_seconds()
    assert config().provider_wait_max_seconds <= waited <= config().provider_wait_max_seconds + 60
    assert len(instants) <= 5 + 18
