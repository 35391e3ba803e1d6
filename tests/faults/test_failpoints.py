"""A process kills itself with -9 at every failpoint that a run comes to: the rows are those of an undisturbed run.

`make test`: one failpoint of each stage and of publishing, chosen by the seed, in one run. `--all`: every failpoint of
every stage on PostgreSQL and Redis, the chosen ones on the other backends. IGNY8_TEST_FAULT_SEED chooses others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from pipeline.core.catalog import STAGES, StageDefinition
from tests.faults.conftest import EVERYWHERE, only
from tests.faults.harness.campaign import Campaign, running_campaign
from tests.faults.harness.walks import OF_BEAT, OF_PUBLISHER, Step, elsewhere, of_stage, walk

pytestmark = pytest.mark.timeout(900)

#: Where every failpoint of every stage is tried.
on_redis = only("redis")


@pytest.fixture(scope="module", params=EVERYWHERE)
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """The processes under fault, after one undisturbed run in which each keyword is a batch of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name,
        running_campaign(Path(name), on=request.param, variants=("one by one",)) as campaign,
    ):
        yield campaign


def chosen(seed: str) -> list[Step]:
    """One failpoint of each stage and one of publishing."""
    random = Random(f"failpoints {seed}")
    return [*(random.choice(of_stage(stage)) for stage in STAGES), random.choice(OF_PUBLISHER)]


def test_a_worker_killed_at_a_failpoint_of_each_stage_changes_nothing(campaign: Campaign, seed: str) -> None:
    site = walk(campaign, chosen(seed))

    assert campaign.complaints([site]) == []


@pytest.mark.extended
def test_a_beat_killed_at_each_of_its_failpoints_changes_nothing(campaign: Campaign) -> None:
    campaign.learn_once("delays")

    site = walk(campaign, OF_BEAT, process="beat", variant="delays")

    assert campaign.complaints([site]) == []


@on_redis
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.key)
def test_a_worker_killed_at_every_failpoint_of_a_stage_changes_nothing(
    campaign: Campaign, stage: StageDefinition
) -> None:
    site = walk(campaign, of_stage(stage))

    assert campaign.complaints([site]) == []


@on_redis
def test_a_worker_killed_where_a_run_comes_to_otherwise_changes_nothing(campaign: Campaign) -> None:
    site = walk(campaign, elsewhere())

    assert campaign.complaints([site]) == []


@on_redis
def test_a_publisher_killed_at_every_failpoint_publishes_once(campaign: Campaign) -> None:
    site = walk(campaign, OF_PUBLISHER)

    assert campaign.complaints([site]) == []
