"""The real Redis of the tests' own: the machine's, else Debian's package unpacked beside the tests, never installed.

It listens on loopback alone, on a free port, and keeps its data in a throw-away folder.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import redis

from tests.support.debian import unpacked
from tests.support.ports import free_port

_PACKAGE = "redis-server"
#: The server, its tools (which hold its program), and the libraries that both need.
_PACKAGES = ("redis-server", "redis-tools", "libjemalloc2", "liblzf1", "liblua5.1-0", "lua-cjson", "lua-bitop")
_START_SECONDS = 20


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """The address of a running server, for the length of the block. Fails where none can be had."""
    folder = Path(tempfile.mkdtemp(prefix="igny8-redis-"))
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(redis_command(folder, port), stdout=log, stderr=log, env=redis_environment())
    try:
        _wait(port, process, folder / "log")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def redis_command(folder: Path, port: int) -> tuple[str, ...]:
    """What starts a server with its data in `folder`, on loopback."""
    return (_program(), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--appendonly", "yes")


@cache
def _program() -> str:
    return shutil.which(_PACKAGE) or str(unpacked(*_PACKAGES) / "usr" / "bin" / _PACKAGE)


def redis_environment() -> dict[str, str]:
    """What the server's program needs to find its libraries."""
    if shutil.which(_PACKAGE):
        return {"LC_ALL": "C.UTF-8"}
    libraries = [str(path) for path in (unpacked(*_PACKAGES) / "usr" / "lib").glob("*-linux-gnu")]
    return {"LD_LIBRARY_PATH": ":".join(libraries), "LC_ALL": "C.UTF-8"}


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not redis_answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Redis did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)


def redis_answers(port: int) -> bool:
    """Whether a server takes commands there now."""
    with redis.Redis(port=port) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
