"""Owns what differs from one kind of broker to another: how messages are kept there, and how long it is waited for.

Redis keeps plain lists. RabbitMQ keeps quorum queues and confirms each message: what is not confirmed was not sent.
Never: opens a connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.engine.keepalive import SOCKET_KEEPALIVE_OPTIONS

_QUORUM: Final = "quorum"
_CLASSIC: Final = "classic"
#: How often both sides of a connection to RabbitMQ say that they live; whoever is silent for twice as long is gone.
_HEARTBEAT_SECONDS: Final = 10
#: For how long a broker's answer is waited for on any connection: one whose other end is gone without a word has none.
_ANSWER_SECONDS: Final = 15
#: Celery's own; nothing beats on a connection to Redis.
_NO_HEARTBEAT: Final = 120


def is_amqp(address: str) -> bool:
    """Whether a broker of that address is a RabbitMQ."""
    return address.partition(":")[0] in {"amqp", "amqps", "pyamqp"}


def settings_of(address: str, *, visibility_timeout_seconds: float) -> dict[str, Any]:
    """Celery's settings that depend on the kind of broker."""
    kind = _QUORUM if is_amqp(address) else _CLASSIC
    kept: dict[str, Any] = {
        "task_default_queue_type": kind,
        "task_create_missing_queue_type": kind,
        # After a lost connection Celery gives a worker less to do and asks for more again from the thread of a task.
        # RabbitMQ's answer to that is taken from the thread that reads the connection, which then waits for ever.
        "worker_enable_prefetch_count_reduction": not is_amqp(address),
    }
    if is_amqp(address):
        return {
            **kept,
            "broker_heartbeat": _HEARTBEAT_SECONDS,
            "broker_transport_options": {
                "confirm_publish": True,
                "read_timeout": _ANSWER_SECONDS,
                "write_timeout": _ANSWER_SECONDS,
            },
        }
    redis_options = {
        "visibility_timeout": visibility_timeout_seconds,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "socket_timeout": _ANSWER_SECONDS,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "socket_keepalive_options": SOCKET_KEEPALIVE_OPTIONS,
        "health_check_interval": 10,
    }
    return {**kept, "broker_heartbeat": _NO_HEARTBEAT, "broker_transport_options": redis_options}


def bounds_of(address: str, *, seconds: float) -> dict[str, Any]:
    """Transport options of a connection on which nothing is waited for longer than that."""
    if is_amqp(address):
        return {"read_timeout": seconds, "write_timeout": seconds, "confirm_publish": True}
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds}


def queue_arguments(address: str) -> Mapping[str, str] | None:
    """With what a queue of our own is declared."""
    return {"x-queue-type": _QUORUM} if is_amqp(address) else None
