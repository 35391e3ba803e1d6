"""What is told at the end of a run, of a pause, of credits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from pipeline.config import load_config, use_config
from pipeline.core.money import ucr
from pipeline.core.states import RunStatus
from pipeline.models import Notification, Run, Site
from pipeline.services import alerts, schedule_pauses
from pipeline.services import credits as ledger
from tests.support.worlds import make_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.db.session import Database
    from tests.support.worlds import World

NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _usual_configuration() -> Iterator[None]:
    use_config(load_config({}))
    yield
    use_config(None)


@pytest.fixture
def engine(database: Database) -> World:
    return make_world(database, settings={"stages.1.batch_size": "1"})


def _told(world: World) -> list[tuple[str, bool]]:
    """Kinds in their order, and whether each lasts."""
    with world.database.reading() as session:
        rows = session.query(Notification).order_by(Notification.id)
        return [(row.kind.value, row.ended_at is None) for row in rows]


def _end(world: World, status: RunStatus, *, origin: str = "manual") -> int:
    """A run ends like that, as the engine tells."""
    with world.database.transaction() as session:
        site = world.site(session)
        run = Run(
            account_id=site.account_id, site_id=site.id, status=status, origin=origin, settings={}, prices={},
            available=0, reason="Stage 1: the key is refused",
        )  # fmt: skip
        session.add(run)
        session.flush()
        schedule_pauses.run_ended(session, run, now=NOON)
        alerts.run_ended(session, run, now=NOON)
    return run.id


def _credits(world: World, amount: int, key: str) -> None:
    with world.database.transaction() as session:
        ledger.grant(session, account_id=world.account_id, amount_ucr=ucr(amount), key=key, kind="adjustment", now=NOON)


def test_a_run_that_the_engine_ends_as_failed_is_told_with_its_reason(engine: World) -> None:
    engine.keywords(["key 1"])

    run_id = engine.run()

    assert engine.driver.status(run_id) is RunStatus.FAILED
    with engine.database.reading() as session:
        row = session.query(Notification).filter_by(kind="run_failed").one()
    assert (row.account_id, row.subject_kind, row.subject_id) == (engine.account_id, "run", run_id)
    assert "ended failed" in row.message
    assert "the key is refused" in row.message
    assert f"igny8 retry {run_id}" in row.message


def test_a_run_that_ends_well_is_not_told(engine: World) -> None:
    engine.keywords(["desk"])

    assert engine.driver.status(engine.run()) is RunStatus.COMPLETED

    assert "run_failed" not in dict(_told(engine))


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.PROVIDER_UNAVAILABLE])
def test_runs_that_fail_one_after_the_other_are_told_once_until_one_does_not(engine: World, status: RunStatus) -> None:
    _credits(engine, 10_000, "much")
    _end(engine, status)
    _end(engine, status)
    assert _told(engine) == [("run_failed", True)]

    _end(engine, RunStatus.CANCELLED)
    assert _told(engine) == [("run_failed", True)]
    _end(engine, RunStatus.COMPLETED_WITH_ERRORS)
    _end(engine, status)

    assert _told(engine) == [("run_failed", False), ("run_failed", True)]


def test_credits_that_are_low_are_told_once_until_there_are_more(engine: World) -> None:
    with engine.database.transaction() as session:
        available = ledger.balance(session, engine.account_id).available_ucr
    _credits(engine, -(available // ucr(1)) + 499, "little")

    for _ in range(2):
        _end(engine, RunStatus.COMPLETED)
    low = _told(engine)
    _credits(engine, 2, "more")
    enough = _told(engine)
    _credits(engine, -2, "less")
    _end(engine, RunStatus.COMPLETED)

    assert (low, enough) == ([("credits_low", True)], [("credits_low", False)])
    assert _told(engine) == [("credits_low", False), ("credits_low", True)]


def test_no_account_is_told_of_its_credits_where_the_threshold_is_0(engine: World) -> None:
    use_config(load_config({"IGNY8_CREDITS_LOW": "0"}))

    _end(engine, RunStatus.ACCOUNT_EXHAUSTED)

    assert _told(engine) == []


def test_a_schedule_that_pauses_itself_is_told_until_it_is_resumed(engine: World) -> None:
    engine.settings({"automation.enabled": "true", "automation.pause_after_failures": "1"})
    _credits(engine, 10_000, "much")

    _end(engine, RunStatus.FAILED, origin="scheduled")
    paused = _told(engine)
    with engine.database.transaction() as session:
        schedule_pauses.resume(session, session.get_one(Site, engine.site_id), actor="cli", now=NOON)

    assert paused == [("automation_paused", True), ("run_failed", True)]
    assert _told(engine) == [("automation_paused", False), ("run_failed", True)]


def test_a_pause_that_ended_by_a_switch_is_told_anew_the_next_time(engine: World) -> None:
    engine.settings({"automation.enabled": "true", "automation.pause_after_failures": "1"})
    _credits(engine, 10_000, "much")
    _end(engine, RunStatus.FAILED, origin="scheduled")
    engine.settings({"automation.enabled": "false"})
    engine.settings({"automation.enabled": "true"})

    _end(engine, RunStatus.FAILED, origin="scheduled")

    assert [lasts for kind, lasts in _told(engine) if kind == "automation_paused"] == [False, True]


def test_a_pause_by_a_person_is_not_told(engine: World) -> None:
    engine.settings({"automation.enabled": "true"})
    with engine.database.transaction() as session:
        schedule_pauses.pause(session, session.get_one(Site, engine.site_id), actor="cli", now=NOON)

    assert _told(engine) == []
