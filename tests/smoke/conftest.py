"""Fixtures of pytest-celery with local processes in place of containers: the embedded broker and one worker."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_celery import CeleryTestBroker

from pipeline.local.broker import server_command
from tests.support.local_nodes import ProcessNode, ProcessWorker

ROOT = Path(__file__).parents[2]


@pytest.fixture
def celery_broker() -> Iterator[CeleryTestBroker]:
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
def celery_worker(celery_broker: CeleryTestBroker, tmp_path: Path) -> Iterator[ProcessWorker]:
    url = celery_broker.config()["url"]
    options = ("-P", "threads", "-c", "4", "-n", "smoke@localhost", "--without-mingle", "--without-gossip")
    container = ProcessNode(
        "smoke",
        (sys.executable, "-m", "celery", "-A", "tests.support.smoke_app", "worker", *options, "-l", "INFO"),
        environ={**os.environ, "IGNY8_BROKER_URL": url, "PYTHONPATH": str(ROOT)},
        log=tmp_path / "worker.log",
        prompt="ready.",
        url=url,
    )
    worker = ProcessWorker(container, None)  # the setup hands its own app to every node.
    try:
        worker.ready()
        yield worker
    finally:
        worker.teardown()


@pytest.fixture
def celery_setup_name() -> str:
    return "smoke"
