"""engine.md rule 11: waits of seconds are waited out, each time with a hold of its own; longer ones give items back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from pipeline.ai.port import ThrottledError, UnavailableError
from pipeline.config import config
from pipeline.core.errors import PipelineError
from pipeline.core.states import CallStatus, RunStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import slices, wire
from pipeline.models import Lane
from pipeline.services import run_control, runs
from tests.integration.engine.test_answers import ALONE
from tests.support.worlds import World, make_world

BUSY = UnavailableError("the provider answered 503")
SOON = ThrottledError("too many requests", retry_after_seconds=2)
AT_ONCE = ThrottledError("too many requests", retry_after_seconds=0)
LATER = ThrottledError("too many requests", retry_after_seconds=20)


@pytest.fixture(autouse=True)
def lanes() -> int:
    """One: these are about a single item."""
    return 1


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited within a worker; nobody really waits."""
    waited: list[float] = []
    monkeypatch.setattr(wire, "nap", waited.append)
    return waited


@pytest.fixture
def world(database: Database, naps: list[float]) -> Iterator[World]:
    world = make_world(database, settings=ALONE)
    yield world
    world.assert_sound()


def _statuses(world: World) -> list[str]:
    return [call.status.value for call in world.calls()]


@pytest.mark.parametrize(
    ("error", "least", "most"),
    [(SOON, 2, 2.2), (BUSY, 0.5, 1), (AT_ONCE, 0.5, 1)],
    ids=["asked-for", "not-asked-for", "asked-for-none"],
)
def test_a_short_wait_is_waited_out_with_jitter_and_each_attempt_is_a_call_with_its_hold(
    world: World, naps: list[float], error: PipelineError, least: float, most: float
) -> None:
    world.keywords(["fine 1"])
    world.provider.script.append(error)

    run_id = world.run()

    assert _statuses(world) == ["voided", "settled"]
    assert len(naps) == 1
    assert least <= naps[0] <= most
    assert world.items(run_id, 2)[0].attempts == 0


def test_after_three_attempts_the_item_is_given_back_without_an_attempt_and_later_done(
    world: World, naps: list[float]
) -> None:
    world.keywords(["fine 1"])
    world.provider.script.extend([BUSY] * 3)
    began = world.driver.clock.at

    run_id = world.run()

    assert _statuses(world) == ["voided"] * 3 + ["settled"]
    assert len(naps) == 2
    assert world.driver.clock.at - began >= timedelta(seconds=30)
    assert [(item.status.value, item.attempts) for item in world.items(run_id, 2)] == [("done", 0)]
    assert world.stages(run_id)[2].unavailable_since is None


def test_a_long_wait_gives_the_item_back_instead_of_sleeping(world: World, naps: list[float]) -> None:
    world.keywords(["fine 1"])
    world.provider.script.append(LATER)
    run_id = world.start()
    world.driver.drain()

    with world.database.reading() as session:
        stage = world.stages(run_id)[2]
        lane = session.get_one(Lane, (stage.id, 1))
        assert lane.lease_until is None
        assert lane.due_at is not None
        wait = (lane.due_at - world.driver.clock.at).total_seconds()
    assert 20 <= wait <= 22
    assert (naps, _statuses(world)) == ([], ["voided"])

    world.driver.run_to_end(run_id)
    assert _statuses(world) == ["voided", "settled"]


def test_the_time_of_a_pause_is_not_the_providers(world: World) -> None:
    world.keywords(["fine 1"])
    world.provider.script.extend([LATER, LATER])
    run_id = world.start()
    world.driver.drain()
    _change(world, run_id, run_control.pause)
    world.driver.clock.move(config().provider_wait_max_seconds - 10)

    _change(world, run_id, run_control.resume)
    world.driver.run_to_end(run_id)

    assert world.driver.status(run_id) is RunStatus.COMPLETED
    assert _statuses(world) == ["voided", "voided", "settled"]


def test_the_time_in_which_no_worker_was_there_is_not_the_providers(world: World) -> None:
    world.keywords(["fine 1"])
    world.provider.script.extend([LATER, LATER, LATER])
    run_id = world.start()
    world.driver.drain()
    world.driver.clock.move(config().provider_wait_max_seconds + 100)

    world.driver.run_to_end(run_id)

    assert world.driver.status(run_id) is RunStatus.COMPLETED
    assert _statuses(world) == ["voided"] * 3 + ["settled"]


def test_a_provider_that_asks_for_more_time_than_it_gets_ends_the_stage(world: World) -> None:
    world.keywords(["fine 1"])
    world.provider.script.extend([ThrottledError("tomorrow", retry_after_seconds=86_400)] * 2)
    run_id = world.run()

    assert world.stages(run_id)[2].status is StageRunStatus.PROVIDER_UNAVAILABLE
    assert _statuses(world) == ["voided", "voided"]


def _change(world: World, run_id: int, change: Callable[..., None]) -> None:
    with world.database.transaction() as session:
        run = runs.get_run(session, account_id=world.account_id, run_id=run_id)
        change(session, run, actor="test", now=world.driver.clock.at)


def test_a_run_that_is_cancelled_meanwhile_is_not_asked_for_again(world: World) -> None:
    world.keywords(["fine 1"])
    world.provider.script.append(SOON)
    run_id = world.start()

    def cancel() -> None:
        with world.database.transaction() as session:
            run = runs.get_run(session, account_id=world.account_id, run_id=run_id)
            run_control.cancel(session, run, actor="test", now=world.driver.clock.at)

    world.provider.on_call = cancel
    world.driver.run_to_end(run_id)

    assert world.driver.status(run_id) is RunStatus.CANCELLED
    assert _statuses(world) == ["voided"]


def test_a_worker_that_is_asked_to_stop_does_not_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.keywords(["fine 1"])
    world.provider.script.append(SOON)
    run_id = world.start()
    world.driver.step()
    monkeypatch.setattr(wire, "nap", lambda _: slices.stopping.set())

    world.driver.drain()
    slices.stopping.clear()

    assert _statuses(world) == ["voided"]
    world.driver.run_to_end(run_id)
    assert [call.status for call in world.calls()] == [CallStatus.VOIDED, CallStatus.SETTLED]


def test_what_breaks_in_an_adapter_costs_an_attempt_and_not_the_lane(world: World) -> None:
    world.keywords(["fine 1"])
    world.provider.script.append(RuntimeError("broken"))

    run_id = world.run()

    assert _statuses(world) == ["lost", "settled"]
    assert world.items(run_id, 2)[0].attempts == 1
