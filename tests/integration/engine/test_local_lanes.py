"""engine.md rules 3, 4, 8 and 12 for stages that ask nothing: the first batch is kept where the lane is taken."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy.orm import Session

from benchmarks.counting import counting
from pipeline.contract import Produced, Subjects
from pipeline.core.states import ItemStatus, LaneStatus, RunStatus
from pipeline.db.session import Database
from pipeline.engine.dispatch import Chain
from pipeline.models import Keyword, Lane, Run
from pipeline.services import run_control
from tests.integration.engine.test_control import _until_admitted
from tests.integration.engine.test_review_boundaries import _lose_the_answer_of_commit, _run_to_end_whatever_dies
from tests.integration.engine.test_runs import ALL
from tests.support import fake_stages
from tests.support.worlds import World, make_world

ONLY_LOCAL = {**ALL, **{f"stages.{n}.enabled": "false" for n in (1, 2, 4, 5, 6, 7)}}


def _world(database: Database, texts: list[str]) -> tuple[World, int]:
    world = make_world(database, settings=ONLY_LOCAL)
    world.keywords(texts)
    run_id = world.start()
    _until_admitted(world, run_id, 3)
    row = world.stages(run_id)[3]
    world.driver.send(Chain(row.id, row.key, admitted=True, lane=1))
    return world, run_id


def test_a_lane_is_taken_worked_on_and_closed_in_one_transaction(database: Database) -> None:
    world, run_id = _world(database, [f"fine {n}" for n in range(5)])

    with counting(database) as counted:
        world.driver.step()

    with database.reading() as session:
        lane = session.get_one(Lane, (world.stages(run_id)[3].id, 1))
    assert counted["commits"] == 1
    assert lane.status is LaneStatus.CLOSED
    assert {item.status for item in world.items(run_id, 3)} == {ItemStatus.DONE}
    assert set(world.volumes().values()) == {1}


@pytest.mark.parametrize("number", range(1, 4))
def test_a_local_batch_whose_commit_was_not_heard_of_is_kept_once(database: Database, number: int) -> None:
    world, run_id = _world(database, [f"fine {n}" for n in range(3)])
    _lose_the_answer_of_commit(database, number)

    status = _run_to_end_whatever_dies(world, run_id)
    del database.transaction  # type: ignore[method-assign]

    assert status is RunStatus.COMPLETED
    assert set(world.volumes().values()) == {1}
    world.assert_sound()


def test_a_local_stage_that_breaks_in_its_first_batch_costs_what_it_costs_in_any(database: Database) -> None:
    world, run_id = _world(database, ["fine 1", "boom 2", "fine 3"])

    world.driver.run_to_end(run_id)

    assert [item.status for item in world.items(run_id, 3)] == [ItemStatus.DONE, ItemStatus.FAILED, ItemStatus.DONE]
    assert [item.attempts for item in world.items(run_id, 3)] == [0, 3, 0]
    assert world.volumes() == {"fine 1": 1, "boom 2": 0, "fine 3": 1}
    world.assert_sound()


def test_a_cancel_while_the_first_batch_is_kept_loses_nothing_of_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, run_id = _world(database, [f"fine {n}" for n in range(3)])
    keeping, cancelling = Event(), Event()
    monkeypatch.setattr(fake_stages.Counting, "keep", _kept_once_told(keeping, cancelling))

    def cancel() -> None:
        keeping.wait(30)
        with database.transaction() as session:
            run = session.get_one(Run, run_id)
            run_control.cancel(session, run, actor="person", now=world.driver.clock.at)

    with ThreadPoolExecutor(2) as pool:
        worker = pool.submit(world.driver.step)
        person = pool.submit(cancel)
        cancelling.set()
        worker.result(60)
        person.result(60)
    world.driver.run_to_end(run_id)

    assert world.driver.status(run_id) is RunStatus.CANCELLED
    assert {item.status for item in world.items(run_id, 3)} == {ItemStatus.DONE}
    assert set(world.volumes().values()) == {1}
    world.assert_sound()


def _kept_once_told(keeping: Event, cancelling: Event) -> Callable[..., Produced | None]:
    real = fake_stages.Counting.keep

    def keep(
        self: fake_stages.Counting, session: Session, subjects: Subjects[Keyword], answer: object
    ) -> Produced | None:
        keeping.set()
        cancelling.wait(30)
        return real(self, session, subjects, answer)

    return keep
