"""engine.md rules 4, 8, 9, 11: what becomes of answers, faults and refusals."""

from __future__ import annotations

import pytest

from pipeline.ai import ADAPTERS
from pipeline.core.states import CallStatus, ItemStatus, RunStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import gates
from pipeline.models import Keyword
from tests.integration.engine.test_runs import ALL
from tests.support.worlds import World, make_world

ONLY_FIRST = {f"stages.{n}.enabled": "false" for n in range(2, 8)}
ONLY_SECOND = {f"stages.{n}.enabled": "false" for n in (1, 3, 4, 5, 6, 7)}
IN_BATCHES = {**ALL, **ONLY_FIRST, "stages.1.batch_size": "4"}
ALONE = {**ALL, **ONLY_SECOND}


def _statuses(world: World, run_id: int, number: int) -> list[str]:
    return [item.status.value for item in world.items(run_id, number)]


def test_a_useless_answer_is_asked_for_once_more_with_what_was_wrong(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["garbage-once a"])

    run_id = world.run()

    assert world.driver.status(run_id) is RunStatus.COMPLETED
    assert [(call.step, call.status, call.flags) for call in world.calls()] == [
        ("ask", CallStatus.SETTLED, ["wasted"]),
        ("repair", CallStatus.SETTLED, []),
    ]
    assert world.items(run_id, 2)[0].credits == sum(call.charged_amount for call in world.calls())
    world.assert_sound()


def test_useless_twice_fails_the_item_and_not_the_run(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["garbage a", "fine b"])

    run_id = world.run()

    assert _statuses(world, run_id, 2) == ["failed", "done"]
    assert world.driver.status(run_id) is RunStatus.COMPLETED_WITH_ERRORS
    assert world.balance().balance_ucr < 10_000_000_000
    world.assert_sound()


def test_a_batch_that_answers_garbage_is_halved_until_the_bad_one_stands_alone(database: Database) -> None:
    world = make_world(database, settings=IN_BATCHES)
    world.keywords(["fine 1", "fine 2", "garbage 3", "fine 4"])

    run_id = world.run()

    assert _statuses(world, run_id, 1) == ["done", "done", "failed", "done"]
    assert world.volumes() == {"fine 1": 1, "fine 2": 1, "garbage 3": 0, "fine 4": 1}
    world.assert_sound()


@pytest.mark.parametrize(("mode", "status"), [("reject-once", "done"), ("reject", "failed")])
def test_an_answer_the_stage_rejects_is_repaired_once(database: Database, mode: str, status: str) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords([f"{mode} {database.is_sqlite}"])

    run_id = world.run()

    assert _statuses(world, run_id, 2) == [status]
    assert [call.step for call in world.calls()] == ["ask", "repair"]
    world.assert_sound()


@pytest.mark.parametrize("mode", ["boom", "boom-ask"])
def test_an_item_whose_stage_breaks_fails_after_its_attempts_and_the_others_go_on(
    database: Database, mode: str
) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1", f"{mode} 2", "fine 3"])

    run_id = world.run()

    assert _statuses(world, run_id, 2) == ["done", "failed", "done"]
    assert world.items(run_id, 2)[1].attempts == 3
    assert world.volumes() == {"fine 1": 1, f"{mode} 2": 0, "fine 3": 1}
    world.assert_sound()


def test_a_stored_answer_is_not_paid_for_again(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["boom 1"])

    world.run()

    assert len(world.provider.journal) == 1
    assert [call.status for call in world.calls()] == [CallStatus.SETTLED]


def test_a_local_batch_that_breaks_is_halved_until_the_bad_one_stands_alone(database: Database) -> None:
    off = {f"stages.{n}.enabled": "false" for n in (1, 2, 4, 5, 6, 7)}
    world = make_world(database, settings={**ALL, **off, "stages.3.batch_size": "4"})
    world.keywords(["fine 1", "boom 2", "fine 3", "fine 4"])

    run_id = world.run()

    assert _statuses(world, run_id, 3) == ["done", "failed", "done", "done"]
    assert world.volumes() == {"fine 1": 1, "boom 2": 0, "fine 3": 1, "fine 4": 1}


def test_a_refused_request_fails_its_item_and_costs_nothing(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["refused 1", "fine 2"])

    run_id = world.run()

    assert _statuses(world, run_id, 2) == ["failed", "done"]
    assert [call.status for call in world.calls()] == [CallStatus.VOIDED, CallStatus.SETTLED]
    world.assert_sound()


@pytest.mark.parametrize("mode", ["key", "quota"])
def test_a_refused_key_ends_the_stage_with_the_remedy_and_the_next_one_runs(database: Database, mode: str) -> None:
    world = make_world(database, settings={**ALL, "stages.2.enabled": "false"})
    world.keywords([f"{mode} 1", "fine 2"])

    run_id = world.run()

    stages = world.stages(run_id)
    assert stages[1].status is StageRunStatus.FAILED
    remedy = {"key": "igny8 providers set fake --api-key-stdin", "quota": "See the billing page of fake"}[mode]
    assert remedy in (stages[1].reason or "")
    assert _statuses(world, run_id, 1) == ["released", "released"]
    assert stages[3].status is StageRunStatus.COMPLETED
    assert world.driver.status(run_id) is RunStatus.FAILED
    world.assert_sound()


def test_a_provider_without_an_adapter_ends_the_stage_at_once_and_nothing_counts_as_sent(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(database, settings={**ALL, "stages.2.enabled": "false"})
    world.keywords(["fine 1", "fine 2"])
    gates.adapter.cache_clear()
    run_id = world.start()
    # Known when the run was accepted, not where its calls are made.
    monkeypatch.delitem(ADAPTERS, "fake")

    world.driver.run_to_end(run_id)

    stage = world.stages(run_id)[1]
    assert stage.status is StageRunStatus.FAILED
    assert "There is no AI provider called" in (stage.reason or "")
    assert {call.status for call in world.calls()} <= {CallStatus.VOIDED}
    assert _statuses(world, run_id, 1) == ["released", "released"]
    world.assert_sound()


def test_an_unknown_outcome_is_lost_costs_nothing_and_is_tried_again(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["unknown-once 1"])

    run_id = world.run()

    calls = world.calls()
    assert [call.status for call in calls] == [CallStatus.LOST, CallStatus.SETTLED]
    assert world.stages(run_id)[2].lost == calls[0].held_amount
    assert world.items(run_id, 2)[0].attempts == 1
    world.assert_sound()


def test_a_throttled_call_is_sent_again_after_seconds_with_a_hold_of_its_own(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["throttled-once 1"])

    run_id = world.run()

    assert _statuses(world, run_id, 2) == ["done"]
    assert [call.status for call in world.calls()] == [CallStatus.VOIDED, CallStatus.SETTLED]
    assert world.items(run_id, 2)[0].attempts == 0
    world.assert_sound()


def test_a_provider_that_comes_back_costs_no_attempt(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["down-once 1"])

    run_id = world.run()

    assert _statuses(world, run_id, 2) == ["done"]
    assert world.items(run_id, 2)[0].attempts == 0


def test_a_provider_that_stays_down_ends_the_stage(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["down 1"])

    run_id = world.run()

    assert world.stages(run_id)[2].status is StageRunStatus.PROVIDER_UNAVAILABLE
    assert _statuses(world, run_id, 2) == ["released"]
    world.assert_sound()


def test_a_stage_stops_at_its_own_cap_and_says_what_was_needed(database: Database) -> None:
    world = make_world(database, settings={**ALONE, "stages.2.budget_pct": "1"})
    world.set_balance("300")
    world.keywords([f"fine {n}" for n in range(8)])

    run_id = world.run()

    row = world.stages(run_id)[2]
    assert row.status is StageRunStatus.BUDGET_EXHAUSTED
    assert "of this stage's budget" in (row.reason or "")
    assert {item.status for item in world.items(run_id, 2)} <= {ItemStatus.DONE, ItemStatus.RELEASED}
    world.assert_sound()


def test_an_account_that_runs_dry_ends_the_stage_otherwise(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.set_balance("1000")
    world.keywords([f"fine {n}" for n in range(8)])
    run_id = world.start()
    world.set_balance("4")

    world.driver.run_to_end(run_id)

    row = world.stages(run_id)[2]
    assert row.status is StageRunStatus.ACCOUNT_EXHAUSTED
    assert "on the account" in (row.reason or "")
    world.assert_sound()


def test_a_subject_that_no_longer_waits_is_skipped(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1", "fine 2"])
    run_id = world.start()
    world.driver.step()
    world.driver.step()
    with database.transaction() as session:
        session.delete(session.get_one(Keyword, 1))

    world.driver.run_to_end(run_id)

    assert [item.status for item in world.items(run_id, 2)] == [ItemStatus.SKIPPED, ItemStatus.DONE]
