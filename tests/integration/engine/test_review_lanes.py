"""engine.md rules 3, 4, 8 and 15: batches that come back whole, leases of second sends, locks in one order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, select, text, update

from pipeline.ai.port import ThrottledError
from pipeline.core.states import ItemStatus, KeywordStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.engine import items as stage_items
from pipeline.engine import recovery
from pipeline.engine.contexts import load_context
from pipeline.engine.lanes import take
from pipeline.engine.leases import keeper
from pipeline.models import Keyword, Lane, StageItem
from tests.integration.engine.test_answers import ALONE, IN_BATCHES
from tests.integration.engine.test_control import _die_in_a_call, _until_admitted
from tests.support.worlds import make_world


def test_a_batch_that_another_lane_is_about_to_claim_is_left_alone_whole(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("one writer at a time: there is no other lane")
    world = make_world(database, settings={**IN_BATCHES, "stages.1.concurrency": "2"})
    world.keywords([f"fine {n}" for n in range(8)])
    run_id = world.start()
    _until_admitted(world, run_id, 1)
    row = _die_in_a_call(world, run_id, 1)
    world.driver.clock.move(61)
    with database.transaction() as session:
        grip = take(session, row.id, 1, ticket=2, now=world.driver.clock.at)
        assert grip is not None
        context = load_context(session, row.id)
        recovery.recover(session, context, grip, now=world.driver.clock.at)

    with database.transaction() as first, database.transaction() as second:
        first.execute(stage_items._FIRST_GIVEN_BACK, {"stage_run": row.id}).one()
        second.execute(text("SET LOCAL lock_timeout = '2s'"))
        claimed = stage_items.claim_again(second, grip, context.stage, becomes=ItemStatus.LEASED)

    assert claimed == []


def test_the_lease_of_a_call_that_is_sent_a_second_time_is_renewed_too(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1"])
    run_id = world.start()
    row, real, sent = world.stages(run_id)[2], world.provider.complete_text, []

    def throttle_then_be_slow(request: object) -> object:
        sent.append(request)
        if len(sent) == 1:
            raise ThrottledError("too many requests", retry_after_seconds=0.01)
        world.driver.clock.move(50)
        keeper(database).renew()
        return real(request)  # type: ignore[arg-type]

    def lease_until() -> object:
        with database.reading() as session:
            return session.get_one(Lane, (row.id, 1)).lease_until

    seen = []
    answer = throttle_then_be_slow

    def look(request: object) -> object:
        reply = answer(request)
        seen.append(lease_until())
        return reply

    world.provider.complete_text = look  # type: ignore[assignment,method-assign]
    world.driver.run_to_end(run_id)

    assert seen == [world.driver.clock.at + timedelta(seconds=60)]


@contextmanager
def _statements(database: Database) -> Iterator[list[str]]:
    """Which tables each transaction writes or locks, in order; "commit" between them."""
    told: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        told.append(" ".join(statement.split()))

    def end(_connection: object) -> None:
        told.append("commit")

    event.listen(database.engine, "before_cursor_execute", note)
    event.listen(database.engine, "commit", end)
    yield told
    event.remove(database.engine, "before_cursor_execute", note)
    event.remove(database.engine, "commit", end)


def _assert_account_after_subjects(told: list[str]) -> None:
    for transaction in "\n".join(told).split("commit"):
        lines = transaction.splitlines()
        accounts = [n for n, line in enumerate(lines) if line.startswith("UPDATE accounts")]
        subjects = [n for n, line in enumerate(lines) if line.startswith("UPDATE keywords") or "keywords.id" in line]
        if accounts and subjects:
            assert max(subjects) < min(accounts), transaction


@pytest.mark.parametrize("mode", ["refused", "unknown"])
def test_the_account_is_locked_after_the_subject_that_is_given_up(database: Database, mode: str) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords([f"{mode} 1"])

    with _statements(database) as told:
        run_id = world.run()

    assert [item.status for item in world.items(run_id, 2)] == [ItemStatus.FAILED]
    _assert_account_after_subjects(told)


def test_the_account_is_locked_after_the_subject_of_a_dead_worker(database: Database) -> None:
    world = make_world(database, settings={**ALONE, "stages.2.concurrency": "1"})
    world.keywords(["fine 1"])
    run_id = world.start()
    _until_admitted(world, run_id, 2)

    with _statements(database) as told:
        for _ in range(3):
            _die_in_a_call(world, run_id, 2)
            world.driver.clock.move(61)
        world.driver.run_to_end(run_id)

    assert [item.status for item in world.items(run_id, 2)] == [ItemStatus.FAILED]
    _assert_account_after_subjects(told)


def test_what_moved_on_by_itself_is_not_given_up(database: Database) -> None:
    world = make_world(database, settings={**ALONE, "stages.2.concurrency": "1"})
    world.keywords(["fine 1"])
    run_id = world.start()
    _until_admitted(world, run_id, 2)
    for _ in range(3):
        _die_in_a_call(world, run_id, 2)
        world.driver.clock.move(61)
    with database.transaction() as session:
        session.execute(update(Keyword).values(status=KeywordStatus.CLUSTERED))

    world.driver.run_to_end(run_id)

    with database.reading() as session:
        assert list(session.scalars(select(Keyword.status))) == [KeywordStatus.CLUSTERED]
    assert [item.status for item in world.items(run_id, 2)] == [ItemStatus.SKIPPED]


def test_an_item_fails_even_where_its_stage_cannot_give_it_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support import fake_stages

    def break_down(*_: object) -> None:
        raise RuntimeError("give_up broke")

    monkeypatch.setattr(fake_stages.Counting, "give_up", break_down)
    world = make_world(database, settings={**ALONE, "stages.2.concurrency": "1"})
    world.keywords(["unknown 1", "fine 2"])

    run_id = world.run()

    assert [item.status for item in world.items(run_id, 2)] == [ItemStatus.FAILED, ItemStatus.DONE]
    world.assert_sound()


def test_what_another_lane_claimed_meanwhile_is_not_given_back(database: Database) -> None:
    world = make_world(database, settings={**ALONE, "stages.2.concurrency": "2"})
    world.keywords(["boom-ask 1", "fine 2"])
    run_id = world.start()
    _until_admitted(world, run_id, 2)
    row = world.stages(run_id)[2]

    with database.transaction() as session:
        session.execute(
            update(StageItem).where(StageItem.position == 1).values(status=ItemStatus.LEASED, lane=2, ticket=1)
        )
        mine = stage_items.still_pending(session, row.id, [stage_items.Item(1, 1, 0, 0), stage_items.Item(2, 2, 0, 0)])

    assert [item.position for item in mine] == [2]


def test_the_lane_of_the_chain_itself_is_not_sent_a_second_time(database: Database) -> None:
    world = make_world(database, settings={**ALONE, "stages.2.concurrency": "2"})
    world.keywords(["fine 1", "fine 2"])
    run_id = world.start()
    _until_admitted(world, run_id, 2)

    world.driver.dispatch()

    row = world.stages(run_id)[2]
    assert [links[0] for links in world.driver.chains] == [("batch", (row.id, 2, 0))]
    assert row.status is StageRunStatus.RUNNING


def test_a_stage_that_breaks_on_everything_ends_however_much_there_is(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.engine.slices.config", _long_slices)
    world = make_world(sqlite_database, settings={**ALONE, "stages.2.concurrency": "1"})
    world.keywords([f"boom-ask {n}" for n in range(200)])

    run_id = world.run()

    assert {item.status for item in world.items(run_id, 2)} == {ItemStatus.FAILED}


def _long_slices() -> object:
    from pipeline.config import config

    return config().model_copy(update={"slice_seconds": 3_600})
