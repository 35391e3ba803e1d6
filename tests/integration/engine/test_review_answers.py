"""engine.md rules 4, 9, 11 and 12: an answer that was paid for is not asked for again; outages end with an answer."""

from __future__ import annotations

import pytest

from pipeline.ai.port import UnavailableError
from pipeline.core.states import CallStatus, RunStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.services import run_control, runs
from tests.integration.engine.test_answers import ALONE, IN_BATCHES
from tests.support.worlds import World, make_world


def _fail_the_request(world: World, number: int, *, of: int = 1) -> None:
    """The provider is down for the requests `number` to `number + of - 1` (counted from 1)."""
    real, seen = world.provider.complete_text, iter(range(1, 1_000))

    def sometimes_down(request: object) -> object:
        if number <= next(seen) < number + of:
            raise UnavailableError("the provider is down", retry_after_seconds=60)
        return real(request)  # type: ignore[arg-type]

    world.provider.complete_text = sometimes_down  # type: ignore[assignment,method-assign]


def _act_during_the_first_call(world: World, run_id: int, how: str) -> None:
    real = world.provider.complete_text

    def act(request: object) -> object:
        world.provider.complete_text = real  # type: ignore[method-assign]
        with world.database.transaction() as session:
            run = runs.get_run(session, account_id=world.account_id, run_id=run_id)
            getattr(run_control, how)(session, run, actor="test", now=world.driver.clock.at)
        return real(request)  # type: ignore[arg-type]

    world.provider.complete_text = act  # type: ignore[assignment,method-assign]


def test_a_repair_that_could_not_be_asked_does_not_ask_the_question_again(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["garbage-once 1"])
    _fail_the_request(world, 2)

    run_id = world.run()

    assert [(call.step, call.status) for call in world.calls()] == [
        ("ask", CallStatus.SETTLED),
        ("repair", CallStatus.VOIDED),
        ("repair", CallStatus.SETTLED),
    ]
    assert world.driver.status(run_id) is RunStatus.COMPLETED
    assert world.items(run_id, 2)[0].attempts == 0
    world.assert_sound()


@pytest.mark.parametrize("how", ["pause", "cancel"])
def test_no_repair_is_asked_once_the_run_is_paused_or_cancelled(database: Database, how: str) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["garbage-once 1"])
    run_id = world.start()
    _act_during_the_first_call(world, run_id, how)

    world.driver.run_to_end(run_id)

    assert [(call.step, call.status) for call in world.calls()] == [("ask", CallStatus.SETTLED)]
    world.assert_sound()


def test_a_run_paused_before_a_repair_goes_on_with_the_repair(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["garbage-once 1"])
    run_id = world.start()
    _act_during_the_first_call(world, run_id, "pause")
    world.driver.run_to_end(run_id)

    with database.transaction() as session:
        run = runs.get_run(session, account_id=world.account_id, run_id=run_id)
        run_control.resume(session, run, actor="test", now=world.driver.clock.at)
    world.driver.run_to_end(run_id)

    assert [call.step for call in world.calls()] == ["ask", "repair"]
    assert [item.status.value for item in world.items(run_id, 2)] == ["done"]
    world.assert_sound()


def test_an_outage_is_over_with_the_next_answer(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1", "fine 2"])
    _fail_the_request(world, 1)

    run_id = world.run()

    assert world.stages(run_id)[2].unavailable_since is None


def test_two_short_outages_are_not_one_long_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.engine.failures.config", _impatient)
    settings = {**ALONE, "stages.2.concurrency": "1", "delays.within_stage": "600"}
    world = make_world(database, settings=settings)
    world.keywords(["fine 1", "fine 2"])
    real, seen = world.provider.complete_text, iter(range(1, 1_000))

    def down_at_first_and_third(request: object) -> object:
        if next(seen) in {1, 3}:
            raise UnavailableError("the provider is down", retry_after_seconds=60)
        return real(request)  # type: ignore[arg-type]

    world.provider.complete_text = down_at_first_and_third  # type: ignore[assignment,method-assign]

    run_id = world.run()

    assert world.stages(run_id)[2].status is StageRunStatus.COMPLETED


def _impatient() -> object:
    from pipeline.config import config

    return config().model_copy(update={"provider_wait_max_seconds": 300})


def test_a_question_about_a_batch_is_whole_whatever_was_left_out_before(sqlite_database: Database) -> None:
    world = make_world(sqlite_database, settings={**IN_BATCHES, "stages.1.concurrency": "1"})
    world.keywords([f"fine {n}" for n in range(8)])
    run_id = world.start()
    world.driver.step()
    _take_away(world, 1)

    world.driver.run_to_end(run_id)

    assert [len(texts) for texts in world.provider.journal] == [3, 4]


def _take_away(world: World, keyword_id: int) -> None:
    from pipeline.models import Keyword

    with world.database.transaction() as session:
        session.delete(session.get_one(Keyword, keyword_id))


def test_the_sites_own_limit_never_cuts_an_answer_below_what_is_of_use(sqlite_database: Database) -> None:
    world = make_world(sqlite_database, settings={**ALONE, "ai.max_tokens": "256"})
    world.keywords(["fine 1"])
    from tests.support import fake_stages

    asked, seen = fake_stages.Counting.ask, []
    real = world.provider.complete_text
    world.provider.complete_text = lambda request: (seen.append(request.max_output_tokens), real(request))[1]  # type: ignore[assignment,method-assign,func-returns-value]
    from dataclasses import replace

    fake_stages.Counting.ask = lambda self, session, subjects: replace(  # type: ignore[method-assign,type-var]
        asked(self, session, subjects), max_output_tokens=4_000, useful_output_tokens=1_000
    )

    world.run()
    fake_stages.Counting.ask = asked  # type: ignore[method-assign]

    assert seen == [1_000]
