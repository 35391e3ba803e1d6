"""Owns three hosts on one machine: network namespaces, two of which have a cable each to the one that keeps the data.

Nothing is added to the machine's own network. Never: ends or removes what it did not make.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from pipeline.local.broker import server_binary
from tests.support.postgres import programs

#: The hosts that work, each with the number of its network.
WORKING: Final = {"one": 1, "two": 2}
_KEEPING: Final = "data"
_PACKAGES: Final = ("iproute2", "util-linux")
_START_SECONDS: Final = 60


@dataclass(frozen=True)
class Hosts:
    """Namespaces with cables, and servers on the one that keeps the data. Use `hosts`."""

    mark: str
    folder: Path

    def below(self, host: str) -> tuple[str, ...]:
        """What runs a program on that host."""
        return ("nsenter", f"--net=/run/netns/{self.mark}-{host}", "--")

    def address_of_data(self, host: str) -> str:
        """Where that host reaches the one that keeps the data."""
        return f"10.213.{WORKING[host]}.1"

    def database_url(self, host: str | None = None) -> str:
        """For a program on that host; without one, for the test itself, past every network."""
        where = f"10.213.{WORKING[host]}.1/igny8" if host else f"/igny8?host={self.folder}"
        return f"postgresql+psycopg://igny8@{where}"

    def broker_url(self, host: str | None = None) -> str:
        """The same of the broker."""
        return f"redis://{self.address_of_data(host)}:6379/0" if host else f"redis+socket://{self.folder}/broker.sock"

    def cut(self, host: str) -> None:
        """Pull that host's cable: what is sent either way is gone, and nobody is told."""
        _ip("-n", f"{self.mark}-{_KEEPING}", "link", "set", f"to-{host}", "down")

    def heal(self, host: str) -> None:
        """Plug it in again."""
        _ip("-n", f"{self.mark}-{_KEEPING}", "link", "set", f"to-{host}", "up")


@contextmanager
def hosts() -> Iterator[Hosts]:
    """The three, with PostgreSQL and a broker; RuntimeError with a sentence where this machine cannot have them."""
    _have_programs()
    folder = Path(tempfile.mkdtemp(prefix="igny8-hosts-", dir="/tmp"))
    made = Hosts(f"igny8-{os.getpid()}", folder)
    try:
        _lay_cables(made)
        with _postgresql(made), _broker(made):
            yield made
    finally:
        for host in (*WORKING, _KEEPING):
            with suppress(RuntimeError):
                _ip("netns", "delete", f"{made.mark}-{host}")
        shutil.rmtree(folder, ignore_errors=True)


def _have_programs() -> None:
    """`ip` and `nsenter`, from Debian where the machine has none."""
    if os.geteuid() == 0 and not _are_there():
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *_PACKAGES]):
            subprocess.run(["/usr/bin/apt-get", *arguments], check=False, capture_output=True)
    if os.geteuid() != 0 or not _are_there():
        raise RuntimeError(
            f"Two hosts are network namespaces: run as root, with {' and '.join(_PACKAGES)} of Debian's."
        )


def _are_there() -> bool:
    return all(shutil.which(program) for program in ("ip", "nsenter"))


def _lay_cables(made: Hosts) -> None:
    keeping = f"{made.mark}-{_KEEPING}"
    _ip("netns", "add", keeping)
    _ip("-n", keeping, "link", "set", "lo", "up")
    for host, number in WORKING.items():
        name, cable = f"{made.mark}-{host}", f"to-{host}"
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", cable, "netns", keeping)
        _ip("-n", keeping, "address", "add", f"10.213.{number}.1/24", "dev", cable)
        _ip("-n", name, "address", "add", f"10.213.{number}.2/24", "dev", "eth0")
        _ip("-n", keeping, "link", "set", cable, "up")
        _ip("-n", name, "link", "set", "eth0", "up")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)  # noqa: S607 - it was looked for
    if done.returncode:
        raise RuntimeError(
            f"This machine gives no network namespaces: `ip {' '.join(arguments)}` said {done.stderr.strip()!r}."
        )


@contextmanager
def _postgresql(made: Hosts) -> Iterator[None]:
    owner = pwd.getpwnam("nobody")
    data = made.folder / "data"
    os.chown(made.folder, owner.pw_uid, owner.pw_gid)
    as_owner = ("--setuid", str(owner.pw_uid), "--setgid", str(owner.pw_gid), "--")
    command = (*made.below(_KEEPING)[:-1], *as_owner)
    initdb = [*command, programs() / "initdb", "-D", data, "-U", "igny8", "--auth=trust", "-E", "UTF8", "--no-sync"]
    environ = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(made.folder)}
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, env=environ, cwd=made.folder)
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write("host all all 10.213.0.0/16 trust\n")
    settings = {"listen_addresses": "*", "unix_socket_directories": made.folder, "max_connections": 200, "fsync": "off"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    server = [*command, programs() / "postgres", "-D", data, *options]
    with _running(server, made.folder / "postgresql.log", environ, made.folder) as log:
        _wait(lambda: _database_there(f"postgresql+psycopg://igny8@/postgres?host={made.folder}"), log)
        yield


def _database_there(url: str) -> bool:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE igny8")
    except OperationalError:
        return False
    finally:
        engine.dispose()
    return True


@contextmanager
def _broker(made: Hosts) -> Iterator[None]:
    socket = made.folder / "broker.sock"
    options = ["--bind", "*", "--protected-mode", "no", "--port", "6379", "--unixsocket", socket, "--dir", made.folder]
    command = [*made.below(_KEEPING), server_binary(), *options, "--appendonly", "yes"]
    with _running(command, made.folder / "broker.log", dict(os.environ), made.folder) as log:
        _wait(lambda: _broker_answers(socket), log)
        yield


def _broker_answers(socket: Path) -> bool:
    with redis.Redis(unix_socket_path=str(socket)) as client, suppress(redis.RedisError):
        return bool(client.ping())
    return False


@contextmanager
def _running(command: list[str | Path], log: Path, environ: dict[str, str], folder: Path) -> Iterator[Path]:
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=written, stderr=written, env=environ, cwd=folder
        )
    try:
        yield log
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(ask: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not ask():
        if time.monotonic() > deadline:
            raise RuntimeError(f"A server of the host that keeps the data did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)
