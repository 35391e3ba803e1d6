"""Fifty lanes ask for credits at once: never is more spent and held than the stage may have, at no sample."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from pipeline.core.states import CallStatus, ItemStatus, LaneStatus, RunStatus, StageRunStatus
from pipeline.engine import executor
from pipeline.models import AiCall, Lane, Run, Site, StageItem, StageRun
from tests.faults.conftest import EVERYWHERE
from tests.faults.harness.campaign import Campaign, running_campaign, say
from tests.faults.harness.sampler import Sampler
from tests.faults.harness.sites import RunningSite, start_run
from tests.support.builders import make_content_task

pytestmark = pytest.mark.timeout(600)

_LANES = 50
_WRITES = 4
_WORTH_ITEMS = 10
_BUDGET_PERCENT = 40
_TIMES = {"IGNY8_WORKER_THREADS": str(_LANES), "IGNY8_LEASE_SECONDS": "30", "IGNY8_LEASE_RENEW_SECONDS": "5"}
_CHANGES = {
    **{f"stages.{number}.enabled": "false" for number in (1, 2, 3, 5)},
    "stages.4.per_run_limit": "0",
    "stages.4.concurrency": "32",
}


@pytest.fixture(scope="module", params=EVERYWHERE)
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """A worker of as many threads as there are lanes, and leases that none of them outlasts: nothing is killed here."""
    with (
        tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name,
        running_campaign(Path(name), on=request.param, times=_TIMES) as campaign,
    ):
        yield campaign


def test_fifty_lanes_never_spend_and_hold_more_than_a_cap_worth_ten_items(campaign: Campaign) -> None:
    price = charge_of_one(campaign)
    campaign.processes.kill("worker")
    site = start_writing(campaign, tasks=2 * _LANES, credits_ucr=price * _WORTH_ITEMS * 100 // _BUDGET_PERCENT)
    stage_run_id = open_lanes(campaign, site)

    with Sampler(campaign.database.url, every_seconds=0.02) as sampler:
        campaign.processes.restart("worker")
        campaign.wait_at_rest([site], seconds=120)

    with campaign.database.reading() as session:
        stage = session.get_one(StageRun, stage_run_id)
        is_done = (StageItem.stage_run_id == stage_run_id, StageItem.status == ItemStatus.DONE)
        done = session.scalar(select(func.count()).where(*is_done))
        took = select(func.count()).where(Lane.stage_run_id == stage_run_id, Lane.ticket > 1)
        lanes = session.scalar(took)
    say(f"{sampler.samples} samples, {done} done, {lanes} lanes asked")
    say(f"{stage.spent} spent and {stage.lost} lost of {stage.cap}: {stage.reason}")
    assert sampler.complaints() == []
    assert sampler.samples > 20
    assert stage.status is StageRunStatus.BUDGET_EXHAUSTED
    assert stage.lost == 0, "nothing was killed, and calls were lost"
    assert 0 < stage.spent <= stage.cap
    assert 1 <= (done or 0) <= _WORTH_ITEMS + 1
    assert lanes == _LANES
    assert campaign.complaints([]) == []


def charge_of_one(campaign: Campaign) -> int:
    """What one article costs in micro-credits: three are written with all the credits that there can be."""
    site = start_writing(campaign, tasks=3)
    campaign.wait_at_rest([site])
    charged = select(func.avg(AiCall.charged_amount)).join(StageRun, StageRun.id == AiCall.stage_run_id)
    mine = charged.where(StageRun.run_id == site.run_id, AiCall.status == CallStatus.SETTLED)
    with campaign.database.reading() as session:
        return int(session.execute(mine).scalar_one())


def start_writing(campaign: Campaign, *, tasks: int, credits_ucr: int = 10**9) -> RunningSite:
    """A site that has so many rows to write, and nothing else to do."""
    made = campaign.make("three lanes", changes=_CHANGES, credits_ucr=credits_ucr, words=())
    with campaign.database.transaction() as session:
        site = session.get_one(Site, made.site_id)
        for number in range(tasks):
            make_content_task(session, site=site, title=f"What number {number} says about tents")
    return start_run(campaign.database, made)


def open_lanes(campaign: Campaign, site: RunningSite) -> int:
    """Admit what comes before stage 4, and that one with more lanes than settings allow; its stage run."""
    with campaign.database.reading() as session:
        stages = session.scalars(
            select(StageRun.id).where(StageRun.run_id == site.run_id).order_by(StageRun.number).limit(_WRITES)
        ).all()
    for stage_run_id in stages:
        executor.admit(campaign.database, stage_run_id)
    now = campaign.database.now()
    with campaign.database.transaction() as session:
        there = session.scalar(select(func.count()).where(Lane.stage_run_id == stages[-1])) or 0
        assert session.get_one(Run, site.run_id).status is RunStatus.RUNNING
        session.execute(
            insert(Lane),
            [
                {"stage_run_id": stages[-1], "number": number, "status": LaneStatus.OPEN, "due_at": now}
                for number in range(there + 1, _LANES + 1)
            ],
        )
        session.execute(update(StageRun).where(StageRun.id == stages[-1]).values(open_lanes=_LANES))
    return int(stages[-1])
