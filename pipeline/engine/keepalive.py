"""Owns how soon a broker whose host vanished without a word is missed: within 20 s, waited for or written to.

Without it a connection to a host that was cut off is waited on for a quarter of an hour, or for hours.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Final

#: In seconds, but the last: unanswered data, in milliseconds.
_BOUNDS: Final = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": 20_000}
#: For the option of that name of Redis's transport: those that this machine's kernel has.
SOCKET_KEEPALIVE_OPTIONS: Final[Mapping[int, int]] = {
    getattr(socket, name): bound for name, bound in _BOUNDS.items() if hasattr(socket, name)
}
