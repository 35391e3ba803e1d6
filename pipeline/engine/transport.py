"""Owns the way Celery speaks to the broker: kombu's Redis transport, with one fault of it mended.

A worker that lost its broker closes that connection, while tasks that still run acknowledge on it when they end. kombu
5.7 answers with an AttributeError then, which nobody expects: the worker would end. Never: anything else.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis


class Channel(redis.Channel):  # type: ignore[misc]  # kombu has no types here.
    """A channel that says so where its connection was closed."""

    def _connparams(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - as kombu has it
        try:
            return super()._connparams(asynchronous)
        except AttributeError as error:
            if self.connection is not None and self.connection.client is not None:
                raise
            raise ConnectionError("the connection to the broker was closed meanwhile") from error


class Transport(redis.Transport):  # type: ignore[misc]  # kombu has no types here.
    """The transport of every connection to a broker of that kind."""

    Channel = Channel


def use_transport() -> None:
    """Let addresses of that kind mean this transport, in the whole process."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
