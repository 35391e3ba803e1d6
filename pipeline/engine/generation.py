"""Owns the mark that tells whether the broker still has what it was given: one message that nobody ever takes.

The mark is gone after a flush or a lost disk. Then whatever was sent is due at once instead of after its pause.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from kombu.connection import Connection
from kombu.exceptions import KombuError
from sqlalchemy import update
from sqlalchemy.orm import Session

from pipeline.engine import brokers
from pipeline.engine.app import app
from pipeline.models import Delivery, Lane, Publication, StageRun
from pipeline.models.base import table_of

QUEUE: Final = "generation"
#: The tables whose rows are sent, and say when they are sent again.
_SENT: Final = tuple(table_of(model) for model in (StageRun, Lane, Publication, Delivery))


def is_marked(connection: Connection) -> bool:
    """Whether the mark is there. Raises what the library raises when the broker is away."""
    with connection.channel() as channel:  # type: ignore[no-untyped-call]  # kombu leaves it untyped.
        try:
            declared: Any = channel.queue_declare(queue=QUEUE, passive=True, durable=True, auto_delete=False)
        except (*connection.channel_errors, KombuError):
            return False
    return int(declared.message_count) > 0


def mark(connection: Connection) -> None:
    """Leave the mark, to be kept by the broker as long as it keeps anything."""
    with connection.channel() as channel:  # type: ignore[no-untyped-call]  # kombu leaves it untyped.
        arguments = brokers.queue_arguments(app.conf.broker_url)
        channel.queue_declare(queue=QUEUE, durable=True, auto_delete=False, arguments=arguments)
        producer = app.amqp.Producer(channel, auto_declare=False)
        producer.publish(
            {"mark": "igny8"}, routing_key=QUEUE, exchange="", serializer="json", delivery_mode=2, retry=False
        )


def make_sent_due(session: Session, *, now: datetime) -> None:
    """The broker lost what it had: every row that waits for a message of its own is due now."""
    for table in _SENT:
        session.execute(update(table).where(table.c.sends > 0, table.c.due_at > now).values(due_at=now))
