"""What is told of a run while it lives: what is ahead of it, and what happened in it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from pipeline.core.states import LIVE_RUNS, CallStatus, StageRunStatus
from pipeline.db.session import Database
from pipeline.models import AiCall, Run, Site, StageRun
from pipeline.services import runs
from pipeline.services import settings as site_settings
from pipeline.services.forecasts import Rest, forecast, rest_of
from pipeline.services.run_activity import Event, Happened, events_of
from pipeline.services.run_items import lines_of
from pipeline.services.stage_runs import of_run
from pipeline.web.pages.run_log import log_of
from tests.support.builders import make_keywords
from tests.support.driver import Driver

pytestmark = pytest.mark.usefixtures("seven_stages")
_ALL = 10_000


@pytest.fixture
def driver(database: Database, site: Site) -> Driver:
    found = Driver(database)
    with database.transaction() as session:
        make_keywords(session, site=site, texts=[f"garden tool {number}" for number in range(40)])
        limits = {"stages.2.per_run_limit": "2", "stages.4.per_run_limit": "2"}
        site_settings.apply(session, session.merge(site), limits, now=found.clock.at)
    return found


def _start(driver: Driver, site: Site) -> int:
    with driver.database.transaction() as session:
        started = runs.start(session, site=session.merge(site), now=driver.clock.at)
        assert started.run_id is not None
        assert started.stage_run_id is not None
    driver.send_stage(started.stage_run_id)
    return started.run_id


def _rest(driver: Driver, run_id: int) -> Rest:
    with driver.database.reading() as session:
        run = session.get_one(Run, run_id)
        rows = of_run(session, run_id)
        return rest_of(session, run, session.get_one(Site, run.site_id), rows, now=driver.clock.at)


def _events(driver: Driver, run_id: int, most: int = _ALL) -> list[Event]:
    with driver.database.reading() as session:
        return events_of(session, session.get_one(Run, run_id), of_run(session, run_id), most=most)


def _live(driver: Driver, run_id: int) -> bool:
    """One more link, or what is due next; False: the run is over."""
    if not driver.step() and driver.status(run_id) in LIVE_RUNS and not driver.dispatch():
        driver._jump()
    return driver.status(run_id) in LIVE_RUNS


def test_what_is_ahead_is_the_forecast_less_what_is_done(driver: Driver, site: Site) -> None:
    with driver.database.reading() as session:
        foreseen = forecast(session, session.merge(site), now=driver.clock.at)
    run_id = _start(driver, site)

    first = _rest(driver, run_id)
    ahead = [first]
    while _live(driver, run_id):
        ahead.append(_rest(driver, run_id))

    assert first.ends_at == foreseen.ends_at
    assert first.expected_ucr == sum(each.expected_ucr for each in foreseen.stages)
    assert all(rest.ends_at >= rest.at for rest in ahead)
    assert ahead[-1].expected_ucr == 0
    assert ahead[-1].ends_at - ahead[-1].at < timedelta(seconds=1)
    # Answers are as long as they are: what is expected goes down all the same, but for what earlier ones taught.
    falls = [later.expected_ucr <= earlier.expected_ucr for earlier, later in pairwise(ahead)]
    assert falls.count(True) > 0.8 * len(falls)


def test_every_call_and_stage_is_told_once_and_the_newest_is_first(driver: Driver, site: Site) -> None:
    run_id = _start(driver, site)
    driver.run_to_end(run_id)
    driver.clock.move(60)
    later = _start(driver, site)
    driver.run_to_end(later)

    found = _events(driver, run_id)

    assert [event.at for event in found] == sorted((event.at for event in found), reverse=True)
    assert [event.stage.number for event in found if event.happened is Happened.ENDED] == [7, 6, 5, 4, 3, 2, 1]
    with driver.database.reading() as session:
        calls = session.scalars(
            select(AiCall.id).join(StageRun, StageRun.id == AiCall.stage_run_id).where(StageRun.run_id == run_id)
        ).all()
    assert sum(event.happened is Happened.RESOLVED for event in found) == len(calls) > 5
    assert {event.stage.run_id for event in found} == {run_id}
    assert [event.at for event in _events(driver, run_id, 4)] == [event.at for event in found[:4]]


def test_events_are_sentences(driver: Driver, site: Site) -> None:
    run_id = _start(driver, site)
    driver.run_to_end(run_id)
    with driver.database.transaction() as session:
        rows = of_run(session, run_id)
        call = session.scalars(select(AiCall).where(AiCall.stage_run_id == rows[3].id)).first()
        assert call is not None
        call.status, call.answer, call.error, call.charged_amount = CallStatus.LOST, None, "no answer within 60 s.", 0
        rows[4].status, rows[4].reason = StageRunStatus.BUDGET_EXHAUSTED, "the next call needs 31 credits"
        rows[4].spent = 0
        rows[5].status, rows[5].reason = StageRunStatus.SKIPPED, "the stage is off"
        counts = {row.number: {"inputs": 3, "done": 2, "failed": 1, "skipped": 0, "released": 0} for row in rows}
        session.flush()
        events = events_of(session, session.get_one(Run, run_id), rows, most=_ALL)
        lines = list(log_of(events, counts, lines_of(session, rows, most=5)[rows[0].id]))

    told = [line.text for line in lines]
    assert "Stage 1 began with 3 inputs." in told
    assert "Stage 3 ended: completed; 6 done." in told
    assert "Stage 5 ended: budget exhausted; the next call needs 31 credits. 2 done, 1 failed." in told
    assert "Stage 6 was skipped: the stage is off." in told
    assert any(text.startswith("Stage 4 had an answer of offline-writer for ") for text in told)
    assert "Stage 4 has no word of an answer of offline-writer: no answer within 60 s. Nothing charged." in told
    assert {line.tone for line in lines} == {"done", "running", "failed", "skipped", "budget"}
