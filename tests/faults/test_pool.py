"""A child of the worker's pool dies in the middle of a call: its item is tried again, three times, and the run ends."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from pipeline.core.states import ItemStatus, RunStatus
from pipeline.models import Run, StageItem, StageRun
from tests.faults.conftest import EVERYWHERE
from tests.faults.harness import EATING_VARIABLE
from tests.faults.harness.campaign import Campaign, running_campaign, say
from tests.faults.harness.memory import memory_limit
from tests.faults.harness.processes import Processes
from tests.faults.harness.sites import RunningSite
from tests.support.processes import wait_until

pytestmark = pytest.mark.timeout(600)

_ATTEMPTS = "IGNY8_ITEM_ATTEMPTS"
_FURTHER_BYTES = 400_000_000


@pytest.fixture(scope="module", params=EVERYWHERE)
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """A worker whose tasks run in two children of its own, after one undisturbed run."""
    with (
        tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name,
        running_campaign(
            Path(name), on=request.param, times={"IGNY8_WORKER_THREADS": "2"}, variants=("one by one",), pool="prefork"
        ) as campaign,
    ):
        yield campaign


def kill_child_in_call(processes: Processes) -> None:
    """Kill -9 the child that waits for its provider, as soon as one does."""
    children = _children(processes)
    pid = wait_until(lambda: next((pid for _, pid in processes.journal.read().unanswered if pid in children()), 0))
    os.kill(pid, signal.SIGKILL)


def test_a_killed_child_changes_nothing(campaign: Campaign, seed: str) -> None:
    sites = campaign.strike(
        kill_child_in_call, times=3, seed=f"child {seed}", variants=("one by one",), strikes_a_site=3
    )

    assert campaign.complaints(sites) == []
    # One may have been answered in the instant before it was killed.
    assert 1 <= campaign.count_lost(sites) <= 3


@pytest.mark.extended
def test_an_item_that_takes_all_memory_fails_after_three_attempts_and_the_run_ends(campaign: Campaign) -> None:
    processes = campaign.processes
    title = min(row[0] for row in campaign.expected["one by one"]["tasks"] if row[1] == "written")
    with _worker(processes, {EATING_VARIABLE: title, _ATTEMPTS: "3"}):
        # One that was forked before it was in the group is not limited: children are made anew when they die.
        pids = [processes.pid("worker"), *_children(processes)()]
        with memory_limit(pids, further_bytes=_FURTHER_BYTES) as what:
            how = "killed by the kernel" if what == "killed" else "told so: CONTROL GROUPS ARE NOT TO BE HAD HERE"
            say(f"MEMORY LIMIT: a process that takes too much is {how}")
            site = campaign.start("one by one")
            campaign.wait_at_rest([site])

    ended, attempts, failed, done = _fate(campaign, site)
    assert (ended, attempts, failed) == (RunStatus.COMPLETED_WITH_ERRORS, [3], 1)
    assert done == 1
    assert campaign.count_lost([site]) == 3
    assert campaign.complaints([]) == []


class _worker:  # noqa: N801 - a context
    """The worker anew with these variables; as it was before at the end."""

    def __init__(self, processes: Processes, variables: dict[str, str]) -> None:
        self._processes, self._variables = processes, variables

    def __enter__(self) -> None:
        self._processes.environ["worker"].update(self._variables)
        self._again()

    def __exit__(self, *_: object) -> None:
        for name in self._variables:
            del self._processes.environ["worker"][name]
        self._again()

    def _again(self) -> None:
        self._processes.kill("worker")
        self._processes.start("worker")
        self._processes.wait_ready("worker")


def _children(processes: Processes):  # noqa: ANN202 - a function of no argument
    """What tells the process ids of the worker's children now."""
    worker = psutil.Process(processes.pid("worker"))
    return lambda: [child.pid for child in worker.children()]


def _fate(campaign: Campaign, site: RunningSite) -> tuple[RunStatus, list[int], int, int]:
    """How the run ended, the attempts of items of stage 4 that failed, how many failed and how many are done."""
    items = (
        select(StageItem.status, StageItem.attempts)
        .join(StageRun, StageRun.id == StageItem.stage_run_id)
        .where(StageRun.run_id == site.run_id, StageRun.number == 4)
    )
    with campaign.database.reading() as session:
        rows = session.execute(items).all()
        ended = session.get_one(Run, site.run_id).status
    failed = [row.attempts for row in rows if row.status is ItemStatus.FAILED]
    return ended, failed, len(failed), sum(row.status is ItemStatus.DONE for row in rows)
