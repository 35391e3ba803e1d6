"""Owns the way to the broker for whoever publishes: connections that give up within seconds, kept between sends.

Never: retries (a row that is due again does).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, cast

from celery import Celery
from kombu.connection import Connection
from kombu.exceptions import KombuError

from pipeline.engine import brokers
from pipeline.engine.app import app

#: Within this long a message is with the broker, or the broker is away.
BOUND_SECONDS: Final = 2
_MOST_CONNECTIONS: Final = 16


class BrokerAwayError(Exception):
    """The broker could not be reached; its text is what the library said."""


def bounded_connection(of: Celery = app) -> Connection:
    """An unopened connection that tries once and waits at most BOUND_SECONDS."""
    bounds = brokers.bounds_of(of.conf.broker_url, seconds=BOUND_SECONDS)
    at_once = {"max_retries": 1, "interval_start": 0}
    connection = of.connection_for_write(connect_timeout=BOUND_SECONDS, transport_options=bounds | at_once)
    return cast("Connection", connection)


def broker_errors(connection: Connection) -> tuple[type[Exception], ...]:
    """What a broker that is away makes the library raise."""
    return (KombuError, OSError, *connection.connection_errors, *connection.channel_errors)


@contextmanager
def connected() -> Iterator[Connection]:
    """A connection of the process's pool; what the library raises inside becomes BrokerAwayError and drops it."""
    connection = _pool(os.getpid(), app.conf.broker_url).acquire(block=True, timeout=BOUND_SECONDS)
    try:
        # One that was dropped before is opened again: kombu does so for a producer, but gives `channel()` nothing.
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=BOUND_SECONDS)
        yield connection
    except broker_errors(connection) as error:
        connection.close()
        raise BrokerAwayError(str(error)) from error
    finally:
        connection.release()


@contextmanager
def producing() -> Iterator[Any]:
    """A producer on such a connection."""
    with connected() as connection:
        yield app.amqp.Producer(connection, auto_declare=False)


@cache
def _pool(_process: int, _address: str) -> Any:
    """One pool a process and address: a fork must not share sockets."""
    return bounded_connection().Pool(limit=_MOST_CONNECTIONS)  # type: ignore[no-untyped-call]  # kombu leaves it untyped.
