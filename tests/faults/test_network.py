"""The network before the broker, or before PostgreSQL, misbehaves: connections are reset, half open, five seconds slow.

`make test`: resets before the embedded broker; `--all`: all of it, before the broker of every backend.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import pytest

from pipeline.config import SOCKET
from pipeline.db.session import Database
from tests.faults.conftest import EVERYWHERE
from tests.faults.harness.fleet import fleet
from tests.faults.harness.siege import Siege, besieged, new_database, short_home
from tests.support.seven_stages import the_seven_stages
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

pytestmark = pytest.mark.timeout(600)
#: As slow as the network gets, each way.
_LATENCY_SECONDS: Final = 5.0
#: How long it may take until the runs have ended although connections are half open. A worker waits 20 s for a sign of
#: RabbitMQ, and 15 s twice for its goodbye.
_NOTICED_SECONDS: Final = {"embedded": 60.0, "redis": 60.0, "rabbitmq": 90.0}
#: The address of each backend's broker behind a proxy.
_BROKERS: Final = {
    "embedded": "redis://127.0.0.1:{port}/0",
    "redis": "redis://127.0.0.1:{port}/0",
    "rabbitmq": "amqp://guest:guest@127.0.0.1:{port}//",
}


@dataclass(frozen=True)
class Network:
    """A siege, and what lies between its processes and one of their servers."""

    siege: Siege
    proxy: TcpProxy


@pytest.fixture(scope="module", params=EVERYWHERE)
def to_the_broker(request: pytest.FixtureRequest) -> Iterator[Network]:
    """The broker of each backend behind a proxy."""
    with short_home() as home, the_seven_stages(), tcp_proxy(home / SOCKET) as proxy:
        seen = {"IGNY8_BROKER_URL": _BROKERS[request.param].format(port=proxy.port)}
        with (
            fleet(home, on=request.param, seen=seen) as found,
            new_database(found.config.database_url) as database,
            besieged(database, found) as siege,
        ):
            proxy.upstream = found.backend.broker_place
            found.start("worker", "beat")
            yield Network(siege, proxy)


@pytest.fixture(scope="module")
def to_the_database() -> Iterator[Network]:
    """PostgreSQL behind a proxy, and Redis."""
    with short_home() as home, the_seven_stages(), tcp_proxy(home / "postgresql" / ".s.PGSQL.5432") as proxy:
        seen = {"IGNY8_DATABASE_URL": f"postgresql+psycopg://igny8@127.0.0.1:{proxy.port}/postgres"}
        with (
            fleet(home, on="redis", seen=seen) as found,
            new_database(found.config.database_url) as database,
            besieged(database, found) as siege,
        ):
            found.start("worker", "beat")
            yield Network(siege, proxy)


def test_connections_to_the_broker_that_are_reset_lose_nothing(to_the_broker: Network, seed: str) -> None:
    _reset_again_and_again(to_the_broker, seed)


@pytest.mark.extended
def test_connections_to_the_broker_that_are_half_open_are_noticed(to_the_broker: Network) -> None:
    _freeze(to_the_broker)

    to_the_broker.siege.heal(seconds=_NOTICED_SECONDS[to_the_broker.siege.fleet.backend.name])
    assert to_the_broker.siege.complaints() == []


@pytest.mark.extended
def test_a_broker_that_is_five_seconds_away_loses_nothing(to_the_broker: Network) -> None:
    _slow_down(to_the_broker, seconds=30)


@pytest.mark.extended
def test_connections_to_the_database_that_are_reset_lose_nothing(to_the_database: Network, seed: str) -> None:
    _reset_again_and_again(to_the_database, seed)


@pytest.mark.extended
def test_connections_to_the_database_that_are_half_open_until_they_are_reset_lose_nothing(
    to_the_database: Network,
) -> None:
    """The kernel resets them when the server does not answer it for 25 s; a proxy answers it, and is told to."""
    _freeze(to_the_database)
    time.sleep(10)  # how long they are half open is the fault.
    to_the_database.proxy.reset()

    to_the_database.siege.heal()
    assert to_the_database.siege.complaints() == []


@pytest.mark.extended
def test_a_database_that_is_five_seconds_away_loses_nothing(to_the_database: Network) -> None:
    _slow_down(to_the_database, seconds=30)


@pytest.mark.extended
def test_a_connection_over_the_network_gives_a_server_up_that_is_gone(to_the_database: Network) -> None:
    database = Database(to_the_database.siege.fleet.seen.database_url)
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        with socket.socket(fileno=os.dup(driver.fileno())) as seen:
            assert seen.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert seen.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 10
            assert seen.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
    database.dispose()


def _reset_again_and_again(network: Network, seed: str) -> None:
    random, siege = Random(f"reset {seed}"), network.siege
    siege.start("three lanes")
    cut = network.proxy.cut
    for _ in range(5):
        siege.wait_for_questions(1)
        time.sleep(random.random() / 2)  # the instant is what is tested.
        network.proxy.reset()

    siege.heal()
    assert network.proxy.cut >= cut + 5, "hardly a connection was reset: nothing was tested"
    assert siege.complaints() == []


def _freeze(network: Network) -> None:
    network.siege.start("one lane")
    network.siege.wait_for_questions(2)
    assert network.proxy.freeze() > 0
    network.siege.start("one lane")


def _slow_down(network: Network, *, seconds: float) -> None:
    siege = network.siege
    siege.start("one lane")
    siege.wait_for_questions(2)
    network.proxy.latency_seconds = _LATENCY_SECONDS
    try:
        siege.start("one lane")
        time.sleep(seconds)  # how long it is slow is the fault.
    finally:
        network.proxy.latency_seconds = 0.0

    siege.heal()
    assert siege.complaints() == []
