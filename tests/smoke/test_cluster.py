"""The product's own nodes, driven by pytest-celery: workers join and leave, share, die; the broker goes and comes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from celery import Celery
from pytest_celery import CeleryTestSetup, CeleryTestWorker, CeleryWorkerCluster

from pipeline.db.session import Database
from pipeline.local.workers import QUEUES
from pipeline.models import Heartbeat
from tests.support.cluster import ROOT, Installation
from tests.support.processes import wait_until

pytestmark = pytest.mark.extended

PATIENCE_SECONDS = 120
KEYWORDS = [f"standing desk for a {room}" for room in ("kitchen", "cellar", "garden", "hall", "barn", "loft")]
#: As many lanes as there are questions, so that there is work for two.
SETTINGS = [
    "delays.within_stage=0", "delays.between_stage=0", "stages.1.batch_size=1", "stages.1.concurrency=4",
    "stages.2.concurrency=4", "stages.4.concurrency=4", "stages.5.concurrency=4",
]  # fmt: skip


@pytest.fixture
def celery_worker_cluster(installation: Installation) -> Iterator[CeleryWorkerCluster]:
    """Two workers of one installation."""
    with ExitStack() as stack:
        cluster = CeleryWorkerCluster(*(stack.enter_context(installation.worker(name)) for name in ("one", "two")))
        yield cluster
        cluster.teardown()


def answering(app: Celery) -> set[str]:
    """The workers that answer a ping."""
    return {name for reply in app.control.ping(timeout=2) for name in reply}


def executed(app: Celery) -> dict[str, int]:
    """Worker -> how many tasks of stages it took."""
    stats: dict[str, Any] = app.control.inspect(timeout=2).stats() or {}
    return {
        name: sum(count for task, count in told["total"].items() if task.startswith("stages."))
        for name, told in stats.items()
    }


def start_run(installation: Installation) -> int:
    installation.igny8("keywords", "add", "Desks", *KEYWORDS)
    installation.igny8("settings", "set", "Desks", *SETTINGS)
    return int(json.loads(installation.igny8("run", "Desks", "--json"))["run_id"])


def report(installation: Installation, run_id: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(installation.igny8("run-show", str(run_id), "--json"))
    return found


def until_over(installation: Installation, run_id: int) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        found = report(installation, run_id)
        return None if found["status"] in {"queued", "running"} else found

    return wait_until(over, seconds=PATIENCE_SECONDS) or {}


def signs(installation: Installation) -> dict[str, str]:
    """Node -> the name of its sign of life."""
    database = Database(f"sqlite:///{installation.home}/igny8.db")
    with database.reading() as session:
        found = {row.details["node"]: row.name for row in session.query(Heartbeat) if "node" in row.details}
    database.dispose()
    return found


def is_complete(found: dict[str, Any]) -> bool:
    """Whether every stage did all that it took, once."""
    return found["status"] == "completed" and all(
        (stage["done"] + stage["skipped"], stage["failed"]) == (stage["inputs"], 0) for stage in found["stages"]
    )


def test_workers_join_and_leave(celery_setup: CeleryTestSetup, installation: Installation) -> None:
    assert celery_setup.ready(control=True)
    wait_until(lambda: set(signs(installation)) == {"one@localhost", "two@localhost"})

    with installation.worker("three") as third:
        joined = wait_until(lambda: len(found := answering(celery_setup.app)) == 3 and found)
        third.kill(signal="SIGTERM")

    assert joined == {"one@localhost", "two@localhost", "three@localhost"}
    assert answering(celery_setup.app) == {"one@localhost", "two@localhost"}
    assert set(signs(installation)) == {"one@localhost", "two@localhost"}


def test_two_workers_share_a_whole_run(celery_setup: CeleryTestSetup, installation: Installation) -> None:
    with installation.beat():
        found = until_over(installation, start_run(installation))

    took = executed(celery_setup.app)
    assert is_complete(found), found
    assert set(took) == {"one@localhost", "two@localhost"}
    assert all(took.values()), took


def test_a_run_goes_on_over_the_brokers_kill_and_restart(
    celery_setup: CeleryTestSetup, installation: Installation
) -> None:
    broker = celery_setup.broker
    with installation.beat():
        run_id = start_run(installation)
        wait_until(lambda: report(installation, run_id)["stages"][0]["done"], seconds=PATIENCE_SECONDS)
        broker.kill()
        broker.restart()
        found = until_over(installation, run_id)

    assert is_complete(found), found
    assert [worker.container.status for worker in celery_setup.worker_cluster] == ["running", "running"]


def test_a_killed_worker_leaves_its_work_to_the_other(
    celery_setup: CeleryTestSetup, installation: Installation
) -> None:
    doomed: CeleryTestWorker = celery_setup.worker_cluster[0]
    with installation.beat():
        run_id = start_run(installation)
        wait_until(lambda: executed(celery_setup.app).get("one@localhost"), seconds=PATIENCE_SECONDS)
        doomed.kill()
        found = until_over(installation, run_id)

    assert doomed.container.status == "exited"
    assert is_complete(found), found
    assert answering(celery_setup.app) == {"two@localhost"}


def test_a_worker_that_was_killed_joins_again_under_its_name(
    celery_setup: CeleryTestSetup, installation: Installation
) -> None:
    worker: CeleryTestWorker = celery_setup.worker_cluster[0]
    before = wait_until(lambda: signs(installation).get("one@localhost"))

    worker.kill()
    worker.restart()

    after = wait_until(lambda: (found := signs(installation).get("one@localhost")) != before and found)
    assert after != before
    assert answering(celery_setup.app) == {"one@localhost", "two@localhost"}


def test_each_worker_reads_a_queue_of_its_own(celery_setup: CeleryTestSetup, installation: Installation) -> None:
    """Its own canary is there: no other worker's takes its place as a sign of life."""
    found = wait_until(lambda: len(names := signs(installation)) == 2 and names)
    own = {node: ".".join(("canary", *name.split(":")[1:])) for node, name in (found or {}).items()}

    told = celery_setup.app.control.inspect(timeout=5).active_queues()

    queues = {node: {queue["name"] for queue in reads} for node, reads in told.items()}
    assert {node: queue in queues[node] for node, queue in own.items()} == dict.fromkeys(own, True)
    assert len(set(own.values())) == 2
    assert queues["one@localhost"] & queues["two@localhost"] == set(QUEUES)


def test_containers_that_cannot_be_had_are_said_and_nothing_is_skipped() -> None:
    environ = {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    command = [sys.executable, "-m", "pytest", "--nodes", "containers", "tests/smoke/test_broker_restart.py"]

    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--nodes containers: no Docker answers here" in done.stderr
