"""Owns what the name of a provider's host means: its addresses, found within seconds.

The system's resolver knows no deadline: it is asked in a thread of its own, which is left alone when time is up.
Never: which address is connected to.
"""

from __future__ import annotations

import socket
from concurrent.futures import Future
from threading import Thread


def addresses_of(host: str, port: int, *, seconds: float) -> list[str]:
    """The host's IP addresses, at least one, the likeliest first.

    TimeoutError; OSError or UnicodeError where it has none.
    """
    found: Future[list[str]] = Future()

    def look_up() -> None:
        try:
            found.set_result(_looked_up(host, port))
        except Exception as error:  # noqa: BLE001 - told to whoever waits for it
            found.set_exception(error)

    Thread(target=look_up, name="names", daemon=True).start()
    try:
        return found.result(timeout=seconds)
    except TimeoutError:
        raise TimeoutError(f"nobody said within {seconds:.3g} s which addresses {host} has") from None


def _looked_up(host: str, port: int) -> list[str]:
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # As numbers, with the interface that an address of one link belongs to.
    return [socket.getnameinfo(entry[4], socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0] for entry in entries]
