"""Owns the way Celery speaks to the broker: kombu's Redis transport, with one fault of it mended and its client kept.

A worker that lost its broker closes that connection while its tasks go on. What still uses the connection then, in the
event loop above all, is told by kombu 5.7 with an AttributeError, which ends the worker; a connection that is lost is
what it is, and is made anew. And kombu makes a client for each command, at the price of several: one does, it holds no
connection and any number of threads may use it. Never: anything else.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis


class Channel(redis.Channel):
    """A channel that says so where its connection was closed, and makes one client."""

    _kept_client: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - as kombu has it
        if asynchronous:
            return super()._create_client(asynchronous)  # type: ignore[no-untyped-call]  # kombu leaves it untyped.
        # A pool that was closed goes, and its client with it.
        if self._kept_client is None or self._kept_client.connection_pool is not self.pool:
            self._kept_client = super()._create_client()  # type: ignore[no-untyped-call]  # kombu leaves it untyped.
        return self._kept_client

    def _connparams(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - as kombu has it
        try:
            return super()._connparams(asynchronous)  # type: ignore[no-untyped-call]  # kombu leaves it untyped.
        except AttributeError as error:
            if self.connection is not None and self.connection.client is not None:
                raise
            raise ConnectionError("the connection to the broker was closed meanwhile") from error


class Transport(redis.Transport):
    """The transport of every connection to a broker of that kind."""

    Channel = Channel


def use_transport() -> None:
    """Let addresses of that kind mean this transport, in the whole process."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
