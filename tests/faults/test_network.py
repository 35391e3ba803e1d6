"""The network between the processes and their broker misbehaves: connections are reset, half open, five seconds slow.

`make test`: resets; `--all`: all three, and the same before PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

import pytest

from pipeline.config import SOCKET
from tests.faults.harness.fleet import fleet
from tests.faults.harness.siege import Siege, new_database, short_home
from tests.support.seven_stages import the_seven_stages
from tests.support.tcp_proxy import TcpProxy, tcp_proxy

pytestmark = pytest.mark.timeout(600)
#: As slow as the network gets, each way.
_LATENCY_SECONDS: Final = 5.0
#: How long whoever waits for an answer on a half-open connection may do so.
_NOTICED_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Network:
    """A siege, and what lies between its processes and one of their servers."""

    siege: Siege
    proxy: TcpProxy


@pytest.fixture(scope="module")
def to_the_broker() -> Iterator[Network]:
    """SQLite and the embedded broker behind a proxy."""
    with short_home() as home, the_seven_stages(), tcp_proxy(home / SOCKET) as proxy:
        seen = {"IGNY8_BROKER_URL": f"redis://127.0.0.1:{proxy.port}/0"}
        with fleet(home, seen=seen) as found, new_database(found.config.database_url) as database:
            found.start("worker", "beat")
            yield Network(Siege(database, found), proxy)


def test_connections_to_the_broker_that_are_reset_lose_nothing(to_the_broker: Network, seed: str) -> None:
    _reset_again_and_again(to_the_broker, seed)


@pytest.mark.extended
def test_connections_to_the_broker_that_are_half_open_are_noticed(to_the_broker: Network) -> None:
    _freeze(to_the_broker)

    assert to_the_broker.siege.heal(seconds=_NOTICED_SECONDS) < _NOTICED_SECONDS
    assert to_the_broker.siege.complaints() == []


@pytest.mark.extended
def test_a_broker_that_is_five_seconds_away_loses_nothing(to_the_broker: Network) -> None:
    _slow_down(to_the_broker, seconds=30)


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
