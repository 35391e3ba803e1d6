"""A broker that goes and comes back is used again, whichever way it was missed first."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from pipeline.config import load_config
from pipeline.db.session import Database
from pipeline.engine import dispatch
from pipeline.engine.app import app, connect_to
from pipeline.engine.dispatch import Chain
from pipeline.local.broker import broker_child
from pipeline.local.child import Child
from tests.support.processes import wait_until

MESSAGE = Chain(1, "keywords_to_clusters", admitted=True)


class Broker:
    """The embedded broker, to be killed and started again in its place."""

    def __init__(self, folder: Path) -> None:
        self._config = load_config({"IGNY8_HOME": str(folder)})
        self.start()
        connect_to(self._config.broker_address)

    def start(self) -> None:
        self._child = Child(broker_child(self._config), logs=self._config.home / "logs")
        self._child.wait_ready()

    @property
    def socket(self) -> str:
        """Where it listens."""
        return self._config.broker_address.removeprefix("redis+socket://").partition("?")[0]

    def kill(self) -> None:
        pid = wait_until(lambda: self._child.pid)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(self._child.exit_code)

    def stop(self) -> None:
        self._child.kill()


@pytest.fixture
def broker() -> Iterator[Broker]:
    before = app.conf.broker_url
    with tempfile.TemporaryDirectory(prefix="igny8-", dir="/tmp") as folder:  # a socket's path must be short.
        broker = Broker(Path(folder))
        yield broker
        broker.stop()
    connect_to(before)


def watches(database: Database) -> bool:
    return dispatch.watch_generation(database)


def publishes(_database: Database) -> bool:
    return dispatch.publish([MESSAGE]) == 1


@pytest.mark.parametrize("misses", [watches, publishes])
@pytest.mark.parametrize("returns", [watches, publishes])
def test_a_broker_that_came_back_is_reached_again(
    sqlite_database: Database,
    broker: Broker,
    misses: Callable[[Database], bool],
    returns: Callable[[Database], bool],
) -> None:
    assert misses(sqlite_database)
    broker.kill()
    assert not misses(sqlite_database)

    broker.start()

    assert returns(sqlite_database)


def test_nobody_wants_the_result_of_a_link_so_that_one_that_fails_says_its_own_error(
    sqlite_database: Database, broker: Broker
) -> None:
    publishes(sqlite_database)

    with redis.Redis(unix_socket_path=broker.socket) as client:
        [message] = client.lrange("control", 0, -1)

    assert json.loads(message)["headers"]["ignore_result"] is True
