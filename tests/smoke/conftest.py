"""Fixtures of pytest-celery: the embedded broker, workers and a beat, as local processes or as containers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_celery import CeleryTestBroker, CeleryTestWorker

from pipeline.local.broker import server_command
from tests.support.cluster import Installation, Nodes
from tests.support.local_nodes import ProcessNode


@pytest.fixture
def celery_broker(request: pytest.FixtureRequest) -> Iterator[CeleryTestBroker]:
    if request.config.getoption("--nodes") == "containers":
        yield request.getfixturevalue("celery_redis_broker")
        return
    with tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as name:  # a socket's path must be short.
        folder = Path(name)
        socket = folder / "broker.sock"
        container = ProcessNode(
            "broker",
            server_command(folder, socket),
            environ={},
            log=folder / "broker.log",
            prompt="Ready to accept connections",
            url=f"redis+socket://{socket}?virtual_host=0",
        )
        broker = CeleryTestBroker(container)
        try:
            broker.ready()
            yield broker
        finally:
            broker.teardown()


@pytest.fixture
def celery_backend_cluster() -> None:
    """There is no result backend."""


@pytest.fixture
def celery_backend_cluster_config() -> None:
    """There is no result backend."""


@pytest.fixture
def nodes(request: pytest.FixtureRequest, celery_broker: CeleryTestBroker, tmp_path: Path) -> Nodes:
    """How nodes of this test are made."""
    return Nodes(request.config.getoption("--nodes"), tmp_path, celery_broker.config()["host_url"])


@pytest.fixture
def celery_worker(nodes: Nodes) -> Iterator[CeleryTestWorker]:
    worker = nodes.worker("smoke", "tests.support.smoke_app")  # the setup hands its own app to every node.
    try:
        worker.ready()
        yield worker
    finally:
        worker.teardown()


@pytest.fixture
def celery_setup_name() -> str:
    return "smoke"


@pytest.fixture
def installation(nodes: Nodes, tmp_path: Path) -> Installation:
    """A home with one site, whose leases and resends run in seconds."""
    home = tmp_path / "home"
    quick = {"IGNY8_HOME": str(home), "IGNY8_LEASE_SECONDS": "3", "IGNY8_LEASE_RENEW_SECONDS": "1"}
    quick |= {"IGNY8_RESEND_SECONDS": "1", "IGNY8_RESEND_MAX_SECONDS": "2"}
    found = Installation(Nodes(nodes.kind, tmp_path, nodes.url, quick), home)
    found.igny8("init")
    found.igny8("site", "add", "--name", "Desks", "--timezone", "UTC")
    return found
