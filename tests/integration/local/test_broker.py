from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from pipeline.config import Config, load_config
from pipeline.local.broker import answers, broker_child, forget_socket, prepare_socket, server_binary
from pipeline.local.supervisor import Backoff, Supervisor
from tests.support.processes import wait_until

QUICK = Backoff(base_seconds=0.01, max_seconds=0.1)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Deep on purpose: far beyond what a socket's path may have."""
    deep = tmp_path / ("a-folder-with-a-rather-long-name-" * 3) / ".igny8"
    yield deep
    forget_socket(deep)


@pytest.fixture
def settings(home: Path) -> Config:
    return load_config({"IGNY8_HOME": str(home)})


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(logs=tmp_path / "logs", backoff=QUICK)
    yield made
    made.stop()


def client(settings: Config) -> redis.Redis:
    path = settings.broker_address.removeprefix("redis+socket://").partition("?")[0]
    return redis.Redis(unix_socket_path=path)


def test_broker_of_a_deep_home_answers_at_the_recorded_address(settings: Config, supervisor: Supervisor) -> None:
    supervisor.start(broker_child(settings))

    with client(settings) as connection:
        assert connection.ping()


def test_what_is_queued_outlives_the_brokers_kill(settings: Config, supervisor: Supervisor) -> None:
    supervisor.start(broker_child(settings))
    with client(settings) as connection:
        connection.lpush("control", *range(500))
        # A kill loses nothing that was written to the file; only a power cut could take the last second.
        os.kill(supervisor.statuses()[0].pid or 0, signal.SIGKILL)

    wait_until(lambda: supervisor.statuses()[0].restarts == 1)
    wait_until(lambda: answers(prepare_socket(settings.home)))

    with client(settings) as connection:
        assert connection.llen("control") == 500


def test_broker_listens_on_its_socket_alone_and_evicts_nothing(settings: Config, supervisor: Supervisor) -> None:
    supervisor.start(broker_child(settings))

    pid = supervisor.statuses()[0].pid
    with client(settings) as connection:
        policy = connection.config_get("maxmemory-policy")

    assert psutil.Process(pid).net_connections(kind="inet") == []
    assert policy == {"maxmemory-policy": "noeviction"}


def test_socket_and_folders_are_the_owners_alone(settings: Config, home: Path, supervisor: Supervisor) -> None:
    supervisor.start(broker_child(settings))

    path = prepare_socket(home)

    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, home / "broker")] == [0o700] * 3


def test_deep_home_keeps_its_short_place(home: Path) -> None:
    first = prepare_socket(home)

    second = prepare_socket(home)

    assert second == first
    assert len(os.fsencode(first)) < 100


def test_short_place_that_others_may_write_to_is_not_used_again(home: Path) -> None:
    first = prepare_socket(home)
    first.parent.chmod(0o777)

    second = prepare_socket(home)

    first.parent.rmdir()
    assert second != first


def test_short_place_is_removed_with_its_record(home: Path) -> None:
    path = prepare_socket(home)

    forget_socket(home)

    assert not path.parent.exists()
    assert not (home / "broker" / "socket").exists()


def test_short_home_has_the_socket_inside() -> None:
    home = Path("/tmp") / f"igny8-test-{os.getpid()}"  # noqa: S108  # pytest's own folders may be too deep.
    try:
        assert prepare_socket(home) == home / "broker" / "broker.sock"
    finally:
        (home / "broker" / "socket").unlink()
        (home / "broker").rmdir()
        home.rmdir()


def test_socket_without_a_server_does_not_answer(tmp_path: Path) -> None:
    assert not answers(tmp_path / "nobody.sock")


def test_server_is_found_in_its_wheel() -> None:
    assert os.access(server_binary(), os.X_OK)
