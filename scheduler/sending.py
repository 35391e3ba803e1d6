"""Owns putting messages on the broker's queues: in order, each within seconds, and none while the broker is away.

Never: claims; retries (a row that is due again does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from celery import Celery
from kombu.connection import Connection

from pipeline.engine.sending import BOUND_SECONDS, bounded_connection, broker_errors
from scheduler.outage import Outage


@dataclass(frozen=True)
class Message:
    """One task to send: its name and arguments, ids only."""

    task: str
    arguments: Sequence[Any] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


class Sender:
    """One connection to the broker for everything that beat sends; made on first use, made anew after a failure."""

    def __init__(self, app: Celery, *, outage: Outage | None = None) -> None:
        """`app` knows the broker's address and the queues of the tasks."""
        self._app = app
        self._connection: Connection | None = None
        self._producer: Any = None
        self.outage = outage or Outage("broker")

    @property
    def may_send(self) -> bool:
        """Whether the broker may be tried: it was not found away a moment ago."""
        return self.outage.wait_seconds == 0

    def send(self, messages: Sequence[Message]) -> int:
        """Send in order; the first that fails ends it. How many were sent."""
        sent = 0
        try:
            for message in messages:
                self._send(message)
                sent += 1
        except self._errors as error:
            self._lost(error)
        else:
            self.outage.ended()
        return sent

    def probe(self) -> bool:
        """Whether the broker answers; it is not asked while it may not be tried."""
        if not self.may_send:
            return False
        try:
            with self._connect() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=BOUND_SECONDS)
        except self._errors as error:
            self._lost(error)
            return False
        self.outage.ended()
        return True

    def close(self) -> None:
        """Leave the broker; the next send comes back to it."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            with suppress(*self._errors):
                connection.release()  # type: ignore[no-untyped-call]  # kombu has no types here.

    def _send(self, message: Message) -> None:
        if self._connection is None:
            self._connection = self._connect()
            self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)
        self._app.send_task(
            message.task,
            args=list(message.arguments),
            kwargs=dict(message.keywords),
            producer=self._producer,
            retry=False,
            ignore_result=True,
            **message.options,
        )

    def _lost(self, error: BaseException) -> None:
        self.close()
        self.outage.failed(error)

    def _connect(self) -> Connection:
        return bounded_connection(self._app)

    @cached_property
    def _errors(self) -> tuple[type[Exception], ...]:
        """What a broker that is away makes the library raise."""
        return broker_errors(self._connect())
