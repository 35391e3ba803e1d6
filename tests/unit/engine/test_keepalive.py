"""A broker whose host vanished is missed within 20 s, whether it is waited for or written to."""

from __future__ import annotations

import socket

from pipeline.engine.app import app
from pipeline.engine.keepalive import SOCKET_KEEPALIVE_OPTIONS


def test_every_connection_to_redis_has_the_bounds() -> None:
    connection = app.connection_for_write(hostname="redis://127.0.0.1:1/0")

    assert connection.transport_options["socket_keepalive"] is True
    assert connection.transport_options["socket_keepalive_options"] == SOCKET_KEEPALIVE_OPTIONS


def test_the_bounds_add_up_to_twenty_seconds() -> None:
    idle, again, times = (
        SOCKET_KEEPALIVE_OPTIONS[option] for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )

    assert idle + again * times == 20
    assert SOCKET_KEEPALIVE_OPTIONS[socket.TCP_USER_TIMEOUT] == 20_000
