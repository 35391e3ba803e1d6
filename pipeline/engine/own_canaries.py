"""Owns a worker's own canary: a queue that it alone reads, and the task that it sends itself there when it is idle.

A process that lives proves nothing, and what another worker executed proves nothing of this one. Where its consumer
was lost with a connection, or its pool hangs, its canary waits, and the sign of life says since when.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from celery.signals import celeryd_after_setup

from pipeline.config import config
from pipeline.engine import sending
from pipeline.engine.app import app
from pipeline.services import heartbeats


def queue_of(name: str) -> str:
    """The queue of the worker with this sign of life: `canary.<host>.<pid>`."""
    return ".".join(("canary", *name.split(":")[1:]))


@celeryd_after_setup.connect  # type: ignore[untyped-decorator]  # Celery ships no types.
def _read_own_queue(instance: Any, **_: Any) -> None:
    """Read it beside those that were asked for."""
    queues = instance.app.amqp.queues
    queues.select_add(queues.new_missing(queue_of(heartbeats.own_name("worker"))))


class OwnCanary:
    """What a worker knows of the canaries it sent itself."""

    def __init__(self, name: str, *, now: datetime) -> None:
        """`name` is that of its sign of life."""
        self._queue = queue_of(name)
        self._completed = 0
        self._sent_at: datetime | None = None
        #: When something was last seen to have been executed; None: nothing yet.
        self.executed_at: datetime | None = None
        #: Since when a canary waits to be taken; None: none does.
        self.asked_at: datetime | None = None
        #: Whether the last one could be sent.
        self.broker_answers = True
        #: After so long of executing nothing it sends itself one, and again until it executes something.
        self._idle = timedelta(seconds=config().canary_seconds)
        self._last = now - self._idle

    def look(self, completed: int, *, now: datetime) -> None:
        """`completed` tasks were executed since the start: note whether that is news, and send a canary where not."""
        if completed != self._completed:
            self._completed, self.executed_at, self.asked_at, self._last = completed, now, None, now
        if now - self._last >= self._idle:
            self._last = now
            self._send(now)

    def _send(self, now: datetime) -> None:
        try:
            with sending.producing() as producer:
                app.send_task("pipeline.canary", queue=self._queue, producer=producer, retry=False)
        except sending.BrokerAwayError:
            # What waits there waits for the broker; nobody can say that it is not taken.
            self.broker_answers, self.asked_at = False, None
            return
        self.broker_answers = True
        self.asked_at = self.asked_at or now


def forget_queues(names: list[str]) -> None:
    """Remove the queues of workers that are gone; a broker that is away keeps them until the next time."""
    if not names:
        return
    with suppress(sending.BrokerAwayError), sending.connected() as connection, connection.channel() as channel:  # type: ignore[no-untyped-call]  # kombu leaves it untyped.
        for name in names:
            queue = app.amqp.queues.new_missing(queue_of(name))(channel)
            # Kombu deletes what the same channel declared.
            queue.declare()
            queue.delete()
            queue.exchange.delete()
