"""Owns how a worker with threads tells Flower what it does: no event may be lost between two threads.

Never: waits for a broker to confirm one. The thread that reads the queues sends events too.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any, Final

from celery.app.events import Events
from celery.events.dispatcher import EventDispatcher

from pipeline.engine.brokers import is_amqp

#: What puts itself in the place of an AMQP channel's own way to publish, where messages are confirmed.
_CONFIRMING: Final = "basic_publish"


class GuardedDispatcher(EventDispatcher):  # type: ignore[misc]  # Celery ships no types.
    """Celery's own, one thread at a time.

    Celery publishes its buffer and empties it in two steps; what another thread adds in between is lost, and Flower
    shows that task as running for ever.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """As Celery's."""
        self._guard = threading.RLock()
        super().__init__(*args, **options)

    def send(self, *args: Any, **fields: Any) -> Any:
        """Buffer or publish one event."""
        with self._guard:
            return super().send(*args, **fields)

    def flush(self, *args: Any, **options: Any) -> None:
        """Publish what is buffered."""
        with self._guard:
            super().flush(*args, **options)

    def _publish(self, event: Any, producer: Any, *args: Any, **options: Any) -> Any:
        if is_amqp(self.app.conf.broker_url):
            with suppress(Exception):  # Celery's own meets the same, and keeps the event.
                vars(producer.channel).pop(_CONFIRMING, None)
        return super()._publish(event, producer, *args, **options)


class GuardedEvents(Events):  # type: ignore[misc]  # the same.
    """What the app knows about events, with the guarded dispatcher."""

    dispatcher_cls = GuardedDispatcher
