"""Connections to a real RabbitMQ: what is confirmed, and what nobody waits for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery import Celery

from pipeline.engine.brokers import settings_of
from tests.support.rabbitmq import rabbit_server


@pytest.fixture(scope="module")
def app() -> Iterator[Celery]:
    """An app that speaks to it as ours does."""
    with rabbit_server() as broker, Celery(broker=broker, events="pipeline.engine.events:GuardedEvents") as found:
        found.conf.update(settings_of(broker, visibility_timeout_seconds=60))
        yield found


def test_a_message_is_confirmed_and_an_event_is_not_waited_for(app: Celery) -> None:
    """The thread that reads the queues sends events too: one that is never confirmed would be its end."""
    with app.connection_for_write() as connection, connection.channel() as channel:
        app.amqp.Producer(channel).publish({}, routing_key="control", declare=[app.amqp.queues["control"]])
        with app.events.Dispatcher(connection, channel=connection.channel()) as dispatcher:
            dispatcher.send("worker-heartbeat")
            of_events = dispatcher.producer.channel

            assert channel._confirm_selected
            assert of_events is not channel
            assert not of_events._confirm_selected


def test_an_event_whose_connection_is_gone_is_kept_for_the_next(app: Celery) -> None:
    """As a worker does it: it makes another connection, and another dispatcher that takes over what was kept."""
    with app.connection_for_write() as connection, app.events.Dispatcher(connection) as dispatcher:
        dispatcher.send("worker-heartbeat")
        connection.connection.transport.sock.close()

        dispatcher.send("worker-heartbeat")
        kept = [event["type"] for event, *_ in dispatcher._outbound_buffer]

    with app.connection_for_write() as connection, app.events.Dispatcher(connection) as another:
        another.extend_buffer(dispatcher)
        another.flush()

        assert kept == ["worker-heartbeat"]
        assert list(another._outbound_buffer) == []
        assert not another.producer.channel._confirm_selected


def test_no_answer_is_waited_for_without_end(app: Celery) -> None:
    with app.connection_for_write() as connection:
        connection.connect()
        transport = connection.connection.transport

        assert (transport.read_timeout, transport.write_timeout) == (15, 15)


def test_a_worker_asks_for_no_other_share_of_messages_while_it_works(app: Celery) -> None:
    """Celery would, in the thread of a task, after each lost connection: see decision 0057."""
    assert app.conf.worker_enable_prefetch_count_reduction is False
