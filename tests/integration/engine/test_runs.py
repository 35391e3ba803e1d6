"""engine.md, "A run starts" and "A lane works": a run from its start to its end."""

from __future__ import annotations

import pytest

from pipeline.core.errors import LiveRunError
from pipeline.core.states import ItemStatus, RunStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import executor
from pipeline.engine.outcomes import GoOn
from pipeline.models import Decision
from pipeline.services import runs
from tests.support.worlds import make_world

BUDGETS = {f"stages.{n}.budget_pct": "20" for n in (1, 2, 4, 5, 6)}
NO_LIMITS = {f"stages.{n}.per_run_limit": "0" for n in range(1, 8)}
ALL = {**BUDGETS, **NO_LIMITS}


def test_a_run_takes_every_input_once_through_every_stage(database: Database) -> None:
    world = make_world(database, settings={**ALL, "stages.1.batch_size": "3"})
    world.keywords(f"fine {n}" for n in range(10))

    run_id = world.run()

    assert world.driver.status(run_id) is RunStatus.COMPLETED
    assert set(world.volumes().values()) == {7}
    assert {row.status for row in world.stages(run_id).values()} == {StageRunStatus.COMPLETED}
    world.assert_sound()


def test_every_message_three_times_changes_nothing(database: Database) -> None:
    world = make_world(database, settings={**ALL, "stages.2.concurrency": "3"}, copies=3)
    world.keywords(f"fine {n}" for n in range(7))

    run_id = world.run()

    assert set(world.volumes().values()) == {7}
    assert world.driver.status(run_id) is RunStatus.COMPLETED
    world.assert_sound()


def test_nothing_waiting_is_a_recorded_skip_and_no_run(database: Database) -> None:
    world = make_world(database, settings=ALL)

    with database.transaction() as session:
        started = runs.start(session, site=world.site(session), now=world.driver.clock.at)

    assert (started.run_id, started.reason) == (None, runs.NOTHING_WAITS)
    with database.reading() as session:
        assert [(row.kind, row.reason) for row in session.query(Decision)] == [("skipped", runs.NOTHING_WAITS)]


def test_a_second_run_of_a_site_is_refused_while_one_is_live(database: Database) -> None:
    world = make_world(database, settings=ALL)
    world.keywords(["fine 1"])
    live = world.start()

    with pytest.raises(LiveRunError) as refused:
        world.start()

    assert refused.value.run_id == live


def test_a_limit_takes_the_least_tried_inputs_first(database: Database) -> None:
    world = make_world(database, settings={**ALL, "stages.1.per_run_limit": "2"})
    world.keywords(["fine 1", "fine 2", "fine 3"])

    run_id = world.run()

    assert [item.subject_id for item in world.items(run_id, 1)] == [1, 2]
    assert [item.status for item in world.items(run_id, 1)] == [ItemStatus.DONE] * 2


def test_an_admission_tells_of_its_lanes_once(database: Database, lanes: int) -> None:
    world = make_world(database, settings={**ALL, "stages.1.batch_size": "1"})
    world.keywords(["fine 1", "fine 2", "fine 3"])
    stage_run_id = world.stages(world.start())[1].id

    outcomes = [executor.admit(database, stage_run_id) for _ in range(2)]

    assert outcomes == [GoOn(lanes=lanes - 1), GoOn()]


def test_a_stage_that_is_off_is_skipped_and_hands_over(database: Database) -> None:
    world = make_world(database, settings={**ALL, "stages.2.enabled": "false"})
    world.keywords(["fine 1"])

    run_id = world.run()

    stages = world.stages(run_id)
    assert (stages[2].status, stages[2].reason) == (StageRunStatus.SKIPPED, "switched off")
    assert stages[3].status is StageRunStatus.COMPLETED
    assert world.volumes() == {"fine 1": 6}


def test_one_image_stage_off_rests_both(database: Database) -> None:
    world = make_world(database, settings={**ALL, "stages.6.enabled": "false"})
    world.keywords(["fine 1"])

    stages = world.stages(world.run())

    assert {(stages[n].status, stages[n].reason) for n in (5, 6)} == {(StageRunStatus.SKIPPED, "images are off")}


def test_a_budget_of_nothing_skips_the_stage(database: Database) -> None:
    world = make_world(database, settings={**ALL, "stages.4.budget_pct": "0"})
    world.keywords(["fine 1"])

    stages = world.stages(world.run())

    assert (stages[4].status, stages[4].reason) == (StageRunStatus.SKIPPED, "its budget is 0 %")


def test_without_credits_the_asking_stages_end_and_the_local_ones_run(database: Database) -> None:
    world = make_world(database, settings=ALL)
    world.keywords(["fine 1"])
    world.set_balance("0")

    run_id = world.run()

    stages = world.stages(run_id)
    assert {stages[n].status for n in (1, 2, 4, 5, 6)} == {StageRunStatus.ACCOUNT_EXHAUSTED}
    assert {stages[n].status for n in (3, 7)} == {StageRunStatus.COMPLETED}
    assert world.driver.status(run_id) is RunStatus.ACCOUNT_EXHAUSTED


def test_the_caps_are_shares_of_what_was_available_at_the_start(database: Database) -> None:
    world = make_world(database, settings={**ALL, "stages.1.budget_pct": "15", "stages.6.budget_pct": "0"})
    world.keywords(["fine 1"])
    run_id = world.start()
    world.set_balance("500000")

    world.driver.run_to_end(run_id)

    assert world.stages(run_id)[1].cap == 1_500_000_000
