"""Messages are lost, flushed, delivered thrice, late and in another order: the rows are those of undisturbed runs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import EVERYWHERE, only
from tests.faults.harness import LATENCY_VARIABLE
from tests.faults.harness.campaign import Campaign, running_campaign, say
from tests.faults.harness.meddling import Thief, copier
from tests.faults.harness.processes import Processes

pytestmark = pytest.mark.timeout(600)

BOTH = ("one lane", "three lanes")


@pytest.fixture(scope="module", params=EVERYWHERE)
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """The processes under fault, after undisturbed runs."""
    with (
        tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name,
        running_campaign(Path(name), on=request.param, variants=BOTH) as campaign,
    ):
        yield campaign


#: Brokers that hand messages out without keeping them until they are acknowledged, or for a time only.
of_redis_protocol = only("embedded", "redis")


@of_redis_protocol
def test_messages_lost_between_the_broker_and_its_worker_are_sent_again(campaign: Campaign, seed: str) -> None:
    with Thief(campaign.processes, most=12, seed=f"thief {seed}") as thief:
        sites = [campaign.start(variant) for variant in BOTH]
        campaign.wait_at_rest(sites)

    say(f"{thief.taken} messages taken")
    assert campaign.complaints(sites) == []
    assert thief.taken >= 6


def test_a_broker_that_loses_all_it_has_twenty_times_in_a_run_changes_nothing(campaign: Campaign, seed: str) -> None:
    def flush(processes: Processes) -> None:
        processes.flush_broker()

    sites = campaign.strike(flush, times=20, seed=f"flush {seed}", variants=("one lane",), strikes_a_site=20)

    assert campaign.complaints(sites) == []


@only("rabbitmq")
def test_queues_that_are_deleted_while_they_are_worked_on_are_made_again(campaign: Campaign, seed: str) -> None:
    def delete(processes: Processes) -> None:
        processes.backend.delete_queues()

    sites = campaign.strike(delete, times=1, seed=f"delete {seed}", variants=("one lane",))

    assert campaign.complaints(sites) == []


def test_messages_delivered_three_times_shuffled_and_long_after_change_nothing(campaign: Campaign, seed: str) -> None:
    with copier(campaign.processes, seed=f"copies {seed}") as copies:
        sites = [campaign.start(variant) for variant in BOTH]
        campaign.wait_at_rest(sites)
        kept = copies.give_back()
        campaign.wait_for(lambda: _is_drained(campaign.processes), sites, what="copies are not taken")

    say(f"{copies.seen} messages, {copies.copies} copies, {kept} of them when all was over")
    assert campaign.complaints(sites) == []
    assert copies.copies >= copies.seen > 20
    assert kept > 0


@pytest.mark.extended
@of_redis_protocol
def test_a_message_that_is_handed_out_again_while_its_work_runs_asks_the_provider_once(campaign: Campaign) -> None:
    processes = campaign.processes
    changed = {LATENCY_VARIABLE: "2.5", "IGNY8_VISIBILITY_TIMEOUT_SECONDS": "1"}
    processes.environ["worker"].update(changed)
    processes.kill("worker")
    processes.restart("worker")
    before = processes.journal.read().asked

    site = campaign.start("three lanes")
    campaign.wait_at_rest([site], seconds=180)

    asked = processes.journal.read().asked - before
    for name in changed:
        del processes.environ["worker"][name]
    processes.kill("worker")
    processes.restart("worker")
    assert set(asked.values()) == {1}
    assert campaign.count_lost([site]) == 0
    assert campaign.complaints([site]) == []


def _is_drained(processes: Processes) -> bool:
    """No message waits, and a moment later none does either."""
    queues = ("control", "local", "text", "image", "publish")
    for _ in range(2):
        if any(processes.queued(queue) for queue in queues):
            return False
        time.sleep(0.5)
    return True
