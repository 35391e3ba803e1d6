"""A worker whose pool is made of processes: they share no connection, work on a run, stop when asked, and may die."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pipeline.config import load_config
from pipeline.core.errors import InvalidValueError
from pipeline.core.states import CallStatus
from pipeline.local.workers import QUEUES, Pool, chosen_queues, worker_arguments
from pipeline.models import Lane, StageItem
from tests.faults.harness.sites import start_site
from tests.support.installations import Installation, installed
from tests.support.postgres import PostgresServer
from tests.support.processes import wait_until

pytestmark = pytest.mark.extended


@pytest.fixture(params=("sqlite", pytest.param("postgresql", marks=pytest.mark.extended)))
def installation(request: pytest.FixtureRequest) -> Iterator[Installation]:
    """One on each database."""
    url = None
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.create_database(f"igny8_pools_{os.getpid()}")
    with installed(url) as found:
        yield found


def test_processes_for_all_that_computes_and_threads_for_all_that_waits(installation: Installation) -> None:
    installation.worker("computes", queues="control,local")
    threads = installation.worker("waits", queues="text,image,publish,canary", pool="threads", at_once=4)

    installation.wait_at_rest([start_site(installation.database, "three lanes")])

    assert {pid for _, pid in installation.requests} == {threads}


def test_calls_of_several_processes_and_one_of_them_killed(installation: Installation) -> None:
    worker = installation.worker("worker", at_once=3)
    site = start_site(installation.database, "three lanes")
    asked = wait_until(lambda: [pid for _, pid in installation.requests if pid != worker])

    os.kill(asked[-1], signal.SIGKILL)
    installation.wait_at_rest([site])

    keys = Counter(key for key, _ in installation.requests)
    senders = {pid for _, pid in installation.requests}
    assert worker not in senders
    assert len(senders) > 1
    assert max(keys.values()) <= 2
    # Another one came in its place, forked while the worker's own threads ran, and does its work.
    second = start_site(installation.database, "one lane")
    installation.wait_at_rest([second])
    assert asked[-1] not in installation.started.children("worker")
    assert len(installation.started.children("worker")) >= 3


def test_a_worker_that_is_asked_to_stop_tells_its_processes() -> None:
    # A slice of ten minutes: only what they are told ends it sooner.
    extra = {"IGNY8_SLICE_SECONDS": "600", "IGNY8_TEST_LATENCY_SECONDS": "2", "IGNY8_LEASE_SECONDS": "10"}
    with installed(None, extra) as installation:
        installation.worker("first")
        site = start_site(installation.database, "one lane")  # three questions, or more, in its first stage.
        wait_until(lambda: installation.requests)

        installation.started.ask_to_stop("first")

        assert installation.started.wait("first", seconds=30) == 0
        assert len(installation.requests) == 1
        with installation.database.reading() as session:
            held = session.scalar(select(func.count()).where(Lane.lease_until.is_not(None)))
            attempts = session.scalar(select(func.max(StageItem.attempts)))
        assert installation.count(CallStatus.LOST) == 0
        assert installation.count(CallStatus.DISPATCHED) == 0
        assert held == 0
        assert attempts == 0
        installation.started.kill("first")
        installation.worker("second", environ={"IGNY8_TEST_LATENCY_SECONDS": "0.05"})
        installation.wait_at_rest([site])
        assert installation.count(CallStatus.LOST) == 0


@pytest.mark.extended
def test_what_outlasts_a_soft_shutdown_is_dropped_and_asked_again() -> None:
    extra = {"IGNY8_TEST_LATENCY_SECONDS": "30", "IGNY8_SOFT_SHUTDOWN_SECONDS": "2"}
    with installed(None, extra) as installation:
        pid = installation.worker("first")
        site = start_site(installation.database, "one lane")
        wait_until(lambda: installation.requests)

        os.kill(pid, signal.SIGQUIT)

        assert installation.started.wait("first", seconds=25) == 0
        installation.started.kill("first")
        installation.worker("second", environ={"IGNY8_TEST_LATENCY_SECONDS": "0.05"})
        installation.wait_at_rest([site])
        assert installation.count(CallStatus.LOST) == 1


@pytest.mark.extended
def test_a_process_that_hangs_is_ended_in_time(tmp_path: Path) -> None:
    extra = {"IGNY8_VISIBILITY_TIMEOUT_SECONDS": "4", "IGNY8_TEST_HANG": str(tmp_path / "hung")}
    with installed(None, extra) as installation:
        installation.worker("worker")
        site = start_site(installation.database, "one lane")
        hung = wait_until(lambda: installation.requests)[0]

        installation.wait_at_rest([site])

        assert (tmp_path / "hung").exists()
        assert hung[1] not in installation.started.children("worker")
        assert installation.count(CallStatus.LOST) == 1


def test_a_queue_that_nobody_writes_to_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="no queue 'texts'"):
        chosen_queues("control,texts")

    assert chosen_queues(" text, image,text") == ("text", "image")
    assert chosen_queues(None) == chosen_queues(",") == QUEUES


def test_threads_are_never_given_a_time_that_they_cannot_keep() -> None:
    config = load_config({"IGNY8_VISIBILITY_TIMEOUT_SECONDS": "900", "IGNY8_WORKER_THREADS": "7"})

    threads = worker_arguments(config, node="n", queues=("text",))
    prefork = worker_arguments(config, node="n", queues=("local",), pool=Pool.PREFORK, at_once=3)

    assert threads[threads.index("-c") + 1] == "7"
    assert "--time-limit" not in threads
    assert prefork[prefork.index("--time-limit") + 1] == "900.0"
    assert prefork[prefork.index("-c") + 1] == "3"
