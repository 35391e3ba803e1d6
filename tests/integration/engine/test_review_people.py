"""engine.md rules 12 and 13: what people do to a run changes nothing that has moved on since."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from pipeline.core.errors import ConflictError
from pipeline.core.states import KeywordStatus
from pipeline.db.session import Database
from pipeline.models import Keyword, Run
from pipeline.services import run_control, runs
from tests.integration.engine.test_answers import ALONE
from tests.support.worlds import World, make_world


def _retry(world: World, run_id: int) -> runs.Started:
    with world.database.transaction() as session:
        return runs.retry(session, session.get_one(Run, run_id), now=world.driver.clock.at)


def _set(world: World, text: str, status: KeywordStatus) -> None:
    with world.database.transaction() as session:
        session.execute(update(Keyword).where(Keyword.text == text).values(status=status))


def test_a_retry_leaves_alone_what_has_moved_on_since_it_failed(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["boom 1", "boom 2"])
    failed = world.run()
    _set(world, "boom 1", KeywordStatus.CLUSTERED)

    started = _retry(world, failed)
    assert started.run_id is not None
    assert started.stage_run_id is not None
    world.driver.send_stage(started.stage_run_id)
    world.driver.run_to_end(started.run_id)

    assert [item.subject_id for item in world.items(started.run_id, 2)] == [2]


def test_a_retry_of_what_has_all_moved_on_is_refused(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["boom 1"])
    failed = world.run()
    _set(world, "boom 1", KeywordStatus.CLUSTERED)

    with pytest.raises(ConflictError, match="moved on"):
        _retry(world, failed)


def test_a_run_that_was_paused_before_it_began_says_when_it_began(database: Database) -> None:
    world = make_world(database, settings=ALONE)
    world.keywords(["fine 1"])
    run_id = world.start()
    for how in ("pause", "resume"):
        with database.transaction() as session:
            run = runs.get_run(session, account_id=world.account_id, run_id=run_id)
            getattr(run_control, how)(session, run, actor="test", now=world.driver.clock.at)

    world.driver.run_to_end(run_id)

    with database.reading() as session:
        assert session.get_one(Run, run_id).started_at is not None
