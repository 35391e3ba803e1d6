"""The API as a process: where it listens, who starts it, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from pipeline.config import Config, child_environ, load_config
from pipeline.db.migrate import upgrade
from pipeline.db.session import Database
from pipeline.local.child import Child
from pipeline.local.ports import LOOPBACK
from pipeline.local.stack import EmbeddedStack
from pipeline.local.web import answers, web_child, web_url
from pipeline.services.accounts import init_installation
from tests.support.api import make_key, make_tenant
from tests.support.ports import free_port
from tests.support.processes import wait_until


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    """An installation that is ready, its usual port taken by nobody yet."""
    (tmp_path / "home").mkdir()
    found = load_config({"IGNY8_HOME": str(tmp_path / "home"), "IGNY8_WEB_PORT": str(free_port())})
    database = Database(found.database_url)
    upgrade(database)
    with database.transaction() as session:
        init_installation(session, now=database.now())
    database.dispose()
    return found


@pytest.fixture
def taken(settings: Config) -> Iterator[int]:
    """The usual port, taken by somebody else."""
    with socket.create_server((LOOPBACK, settings.web_port)):
        yield settings.web_port


def _start(settings: Config, *options: str) -> subprocess.Popen[bytes]:
    command = (sys.executable, "-m", "pipeline.cli", "web", "--port", str(settings.web_port), *options)
    return subprocess.Popen(command, env=child_environ(settings), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_it_serves_where_it_says_and_ends_when_it_is_told_to(settings: Config) -> None:
    process = _start(settings)
    try:
        url = wait_until(lambda: web_url(settings.home), seconds=60)
        wait_until(lambda: answers(url), seconds=60)
        database = Database(settings.database_url)
        key = make_key(database, account_id=1).key
        database.dispose()
        with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
            told = client.get("/api/v1/credits").json()
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)

    assert url == f"http://{LOOPBACK}:{settings.web_port}"
    assert told["balance"] == "10000"
    assert key.encode() not in output
    assert not answers(url)


def test_it_ends_at_once_though_somebody_watches_a_run(settings: Config) -> None:
    database = Database(settings.database_url)
    tenant = make_tenant(database)
    database.dispose()
    process = _start(settings)
    try:
        url = wait_until(lambda: web_url(settings.home), seconds=60)
        wait_until(lambda: answers(url), seconds=60)
        path = f"{url}/api/v1/runs/{tenant.run_id}/events"
        with httpx2.stream("GET", path, headers=tenant.headers, timeout=30) as answer:
            lines = answer.iter_lines()
            first = next(lines)
            told = next(line for line in lines if line.startswith("data: "))
            process.send_signal(signal.SIGTERM)
            asked_at = time.monotonic()
            for _ in lines:
                pass  # Until the stream ends.
    finally:
        process.terminate()
        process.communicate(timeout=60)

    assert first == "retry: 2000"
    assert f'"run_id":{tenant.run_id}' in told
    # It would be waited for, for five seconds, and then cut.
    assert time.monotonic() - asked_at < 4


def test_a_port_in_use_is_named_with_what_to_do(settings: Config, taken: int) -> None:
    process = _start(settings)
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert (
        output.decode()
        .strip()
        .endswith(f"Port {taken} is in use. Stop what listens there, or choose another with --port.")
    )


def test_an_address_that_is_none_is_named(settings: Config) -> None:
    process = _start(settings, "--host", "192.0.2.1")
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "Give another --host." in output.decode()


def test_the_stack_serves_it_and_takes_another_port_where_the_usual_is_in_use(settings: Config, taken: int) -> None:
    with EmbeddedStack(settings, flower=False, web=True, services=[]) as stack:
        url = stack.web_url or ""
        names = [status.name for status in stack.statuses()]
        served = answers(url)

    assert names == ["broker", "web"]
    assert served
    assert not url.endswith(f":{taken}")
    assert not answers(url)


def test_one_that_was_killed_listens_again_where_it_did(settings: Config, taken: int) -> None:
    child = Child(web_child(settings), logs=settings.home / "logs")
    try:
        child.wait_ready()
        url = web_url(settings.home) or ""
        os.kill(child.pid or 0, signal.SIGKILL)
        wait_until(lambda: child.exit_code() is not None)
        child = Child(child.spec, logs=settings.home / "logs")
        wait_until(lambda: answers(url), seconds=60)
        again = web_url(settings.home)
    finally:
        child.kill()

    assert again == url
    assert not url.endswith(f":{taken}")


def test_the_child_says_nothing_of_an_earlier_address(settings: Config) -> None:
    (settings.home / "web.url").write_text("http://127.0.0.1:1\n", encoding="utf-8")

    child = web_child(settings)

    assert web_url(settings.home) is None
    assert not child.ready()
    assert child.command[1:3] == ("-m", "pipeline.asgi")
    assert child.environ["IGNY8_WEB_PORT"] == str(settings.web_port)
    assert os.environ.get("IGNY8_WEB_PORT") is None
