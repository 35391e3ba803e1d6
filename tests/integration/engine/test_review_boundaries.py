"""engine.md rules 3, 4, 7, 8, 11 and 13 where two transactions meet: lost answers of COMMIT, stops, waits, ticks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pipeline.core.errors import LiveRunError
from pipeline.core.states import CallStatus, ItemStatus, RunStatus
from pipeline.db.session import Database
from pipeline.engine import dispatch, slices
from pipeline.models import Account, Lane, Run
from pipeline.services import runs
from tests.integration.engine.test_answers import ALONE, IN_BATCHES
from tests.integration.engine.test_control import _until_admitted
from tests.integration.engine.test_runs import ALL
from tests.support.worlds import World, make_world

ONE_LANE = {"stages.1.concurrency": "1", "stages.2.concurrency": "1"}


def _lose_the_answer_of_commit(database: Database, number: int) -> None:
    """The transaction of that number (from 1) is committed, and nobody hears of it."""
    real, seen = database.transaction, iter(range(1, 10_000))

    @contextmanager
    def deaf() -> Iterator[Session]:
        with real() as session:
            yield session
        if next(seen) == number:
            raise OperationalError("COMMIT", {}, Exception("the connection is gone"))

    database.transaction = deaf  # type: ignore[method-assign]


def _run_to_end_whatever_dies(world: World, run_id: int) -> RunStatus:
    while True:
        try:
            return world.driver.run_to_end(run_id)
        except OperationalError:  # The link died: its worker takes the next message.
            world.driver.clock.move(61)


@pytest.mark.parametrize("settings", [ALONE, IN_BATCHES], ids=["alone", "in-batches"])
@pytest.mark.parametrize("number", range(1, 8))
def test_a_commit_whose_answer_was_lost_is_done_once(database: Database, settings: dict[str, str], number: int) -> None:
    world = make_world(database, settings={**settings, **ONE_LANE})
    world.keywords([f"fine {n}" for n in range(3)])
    run_id = world.start()
    _until_admitted(world, run_id, 2 if settings is ALONE else 1)
    _lose_the_answer_of_commit(database, number)

    status = _run_to_end_whatever_dies(world, run_id)
    del database.transaction  # type: ignore[method-assign]

    assert status is RunStatus.COMPLETED
    assert set(world.volumes().values()) == {1}
    assert {call.status for call in world.calls()} == {CallStatus.SETTLED}
    world.assert_sound()


def test_a_worker_that_is_told_to_stop_lets_go_without_an_attempt(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(database, settings={**ALONE, **ONE_LANE})
    world.keywords(["fine 1", "fine 2"])
    run_id = world.start()
    real = world.provider.complete_text

    def be_told(request: object) -> object:
        slices.stopping.set()
        return real(request)  # type: ignore[arg-type]

    world.provider.complete_text = be_told  # type: ignore[assignment,method-assign]
    world.driver.drain()
    slices.stopping.clear()

    with database.reading() as session:
        lane = session.get_one(Lane, (world.stages(run_id)[2].id, 1))
    assert (lane.lease_until, lane.due_at) == (None, world.driver.clock.at)
    items = world.items(run_id, 2)
    assert [(item.status, item.attempts) for item in items] == [(ItemStatus.DONE, 0), (ItemStatus.PENDING, 0)]


def test_a_hold_that_others_are_in_the_way_of_waits_two_seconds_without_an_attempt(database: Database) -> None:
    world = make_world(database, settings={**ALONE, **ONE_LANE})
    world.keywords(["fine 1"])
    run_id = world.start()
    _until_admitted(world, run_id, 2)
    with database.transaction() as session:
        session.execute(update(Account).values(held=Account.balance))

    world.driver.clock.move(30)
    world.driver.dispatch()
    world.driver.drain()

    with database.reading() as session:
        lane = session.get_one(Lane, (world.stages(run_id)[2].id, 1))
    assert lane.due_at == world.driver.clock.at + timedelta(seconds=2)
    assert [(item.status, item.attempts) for item in world.items(run_id, 2)] == [(ItemStatus.PENDING, 0)]

    with database.transaction() as session:
        session.execute(update(Account).values(held=0))
    assert world.driver.run_to_end(run_id) is RunStatus.COMPLETED
    world.assert_sound()


def test_a_tick_sends_no_more_than_its_share(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "MOST_A_TICK", 2)
    world = make_world(sqlite_database, settings={**ALONE, "stages.2.concurrency": "6"})
    world.keywords([f"fine {n}" for n in range(6)])
    run_id = world.start()
    _until_admitted(world, run_id, 2)

    sent = [world.driver.dispatch() for _ in range(4)]

    assert sent == [2, 2, 1, 0]


def test_an_image_whose_bytes_are_refused_twice_fails_its_prompt_alone(database: Database) -> None:
    off = {f"stages.{n}.enabled": "false" for n in (1, 2, 3, 4, 7)}
    world = make_world(database, settings={**ALL, **off, "stages.5.budget_pct": "0"})
    world.keywords(["garbage 1", "fine 2"])

    run_id = world.run()

    assert [item.status for item in world.items(run_id, 6)] == [ItemStatus.FAILED, ItemStatus.DONE]
    assert [(call.step, call.flags) for call in world.calls() if "wasted" in call.flags] == [
        ("ask", ["wasted"]),
        ("repair", ["wasted"]),
    ]
    world.assert_sound()


def test_a_retry_is_refused_while_a_run_of_the_site_is_live(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["boom 1", "fine 2"])
    failed = world.run()
    world.keywords(["fine 3"])
    live = world.start()

    with pytest.raises(LiveRunError) as refused, database.transaction() as session:
        runs.retry(session, session.get_one(Run, failed), now=world.driver.clock.at)

    assert refused.value.run_id == live


def test_a_retry_knows_no_limit(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords([f"boom {n}" for n in range(3)])
    failed = world.run()
    world.settings({"stages.2.per_run_limit": "1"})

    with database.transaction() as session:
        started = runs.retry(session, session.get_one(Run, failed), now=world.driver.clock.at)
    assert started.run_id is not None
    assert started.stage_run_id is not None
    world.driver.send_stage(started.stage_run_id)
    world.driver.run_to_end(started.run_id)

    assert len(world.items(started.run_id, 2)) == 3
