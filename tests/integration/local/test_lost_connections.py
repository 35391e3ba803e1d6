"""What was taken over a connection that is closed since cannot be acknowledged: that ends no worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from celery.utils.log import get_logger
from kombu import Connection, Message, Queue
from kombu.asynchronous import Hub

from pipeline.config import load_config
from pipeline.engine import transport
from pipeline.engine.app import app
from pipeline.local.broker import broker_child, forget_socket
from pipeline.local.supervisor import Supervisor

QUEUE = "control"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a broker that runs."""
    config = load_config({"IGNY8_HOME": str(tmp_path / "home")})
    supervisor = Supervisor(logs=tmp_path / "logs")
    supervisor.start(broker_child(config))
    yield config.broker_address
    supervisor.stop()
    forget_socket(config.home)


def _lost(connection: Connection) -> Message:
    """A message that was taken over the connection, which was closed since, as a worker does that lost its broker."""
    with connection.channel() as channel:
        queue = Queue(QUEUE)(channel)
        connection.Producer(channel).publish({"id": 1}, routing_key=QUEUE, declare=[queue])
        message: Message = queue.get()
        connection.collect()
        # kombu does this first; what follows may have failed, the broker being away.
        channel._disconnect_pools()
    return message


@pytest.mark.parametrize("how", ["ack_log_error", "reject_log_error"])
def test_a_task_that_ends_after_its_connection_was_closed_does_not_end_the_workers_loop(address: str, how: str) -> None:
    with Connection(address) as connection:
        errors = connection.connection_errors
        message = _lost(connection)
    hub = Hub()

    hub.call_soon(getattr(message, how), get_logger(__name__), errors)
    next(hub.create_loop())

    assert not message.acknowledged
    hub.close()


def test_whatever_else_uses_a_closed_connection_is_told_that_it_is_lost(address: str) -> None:
    with Connection(address) as connection:
        message = _lost(connection)

    with pytest.raises(ConnectionError, match="was closed meanwhile"):
        message.channel._size(QUEUE)


def test_the_app_speaks_to_its_broker_over_this_transport(address: str) -> None:
    with Celery(broker=address, set_as_current=False).connection_for_write() as connection:
        assert type(connection.transport) is transport.Transport
    assert app.main == "igny8"


def test_a_channel_makes_one_client_for_its_commands_and_another_for_another_pool(address: str) -> None:
    with Connection(address) as connection, connection.channel() as channel:
        with channel.conn_or_acquire() as client, channel.conn_or_acquire() as the_same:
            assert client is the_same
        channel._disconnect_pools()
        with channel.conn_or_acquire() as another:
            assert another is not client
            assert another.ping()
