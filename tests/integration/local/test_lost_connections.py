"""What was taken over a connection that is closed since cannot be acknowledged: that ends no worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.utils.log import get_logger
from kombu import Connection
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


def _taken(connection: Connection) -> Any:
    queue = connection.SimpleQueue(QUEUE)
    queue.put({"id": 1})
    return queue.get(timeout=5)


@pytest.mark.parametrize("how", ["ack_log_error", "reject_log_error"])
def test_a_message_of_a_connection_that_was_closed_ends_no_loop(address: str, how: str) -> None:
    with Connection(address) as connection:
        message = _taken(connection)
        errors = connection.connection_errors
        connection.collect()

        hub = Hub()
        hub.call_soon(getattr(message, how), get_logger(__name__), errors)
        for item in hub._pop_ready():
            item()

        assert not message.acknowledged


def test_the_message_is_there_for_the_next_connection(address: str) -> None:
    with Connection(address) as connection:
        message = _taken(connection)
        connection.collect()
        with pytest.raises(ConnectionError, match="closed meanwhile"):
            message.ack()

    with Connection(address) as connection, connection.channel() as channel:
        channel.qos.restore_by_tag(message.delivery_tag)
        assert connection.SimpleQueue(QUEUE).get(timeout=5).payload == {"id": 1}


def test_the_app_speaks_to_its_broker_over_this_transport(address: str) -> None:
    with Celery(broker=address, set_as_current=False).connection_for_write() as connection:
        assert type(connection.transport) is transport.Transport
    assert app.main == "igny8"
