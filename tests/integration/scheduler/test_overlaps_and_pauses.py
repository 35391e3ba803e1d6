"""Schedules and runs: what a live run does to the next one, what failures do to the schedule, what people may do."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from pipeline.core.errors import ConflictError, LiveRunError
from pipeline.core.states import RunStatus, StageRunStatus
from pipeline.models import AuditEvent, Decision, Run, Site, StageRun
from pipeline.services import decisions, run_control, runs, schedule_pauses
from tests.support.builders import make_account
from tests.support.schedules import Schedules
from tests.support.worlds import make_world

if TYPE_CHECKING:
    from pipeline.db.session import Database
    from tests.integration.scheduler.conftest import Stage

NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)
#: When an hourly schedule at minute 0 is due next.
ONE, TWO, THREE = (NOON + timedelta(hours=hours) for hours in (1, 2, 3))
A_MINUTE = timedelta(minutes=1)
HOURLY = {"frequency": "hourly", "time": "00:00"}
QUEUEING = {**HOURLY, "overlap": "queue"}


@pytest.fixture
def beat(stage: Stage) -> Schedules:
    return Schedules(stage.database, stage.sender)


def _run_now(beat: Schedules, site: int, *, now: datetime) -> runs.Started:
    with beat.database.transaction() as session:
        return runs.start(session, site=session.get_one(Site, site), now=now)


def _pause(beat: Schedules, site: int, *, now: datetime) -> None:
    with beat.database.transaction() as session:
        schedule_pauses.pause(session, session.get_one(Site, site), actor="cli", now=now)


def _resume(beat: Schedules, site: int, *, now: datetime) -> None:
    with beat.database.transaction() as session:
        schedule_pauses.resume(session, session.get_one(Site, site), actor="cli", now=now)


def _end(beat: Schedules, site: int, status: RunStatus, *, now: datetime) -> None:
    """The live run ends like that, as the engine tells the schedule."""
    beat.end_run(site, status=status)
    with beat.database.transaction() as session:
        schedule_pauses.run_ended(session, session.get_one(Run, beat.runs(site)[-1].id), now=now)


def _fail(beat: Schedules, site: int, *instants: datetime) -> None:
    for instant in instants:
        beat.tick(instant)
        _end(beat, site, RunStatus.FAILED, now=instant + A_MINUTE)


def test_a_run_that_is_due_while_one_is_live_is_skipped_and_names_it(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes=HOURLY)
    beat.tick(ONE)

    beat.tick(TWO)

    assert beat.decided(site) == [("started", ONE), ("skipped", TWO)]
    assert beat.decisions(site)[1].reason == f"run {beat.runs(site)[0].id} was still live"
    assert beat.row(site).next_run_at == THREE


def test_a_queued_run_starts_when_the_live_one_has_ended(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes=QUEUEING)
    beat.tick(ONE)
    beat.tick(TWO)
    waiting = beat.row(site).queued_for, len(beat.runs(site))

    beat.end_run(site)
    for _ in range(2):
        beat.tick(TWO + A_MINUTE)

    assert waiting == (TWO, 1)
    assert beat.decided(site) == [("started", ONE), ("started", TWO)]
    assert [run.scheduled_for for run in beat.runs(site)] == [ONE, TWO]
    assert beat.row(site).queued_for is None


def test_one_run_waits_at_most(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes=QUEUEING)

    for instant in (ONE, TWO, THREE):
        beat.tick(instant)

    assert beat.row(site).queued_for == TWO
    assert beat.decided(site) == [("started", ONE), ("skipped", THREE)]
    assert beat.decisions(site)[1].reason.endswith("was still live, and another run waits for its end already")


def test_a_queued_run_is_started_once_by_three_beats(beat: Schedules) -> None:
    sites = [beat.site(now=NOON, changes=QUEUEING) for _ in range(10)]
    for instant in (ONE, TWO):
        beat.tick(instant)
    for site in sites:
        beat.end_run(site)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: beat.tick(TWO + A_MINUTE), range(3)))

    with beat.database.reading() as session:
        started = Counter(session.scalars(select(Decision.site_id).where(Decision.scheduled_for == TWO)))
    assert started == Counter(sites)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"enabled": "false"}, "the schedule was switched off"), (None, "the schedule was paused: a person paused it")],
)
def test_a_queued_run_is_skipped_when_its_schedule_stops(
    beat: Schedules, changes: dict[str, str] | None, reason: str
) -> None:
    site = beat.site(now=NOON, changes=QUEUEING)
    beat.tick(ONE)
    beat.tick(TWO)

    if changes is None:
        _pause(beat, site, now=TWO + A_MINUTE)
    else:
        beat.change(site, changes, now=TWO + A_MINUTE)
    beat.end_run(site)
    beat.tick(TWO + 2 * A_MINUTE)

    assert beat.decided(site) == [("started", ONE), ("skipped", TWO)]
    assert beat.decisions(site)[1].reason == reason


def test_run_now_during_a_scheduled_run_is_refused_with_its_id(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes=HOURLY)
    beat.tick(ONE)

    with pytest.raises(LiveRunError) as refused:
        _run_now(beat, site, now=ONE + A_MINUTE)

    assert refused.value.run_id == beat.runs(site)[0].id


def test_a_run_of_a_person_makes_the_scheduled_one_a_skip(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes=HOURLY)
    started = _run_now(beat, site, now=NOON + A_MINUTE)

    beat.tick(ONE)

    assert beat.decided(site) == [("started", None), ("skipped", ONE)]
    assert beat.decisions(site)[1].reason == f"run {started.run_id} was still live"


def test_a_paused_schedule_starts_nothing_and_makes_up_for_nothing(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes=HOURLY)

    _pause(beat, site, now=NOON + A_MINUTE)
    beat.tick(ONE)
    _resume(beat, site, now=ONE + A_MINUTE)
    beat.tick(ONE + 2 * A_MINUTE)

    assert beat.decided(site) == []
    assert beat.row(site).next_run_at == TWO


def test_run_now_works_while_the_schedule_is_paused(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes=HOURLY)
    _pause(beat, site, now=NOON)

    assert _run_now(beat, site, now=ONE).run_id is not None


def test_an_edit_of_a_paused_schedule_does_not_resume_it(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes=HOURLY)
    _pause(beat, site, now=NOON)

    beat.change(site, {"time": "00:30"}, now=NOON)

    assert beat.row(site).next_run_at is None


def test_switching_off_and_on_again_ends_a_pause(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes=HOURLY)
    _pause(beat, site, now=NOON)

    for word in ("false", "true"):
        beat.change(site, {"enabled": word}, now=NOON)

    assert (beat.row(site).paused_at, beat.row(site).next_run_at) == (None, ONE)


def test_what_is_off_or_paused_cannot_be_paused_and_what_goes_on_cannot_be_resumed(beat: Schedules) -> None:
    off, on = beat.site(now=NOON, changes={"enabled": "false"}), beat.site(now=NOON, changes=HOURLY)

    with pytest.raises(ConflictError, match=r"is off: there is nothing to pause"):
        _pause(beat, off, now=NOON)
    with pytest.raises(ConflictError, match="is not paused"):
        _resume(beat, on, now=NOON)
    _pause(beat, on, now=NOON)
    with pytest.raises(ConflictError, match="is paused already: a person paused it"):
        _pause(beat, on, now=NOON)


def test_runs_that_fail_in_a_row_pause_the_schedule(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes={**HOURLY, "pause_after_failures": "2"})

    _fail(beat, site, ONE, TWO)
    beat.tick(THREE)

    row, failed = beat.row(site), beat.runs(site)[-1]
    assert [run.scheduled_for for run in beat.runs(site)] == [ONE, TWO]
    assert (row.paused_at, row.next_run_at) == (TWO + A_MINUTE, None)
    assert row.paused_reason == (
        f"2 scheduled runs in a row failed, the last as failed (run {failed.id}); put right what it says, then resume"
    )
    with beat.database.reading() as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "schedule.paused")).one()
    assert (event.actor, event.subject_id, event.details) == ("scheduler", site, {"reason": row.paused_reason})


def test_a_schedule_that_pauses_itself_says_so_in_the_log(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes={**HOURLY, "pause_after_failures": "1"})

    with capture_logs() as lines:
        _fail(beat, site, ONE)

    (line,) = [line for line in lines if line["event"] == "schedule.paused"]
    assert (line["log_level"], line["site_id"], line["run_id"]) == ("error", site, beat.runs(site)[0].id)


def test_failures_are_counted_anew_after_a_resume(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes={**HOURLY, "pause_after_failures": "2"})
    _fail(beat, site, ONE, TWO)

    _resume(beat, site, now=TWO + 2 * A_MINUTE)
    _fail(beat, site, THREE)

    assert beat.row(site).paused_at is None
    assert beat.row(site).failed_in_a_row == 1


@pytest.mark.parametrize(
    ("between", "paused"),
    [
        (RunStatus.PROVIDER_UNAVAILABLE, True),
        (RunStatus.CANCELLED, False),
        (RunStatus.COMPLETED, False),
        (RunStatus.COMPLETED_WITH_ERRORS, False),
        (RunStatus.ACCOUNT_EXHAUSTED, False),
        (RunStatus.BUDGET_EXHAUSTED, False),
    ],
)
def test_only_failures_in_a_row_count(beat: Schedules, between: RunStatus, paused: bool) -> None:  # noqa: FBT001 - a column of the table
    site = beat.site(now=NOON, changes={**HOURLY, "pause_after_failures": "2"})

    _fail(beat, site, ONE)
    beat.tick(TWO)
    _end(beat, site, between, now=TWO + A_MINUTE)

    assert (beat.row(site).paused_at is not None) is paused


def test_a_schedule_that_is_told_so_never_pauses_itself(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes={**HOURLY, "pause_after_failures": "0"})

    _fail(beat, site, ONE, TWO, THREE)

    assert (beat.row(site).paused_at, beat.row(site).failed_in_a_row) == (None, 3)


def test_runs_of_people_are_not_counted(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes={**HOURLY, "pause_after_failures": "1"})

    _run_now(beat, site, now=NOON)
    _end(beat, site, RunStatus.FAILED, now=NOON)

    assert (beat.row(site).paused_at, beat.row(site).failed_in_a_row) == (None, 0)


def test_the_engine_tells_the_schedule_how_its_run_ended(database: Database) -> None:
    world = make_world(database, settings={"automation.enabled": "true", "automation.pause_after_failures": "1"})
    world.keywords(["fine 1"])
    with database.transaction() as session:
        now = world.driver.clock.at
        started = runs.start(session, site=world.site(session), now=now, origin="scheduled", scheduled_for=now)
    assert started.run_id is not None
    assert started.stage_run_id is not None
    world.driver.send_stage(started.stage_run_id)
    world.driver.step()
    with database.transaction() as session:
        ending = {"ending": StageRunStatus.FAILED, "reason": "the key was refused"}
        session.execute(update(StageRun).where(StageRun.id == started.stage_run_id).values(ending))

    status = world.driver.run_to_end(started.run_id)

    assert status is RunStatus.FAILED
    assert Schedules(database, None).row(world.site_id).paused_at == world.driver.clock.at


def test_a_cancelled_scheduled_run_neither_counts_nor_forgives(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes={**HOURLY, "pause_after_failures": "3"})
    _fail(beat, site, ONE)
    beat.tick(TWO)

    with beat.database.transaction() as session:
        run = session.get_one(Run, beat.runs(site)[-1].id)
        run_control.cancel(session, run, actor="cli", now=TWO + A_MINUTE)

    assert beat.runs(site)[-1].status is RunStatus.CANCELLED
    assert beat.row(site).failed_in_a_row == 1


def test_an_account_sees_its_own_decisions_only(beat: Schedules) -> None:
    site = beat.site(now=NOON, changes=HOURLY)
    beat.tick(ONE)

    with beat.database.transaction() as session:
        other = make_account(session)

        assert decisions.list_decisions(session, account_id=other.id, site_id=site) == []
