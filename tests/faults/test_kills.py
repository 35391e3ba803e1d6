"""Processes are killed with -9 at seeded instants of a run: it ends in the same rows and the same credit entries.

`make test`: a few on SQLite; `--all`: on every backend. IGNY8_TEST_FAULT_SEED replays other instants.
"""

from __future__ import annotations

import pytest

from pipeline.core.states import RunStatus
from tests.faults.harness.campaign import Campaign, Fault, kill_and_restart
from tests.faults.harness.processes import NAMES
from tests.faults.harness.sites import RunningSite
from tests.support.processes import wait_until

pytestmark = pytest.mark.timeout(900)
_MOST_ROUNDS = 4


def test_undisturbed_runs_complete(campaign: Campaign) -> None:
    ended = {variant: list(rows["runs"]) for variant, rows in campaign.expected.items()}

    assert ended == {variant: [(RunStatus.COMPLETED, None)] for variant in ("delays", "one lane", "three lanes")}
    assert campaign.complaints([]) == []


@pytest.mark.extended  # test_failpoints.py kills it, too
def test_killed_worker_changes_nothing(campaign: Campaign, seed: str, times: int) -> None:
    sites = _until_a_call_is_lost(campaign, kill_and_restart("worker"), times=times, seed=f"worker {seed}")

    assert campaign.complaints(sites) == []


@pytest.mark.extended  # it dies with all others below
def test_killed_beat_changes_nothing(campaign: Campaign, seed: str, times: int) -> None:
    kill = kill_and_restart("beat")

    sites = campaign.strike(
        kill, times=times, seed=f"beat {seed}", variants=("delays", "three lanes"), strikes_a_site=3
    )

    assert campaign.complaints(sites) == []


def test_killed_broker_changes_nothing(campaign: Campaign, seed: str, times: int) -> None:
    sites = campaign.strike(kill_and_restart("broker"), times=times, seed=f"broker {seed}")

    assert campaign.complaints(sites) == []


def test_everything_killed_at_once_changes_nothing(campaign: Campaign, seed: str, times: int) -> None:
    sites = _until_a_call_is_lost(campaign, kill_and_restart(*NAMES), times=times, seed=f"everything {seed}")

    assert campaign.complaints(sites) == []


def _until_a_call_is_lost(campaign: Campaign, fault: Fault, *, times: int, seed: str) -> list[RunningSite]:
    """Strike until a kill hit a call under way, for which instants may be too few on a slow machine."""
    sites: list[RunningSite] = []
    for again in range(_MOST_ROUNDS):
        sites += campaign.strike(fault, times=times, seed=f"{seed} {again}" if again else seed)
        if campaign.count_lost(sites):
            return sites
    raise AssertionError("no kill struck a call under way: nothing was tested")


def test_killed_broker_still_has_what_it_was_given(campaign: Campaign) -> None:
    processes = campaign.processes
    processes.kill("worker", "beat")
    site = campaign.start("one lane")
    before = processes.queued("control")

    processes.kill("broker")
    processes.restart("broker")

    assert before > 0
    # A quorum queue has nothing to say until it has a leader again.
    wait_until(lambda: processes.queued("control") == before)
    processes.restart("worker", "beat")
    campaign.wait_at_rest([site])
    assert campaign.complaints([site]) == []
