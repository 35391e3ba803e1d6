"""The real Redis of the tests' own: the machine's, else Debian's package unpacked beside the tests, never installed.

It listens on loopback alone, on a free port, and keeps its data in a throw-away folder.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import redis

_UNPACKED = Path(__file__).parents[2] / ".venv" / "debian"
_PACKAGE = "redis-server"
#: The server, its tools (which hold its program), and the libraries that both need.
_PACKAGES = ("redis-server", "redis-tools", "libjemalloc2", "liblzf1", "liblua5.1-0", "lua-cjson", "lua-bitop")
_START_SECONDS = 20


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """The address of a running server, for the length of the block. Fails where none can be had."""
    folder = Path(tempfile.mkdtemp(prefix="igny8-redis-"))
    port = _free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--appendonly", "yes"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([_program(), *options], stdout=log, stderr=log, env=_environment())
    try:
        _wait(port, process, folder / "log")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _program() -> str:
    found = shutil.which(_PACKAGE)
    if found:
        return found
    server = _UNPACKED / "usr" / "bin" / _PACKAGE
    if not server.exists():
        _UNPACKED.mkdir(parents=True, exist_ok=True)
        subprocess.run(["/usr/bin/apt-get", "update", "-qq"], check=True)
        subprocess.run(["/usr/bin/apt-get", "download", "-qq", *_PACKAGES], check=True, cwd=_UNPACKED)
        for package in _UNPACKED.glob("*.deb"):
            subprocess.run(["/usr/bin/dpkg", "-x", package, _UNPACKED], check=True)
    return str(server)


def _environment() -> dict[str, str]:
    libraries = [str(path) for path in (_UNPACKED / "usr" / "lib").glob("*-linux-gnu")]
    return {"LD_LIBRARY_PATH": ":".join(libraries), "LC_ALL": "C.UTF-8"}


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    with redis.Redis(port=port) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"Redis did not start:\n{log.read_text()[-2000:]}") from None
                time.sleep(0.05)
            else:
                return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
