"""Flower over real HTTP: what it shows to whom."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.config import load_config
from pipeline.local.broker import broker_child
from pipeline.local.flower import USER, flower_child, flower_url
from pipeline.local.supervisor import Supervisor
from pipeline.secrets import FLOWER_PASSWORD, ensure_secrets, read_secrets


@pytest.fixture(scope="module")
def taken_port() -> Iterator[int]:
    """Somebody else listens at it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def flower(taken_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, int]]:
    """Its address, its password and its process id; one for all tests of this module."""
    home: Path = tmp_path_factory.mktemp("home")
    settings = load_config({"IGNY8_HOME": str(home), "IGNY8_FLOWER_PORT": str(taken_port)})
    supervisor = Supervisor(logs=home / "logs")
    try:
        supervisor.start(broker_child(settings))
        ensure_secrets(home)
        supervisor.start(flower_child(settings))
        yield flower_url(home) or "", read_secrets(home)[FLOWER_PASSWORD], supervisor.statuses()[1].pid or 0
    finally:
        supervisor.stop()


def status_of(url: str, *, password: str | None = None, method: str = "GET") -> int:
    request = urllib.request.Request(url, method=method)  # noqa: S310  # loopback.
    if password is not None:
        token = base64.b64encode(f"{USER}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # the same.
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("path", ["/", "/workers", "/tasks", "/broker", "/metrics", "/api/workers", "/api/tasks"])
def test_nothing_is_shown_without_the_password(flower: tuple[str, str, int], path: str) -> None:
    url, _, _ = flower

    assert status_of(url + path) == 401


def addresses() -> list[str]:
    """Every address that Flower serves, but its style sheets and its own login (OAuth only)."""
    from flower.urls import handlers

    patterns = [getattr(handler, "regex", None) or handler[0] for handler in handlers]
    texts = [
        getattr(pattern, "pattern", pattern).rstrip("$").replace("(.+)", "x").replace("(.*)", "x")
        for pattern in patterns
    ]
    return [text for text in texts if not text.startswith((".", "/static", "/login", "/healthcheck"))]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_address_at_all_answers_without_the_password(flower: tuple[str, str, int], method: str) -> None:
    url, _, _ = flower

    answered = {path: status_of(url + path, method=method) for path in addresses()}

    # 405: the address has no such method, and says so to everybody.
    assert {path for path, status in answered.items() if status not in {401, 405}} == set()
    assert len(answered) > 20


@pytest.mark.parametrize("path", ["/", "/tasks", "/metrics", "/api/workers", "/api/tasks"])
def test_everything_is_shown_with_the_password(flower: tuple[str, str, int], path: str) -> None:
    url, password, _ = flower

    assert status_of(url + path, password=password) == 200


def test_wrong_password_is_refused(flower: tuple[str, str, int]) -> None:
    url, password, _ = flower

    assert status_of(f"{url}/metrics", password=password + "x") == 401


def test_health_check_needs_no_password(flower: tuple[str, str, int]) -> None:
    url, _, _ = flower

    assert status_of(f"{url}/healthcheck") == 200


def test_flower_listens_on_loopback_alone(flower: tuple[str, str, int]) -> None:
    _, _, pid = flower

    listening = {
        found.laddr.ip for found in psutil.Process(pid).net_connections(kind="inet") if found.status == "LISTEN"
    }

    assert listening == {"127.0.0.1"}


def test_password_is_not_in_the_list_of_processes(flower: tuple[str, str, int]) -> None:
    _, password, pid = flower

    assert password not in " ".join(psutil.Process(pid).cmdline())


def test_taken_port_is_passed_over_and_the_new_one_recorded(flower: tuple[str, str, int], taken_port: int) -> None:
    url, _, pid = flower

    listening = {
        found.laddr.port for found in psutil.Process(pid).net_connections(kind="inet") if found.status == "LISTEN"
    }

    assert listening == {int(url.rpartition(":")[2])}
    assert taken_port not in listening


def test_port_that_was_asked_for_by_name_and_is_taken_is_told(flower: tuple[str, str, int], tmp_path: Path) -> None:
    port = flower[0].rpartition(":")[2]

    ended = subprocess.run(
        (sys.executable, "-m", "pipeline.local.flower", "--port", port),
        env=os.environ | {"IGNY8_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr.strip().splitlines()[-1].startswith(f"Port {port} is in use.")
