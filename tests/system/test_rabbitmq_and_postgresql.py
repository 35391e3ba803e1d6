"""The same product on a real RabbitMQ and a real PostgreSQL, with nothing but two addresses changed."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from pipeline.engine.generation import QUEUE
from pipeline.local.flower import USER
from pipeline.local.workers import QUEUES
from pipeline.secrets import FLOWER_PASSWORD, read_secrets
from tests.support.postgres import PostgresServer
from tests.support.processes import environ_of_home, processes_of_home, wait_until
from tests.support.rabbitmq import rabbit_server

_PATIENCE_SECONDS = 240


@pytest.fixture(scope="module")
def addresses(postgres: PostgresServer) -> Iterator[Mapping[str, str]]:
    url = postgres.create_database(f"igny8_rabbit_{os.getpid()}")
    with rabbit_server() as broker:
        yield {"IGNY8_DATABASE_URL": url, "IGNY8_BROKER_URL": broker}


@pytest.fixture(scope="module")
def demo(addresses: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    home = tmp_path_factory.mktemp("system") / "home"
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "demo", "--json"],
        env={**environ_of_home(home), **addresses},
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return home, json.loads(done.stdout)


def test_the_demo_runs_on_rabbitmq_and_postgresql(demo: tuple[Path, dict[str, Any]]) -> None:
    home, story = demo

    assert story["run"]["status"] == "completed"
    assert sum(story["contents"].values()) >= 20
    assert story["published"]["status"] == "published"
    assert not (home / "broker").exists()
    assert processes_of_home(home) == []


def test_every_queue_is_a_quorum_queue_and_the_mark_lies_in_its_own(
    demo: tuple[Path, dict[str, Any]], addresses: Mapping[str, str]
) -> None:
    assert demo
    with Connection(addresses["IGNY8_BROKER_URL"]) as connection, connection.channel() as channel:
        # A declaration that differs from what is there is refused.
        declared = {
            queue: channel.queue_declare(queue, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
            for queue in (*QUEUES, QUEUE)
        }

    assert {queue: found.message_count for queue, found in declared.items()} == {
        **dict.fromkeys(QUEUES, 0),
        QUEUE: 1,
    }


def test_flower_shows_the_worker_and_its_queues(
    demo: tuple[Path, dict[str, Any]], addresses: Mapping[str, str]
) -> None:
    home, _ = demo
    up = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "up", "--no-web", "--json"],
        env={**environ_of_home(home), **addresses},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert up.stdout is not None
        url = json.loads(_document(up.stdout))["flower"]["url"]
        workers = wait_until(lambda: _asked(home, f"{url}/api/workers?refresh=1"), seconds=60)
    finally:
        up.send_signal(signal.SIGTERM)
        up.communicate(timeout=60)

    [worker] = workers.values()
    read = {queue["name"] for queue in worker["active_queues"]}
    [own] = read - {*QUEUES}
    assert read >= {*QUEUES}
    # Its own, where it alone finds its canary.
    assert own.startswith("canary.")


def _document(output: Any) -> str:
    """The one JSON document that `up` writes when all is ready."""
    lines: list[str] = []
    for line in output:
        lines.append(line)
        try:
            json.loads("".join(lines))
        except json.JSONDecodeError:
            continue
        return "".join(lines)
    raise AssertionError(f"up ended: {''.join(lines)}")


def _asked(home: Path, url: str) -> dict[str, Any]:
    secret = base64.b64encode(f"{USER}:{read_secrets(home)[FLOWER_PASSWORD]}".encode()).decode()
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {secret}"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the same
        told: dict[str, Any] = json.loads(answer.read())
    return told
