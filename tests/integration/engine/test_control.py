"""engine.md rules 3 to 14: delays, lanes, dispatch, takeover, pause, cancel, skip, retry."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from pipeline.core.errors import ConflictError
from pipeline.core.states import CallStatus, ItemStatus, KeywordStatus, RunStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import dispatch, executor, recovery
from pipeline.engine.asking_slices import AskingSlice
from pipeline.engine.contexts import load_context
from pipeline.engine.lanes import take
from pipeline.models import AuditEvent, Keyword, Lane, Run, StageRun
from pipeline.services import keywords, run_control, runs
from tests.integration.engine.test_answers import ALONE, IN_BATCHES
from tests.integration.engine.test_runs import ALL
from tests.support.worlds import World, make_world


def _times(world: World, name: str, stage_run_id: int) -> list[float]:
    return [at for at, (link, ids) in world.driver.ran if link == name and ids[0] == stage_run_id]


def _change(world: World, run_id: int, how: str) -> None:
    with world.database.transaction() as session:
        run = runs.get_run(session, account_id=world.account_id, run_id=run_id)
        getattr(run_control, how)(session, run, actor="test", now=world.driver.clock.at)


# Delays


def test_the_delay_within_a_stage_lies_between_its_batches_and_not_after_the_last(
    database: Database, lanes: int
) -> None:
    world = make_world(database, settings={**ALONE, "stages.2.batch_size": "2", "delays.within_stage": "30"})
    world.keywords([f"fine {n}" for n in range(5)])

    run_id = world.run()

    row = world.stages(run_id)[2]
    instants = [0, 30, 60] if lanes == 1 else [0, 30]  # Three lanes take the three batches at once.
    assert sorted(set(_times(world, "batch", row.id))) == instants
    assert _times(world, "finish", row.id)[-1] == instants[-1]


def test_the_delay_between_stages_comes_after_work_and_not_after_a_skip(database: Database) -> None:
    world = make_world(database, settings={**ALL, "stages.2.enabled": "false", "delays.between_stage": "40"})
    world.keywords(["fine 1"])

    run_id = world.run()

    admitted = [_times(world, "admit", world.stages(run_id)[number].id)[0] for number in range(1, 8)]
    assert admitted == [0, 40, 40, 80, 120, 160, 200]


def test_a_batch_that_a_slice_could_not_end_is_counted_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.engine.slices.config", _short_slices)
    world = make_world(database, settings={**ALONE, "stages.2.batch_size": "3", "delays.within_stage": "30"})
    world.keywords([f"fine {n}" for n in range(6)])

    run_id = world.run()

    assert set(world.volumes().values()) == {1}
    assert sorted(set(_times(world, "batch", world.stages(run_id)[2].id))) == [0, 30]


def _short_slices() -> object:
    from pipeline.config import config

    return config().model_copy(update={"slice_seconds": 0})


# Lanes and tickets


def test_there_are_no_more_lanes_than_batches(database: Database) -> None:
    world = make_world(database, settings={**IN_BATCHES, "stages.1.concurrency": "5"})
    world.keywords([f"fine {n}" for n in range(9)])

    run_id = world.run()

    with database.reading() as session:
        lanes = session.scalars(select(Lane).where(Lane.stage_run_id == world.stages(run_id)[1].id)).all()
    assert len(lanes) == 3


def test_a_copy_of_a_message_with_an_old_ticket_does_nothing(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1"])
    run_id = world.run()
    row = world.stages(run_id)[2]

    world.driver.chains.append([("admit", (row.id,)), ("batch", (row.id, 1, 0)), ("finish", (row.id,))])
    world.driver.drain()

    assert world.volumes() == {"fine 1": 1}
    assert len(world.provider.journal) == 1


# Dispatch


def test_a_lost_message_is_sent_again_later_each_time(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1"])
    world.start()
    world.driver.chains.clear()

    sent_at = []
    while len(sent_at) < 4:
        world.driver.clock.move(1)
        if world.driver.dispatch():
            sent_at.append((world.driver.clock.at - world.driver._began).total_seconds())
            world.driver.chains.clear()

    assert sent_at == [30, 90, 210, 450]


def test_a_run_survives_the_loss_of_every_second_message(database: Database) -> None:
    world = make_world(database, settings={**ALL, "stages.2.concurrency": "3", "delays.between_stage": "1"})
    world.keywords([f"fine {n}" for n in range(4)])
    send, count = world.driver.send, iter(range(10_000))
    world.driver.send = lambda message: send(message) if next(count) % 2 else None  # type: ignore[method-assign]

    run_id = world.run()

    assert world.driver.status(run_id) is RunStatus.COMPLETED
    assert set(world.volumes().values()) == {7}
    world.assert_sound()


def test_a_broker_that_is_not_there_spends_no_back_off(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1"])
    run_id = world.start()
    world.driver.clock.move(31)
    monkeypatch.setattr(dispatch, "publish", lambda _messages: 0)

    dispatch.dispatch_due(database)

    row = world.stages(run_id)[1]
    assert (row.sends, row.due_at) == (1, world.driver.clock.at)


# Takeover


def _die_in_a_call(world: World, run_id: int, number: int) -> StageRun:
    """Take lane 1, claim and commit the hold, and vanish."""
    row = world.stages(run_id)[number]
    with world.database.transaction() as session:
        lane = session.get_one(Lane, (row.id, 1))
        grip = take(session, row.id, 1, ticket=lane.ticket, now=world.driver.clock.at)
        assert grip is not None
        context = load_context(session, row.id)
        recovery.recover(session, context, grip, now=world.driver.clock.at)
    AskingSlice(world.database, context, grip)._turn(None)
    return row


def _until_admitted(world: World, run_id: int, number: int) -> None:
    while world.stages(run_id)[number].status is not StageRunStatus.RUNNING:
        assert world.driver.step()
    world.driver.chains.clear()


def test_a_dead_worker_s_call_is_lost_and_its_item_tried_again(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1", "fine 2"])
    run_id = world.start()
    _until_admitted(world, run_id, 2)

    _die_in_a_call(world, run_id, 2)
    world.driver.run_to_end(run_id)

    assert [call.status for call in world.calls()] == [CallStatus.LOST, CallStatus.SETTLED, CallStatus.SETTLED]
    assert [(item.status, item.attempts) for item in world.items(run_id, 2)] == [
        (ItemStatus.DONE, 1),
        (ItemStatus.DONE, 0),
    ]
    assert world.volumes() == {"fine 1": 1, "fine 2": 1}
    world.assert_sound()


def test_a_late_answer_to_a_lost_call_only_adds_to_our_cost(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1"])
    run_id = world.start()
    real, row = world.provider.complete_text, world.stages(run_id)[2]

    def be_slow(request: object) -> object:
        world.provider.complete_text = real  # type: ignore[method-assign]
        world.driver.clock.move(61)
        with database.reading() as session:
            ticket = session.get_one(Lane, (row.id, 1)).ticket
        executor.batch(database, row.id, 1, ticket)
        return real(request)  # type: ignore[arg-type]

    world.provider.complete_text = be_slow  # type: ignore[assignment,method-assign]
    world.driver.run_to_end(run_id)

    assert [(call.status, call.flags) for call in world.calls()] == [
        (CallStatus.LOST, ["late"]),
        (CallStatus.SETTLED, []),
    ]
    assert world.volumes() == {"fine 1": 1}
    world.assert_sound()


def test_nobody_takes_a_lane_before_its_lease_is_over(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1"])
    run_id = world.start()
    _until_admitted(world, run_id, 2)
    row = _die_in_a_call(world, run_id, 2)

    world.driver.clock.move(59)
    with database.transaction() as session:
        ticket = session.get_one(Lane, (row.id, 1)).ticket
        early = take(session, row.id, 1, ticket=ticket, now=world.driver.clock.at)

    assert early is None


def test_an_item_whose_worker_dies_three_times_is_given_up(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1", "fine 2"])
    run_id = world.start()
    _until_admitted(world, run_id, 2)
    for _ in range(3):
        _die_in_a_call(world, run_id, 2)
        world.driver.clock.move(61)

    world.driver.run_to_end(run_id)

    assert [item.status for item in world.items(run_id, 2)] == [ItemStatus.FAILED, ItemStatus.DONE]
    assert world.driver.status(run_id) is RunStatus.COMPLETED_WITH_ERRORS
    world.assert_sound()


def test_a_batch_that_dies_twice_becomes_two_without_an_attempt(database: Database) -> None:
    world = make_world(database, settings=IN_BATCHES)
    world.keywords([f"fine {n}" for n in range(4)])
    run_id = world.start()
    _until_admitted(world, run_id, 1)
    for _ in range(2):
        _die_in_a_call(world, run_id, 1)
        world.driver.clock.move(61)

    world.driver.run_to_end(run_id)

    assert [len(texts) for texts in world.provider.journal] == [2, 2]
    assert {item.attempts for item in world.items(run_id, 1)} == {0}
    world.assert_sound()


# People


def test_a_paused_run_keeps_what_was_paid_for_and_resumes_where_it_stood(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1", "fine 2"])
    run_id = world.start()
    _change(world, run_id, "pause")
    world.driver.drain()
    assert world.volumes() == {"fine 1": 0, "fine 2": 0}

    _change(world, run_id, "resume")
    status = world.driver.run_to_end(run_id)

    assert status is RunStatus.COMPLETED
    assert world.volumes() == {"fine 1": 1, "fine 2": 1}
    with database.reading() as session:
        actions = session.scalars(select(AuditEvent.action).order_by(AuditEvent.id))
        assert list(actions) == ["run.paused", "run.resumed"]


def test_a_pause_in_the_middle_stops_before_the_next_call(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords([f"fine {n}" for n in range(5)])
    run_id = world.start()
    real = world.provider.complete_text

    def pause_during_the_call(request: object) -> object:
        if len(world.provider.journal) == 1:
            _change(world, run_id, "pause")
        return real(request)  # type: ignore[arg-type]

    world.provider.complete_text = pause_during_the_call  # type: ignore[assignment,method-assign]
    world.driver.drain()

    assert len(world.provider.journal) == 2
    assert sum(world.volumes().values()) == 2
    world.assert_sound()


def test_a_cancel_with_nothing_under_way_ends_the_run_at_once(database: Database) -> None:
    world = make_world(database, settings={**ALL, "delays.between_stage": "600"})
    world.keywords(["fine 1"])
    run_id = world.start()
    world.driver.drain()

    _change(world, run_id, "cancel")

    assert world.driver.status(run_id) is RunStatus.CANCELLED
    stages = world.stages(run_id)
    assert [stages[n].status for n in (1, 2)] == [StageRunStatus.COMPLETED, StageRunStatus.CANCELLED]
    world.assert_sound()


def test_a_cancel_during_a_call_keeps_its_answer_and_stops(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords([f"fine {n}" for n in range(4)])
    run_id = world.start()
    real = world.provider.complete_text

    def cancel_during_the_call(request: object) -> object:
        if len(world.provider.journal) == 1:
            _change(world, run_id, "cancel")
        return real(request)  # type: ignore[arg-type]

    world.provider.complete_text = cancel_during_the_call  # type: ignore[assignment,method-assign]
    status = world.driver.run_to_end(run_id)

    assert status is RunStatus.CANCELLED
    assert sum(world.volumes().values()) == 2
    assert [item.status.value for item in world.items(run_id, 2)] == ["done", "done", "released", "released"]
    world.assert_sound()


def test_a_cancelled_run_whose_worker_died_ends_once_the_lease_is_over(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1", "fine 2"])
    run_id = world.start()
    _until_admitted(world, run_id, 2)
    _die_in_a_call(world, run_id, 2)

    _change(world, run_id, "cancel")
    assert world.driver.status(run_id) is RunStatus.CANCELLING
    world.driver.run_to_end(run_id)

    assert world.driver.status(run_id) is RunStatus.CANCELLED
    assert [call.status for call in world.calls()] == [CallStatus.LOST]
    world.assert_sound()


def test_a_stage_skipped_by_a_person_closes_its_lanes_and_the_next_one_runs(database: Database) -> None:
    world = make_world(database, settings=ALL)
    world.keywords(["fine 1", "fine 2"])
    run_id = world.start()
    _until_admitted(world, run_id, 1)
    with database.transaction() as session:
        recovery.end_early(session, world.stages(run_id)[1].id, StageRunStatus.SKIPPED, "skipped by a person")

    world.driver.run_to_end(run_id)

    stages = world.stages(run_id)
    assert (stages[1].status, stages[1].reason) == (StageRunStatus.SKIPPED, "skipped by a person")
    assert stages[2].status is StageRunStatus.COMPLETED


@pytest.mark.parametrize(("how", "status"), [("pause", "completed"), ("resume", "running"), ("cancel", "completed")])
def test_what_a_run_may_not_become_is_refused(database: Database, how: str, status: str) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1"])
    run_id = world.start() if status == "running" else world.run()

    with pytest.raises(ConflictError):
        _change(world, run_id, how)


def test_a_retry_takes_exactly_what_failed(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["boom 1", "fine 2"])
    failed = world.run()
    with database.transaction() as session:
        session.execute(update(Keyword).where(Keyword.text == "boom 1").values(text="mended 1"))
        session.execute(update(Keyword).where(Keyword.text == "fine 2").values(status=KeywordStatus.CLUSTERED))

    with database.transaction() as session:
        started = runs.retry(session, session.get_one(Run, failed), now=world.driver.clock.at)
    assert started.run_id is not None
    assert started.stage_run_id is not None
    world.driver.send_stage(started.stage_run_id)
    world.driver.run_to_end(started.run_id)

    assert [item.subject_id for item in world.items(started.run_id, 2)] == [1]
    assert world.volumes() == {"mended 1": 1, "fine 2": 1}
    assert world.stages(started.run_id)[1].status is StageRunStatus.SKIPPED
    assert world.driver.status(started.run_id) is RunStatus.COMPLETED


def test_a_retry_leaves_alone_what_was_deleted_since(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["boom 1", "boom 2"])
    failed = world.run()
    with database.transaction() as session:
        gone = session.scalars(select(Keyword).where(Keyword.text == "boom 2")).one()
        keywords.delete(session, gone, actor="ada", now=world.driver.clock.at)

    with database.transaction() as session:
        started = runs.retry(session, session.get_one(Run, failed), now=world.driver.clock.at)

    assert started.run_id is not None
    with database.reading() as session:
        assert session.get_one(Keyword, gone.id).status is KeywordStatus.NEEDS_ATTENTION


def test_a_retry_of_one_item_leaves_the_others_as_they_failed(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["boom 1", "boom 2"])
    failed = world.run()
    with database.transaction() as session:
        session.execute(update(Keyword).values(text="mended"))
        first, second = session.scalars(select(Keyword.id).order_by(Keyword.id)).all()

    with database.transaction() as session:
        run, now = session.get_one(Run, failed), world.driver.clock.at
        with pytest.raises(ConflictError, match=f"run {failed}, stage 3"):
            runs.retry(session, run, part=runs.Part(3), now=now)
        started = runs.retry(session, run, part=runs.Part(2, second), now=now)
    assert started.run_id is not None
    assert started.stage_run_id is not None
    world.driver.send_stage(started.stage_run_id)
    world.driver.run_to_end(started.run_id)

    assert [item.subject_id for item in world.items(started.run_id, 2)] == [second]
    with database.reading() as session:
        assert session.get_one(Keyword, first).status is KeywordStatus.NEEDS_ATTENTION


def test_a_retry_with_nothing_failed_is_refused(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1"])
    run_id = world.run()

    with pytest.raises(ConflictError, match="Nothing failed"), database.transaction() as session:
        runs.retry(session, session.get_one(Run, run_id), now=world.driver.clock.at)


def test_a_local_stage_without_a_delay_takes_a_slice_at_once_whatever_its_batches(database: Database) -> None:
    off = {f"stages.{n}.enabled": "false" for n in (1, 2, 4, 5, 6, 7)}
    world = make_world(database, settings={**ALL, **off, "stages.3.batch_size": "1"})
    world.keywords([f"fine {n}" for n in range(30)])

    run_id = world.run()

    with database.reading() as session:
        ticket = session.get_one(Lane, (world.stages(run_id)[3].id, 1)).ticket
    assert set(world.volumes().values()) == {1}
    assert ticket <= 4  # Taken, one transaction for all thirty, closed.


def test_a_local_stage_with_a_delay_keeps_it_between_its_batches(database: Database) -> None:
    off = {f"stages.{n}.enabled": "false" for n in (1, 2, 4, 5, 6, 7)}
    world = make_world(database, settings={**ALL, **off, "stages.3.batch_size": "2", "delays.within_stage": "30"})
    world.keywords([f"fine {n}" for n in range(5)])

    run_id = world.run()

    assert set(world.volumes().values()) == {1}
    assert sorted(set(_times(world, "batch", world.stages(run_id)[3].id))) == [0, 30, 60]
