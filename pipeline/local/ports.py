"""Owns the choice of a port: the usual one where it is free, else any free one."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pipeline.private import written_address

LOOPBACK: Final = "127.0.0.1"
_ANY: Final = 0


def is_free(port: int, *, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now."""
    return _try(port, host) is not None


def free_port(preferred: int, *, host: str = LOOPBACK) -> int:
    """`preferred` where it is free, else one that the system chooses. Whoever binds it first has it."""
    found = _try(preferred, host)
    return found if found is not None else _any(host)


def in_turn(usual: int, *, written: Path) -> list[int]:
    """The ports that a server tries which may listen elsewhere: that of its last address, the usual one, any.

    `written`: the file that holds the address. Who looks at a page of it finds the same page once it was started again.
    """
    last = None
    with suppress(ValueError):
        last = urlsplit(written_address(written) or "").port
    return [port for port in (last, usual) if port] + [_ANY]


def _any(host: str) -> int:
    port = _try(_ANY, host)
    if port is None:
        raise OSError(f"no free port on {host}")
    return port


def _try(port: int, host: str) -> int | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are only just closed is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return None
        bound: int = probe.getsockname()[1]
        return bound
