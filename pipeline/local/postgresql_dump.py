"""Owns the copy of a PostgreSQL database: PostgreSQL's own programs make it and read it, those of the server's version.

Newer ones write what an older server cannot read back, older ones refuse a newer server.
The password goes by the environment: an argument is seen by everybody on the machine.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from pipeline.config import Config, child_environ
from pipeline.core.errors import ConflictError, NotReadyError

_TOLD_LINES: Final = 3
#: Where Debian keeps the programs of each version.
INSTALLED: Final = Path("/usr/lib/postgresql")
#: The lock of a restore in its database: any number, always the same.
_RESTORING: Final = 0x1693_8A00
_LOCK: Final = text("SELECT pg_try_advisory_lock(:number)")
_UNLOCK: Final = text("SELECT pg_advisory_unlock(:number)")
_HAS_TABLES: Final = text(
    "SELECT EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
    " WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'"
    " AND NOT EXISTS (SELECT FROM pg_depend"
    " WHERE classid = CAST('pg_class' AS regclass) AND objid = pg_class.oid AND deptype = 'e'))"
)


def dump(settings: Config, to: Path) -> None:
    """Write the database to a file, as it is at one instant. NotReadyError without programs of the server's version."""
    _run("pg_dump", settings, "--format=custom", "--no-owner", "--no-privileges", f"--file={to}")


@contextmanager
def claimed_empty(settings: Config) -> Iterator[None]:
    """Be the only restore into the database. ConflictError where there is another, or the database is not empty."""
    name = make_url(settings.database_url).database
    with _connected(settings) as connection:
        if not connection.execute(_LOCK, {"number": _RESTORING}).scalar_one():
            raise ConflictError(f"Another restore is at work in the database {name}. Wait until it has ended.")
        try:
            if connection.execute(_HAS_TABLES).scalar_one():
                raise ConflictError(
                    f"The database {name} is not empty, and nothing is written over. Create an empty one, name it in "
                    "IGNY8_DATABASE_URL and restore again."
                )
            yield
        finally:
            # The server frees it a moment after the connection is closed: too late for whoever tries again at once.
            with suppress(DBAPIError):
                connection.execute(_UNLOCK, {"number": _RESTORING})


def load(settings: Config, source: Path) -> None:
    """Read a dump into an empty database, all of it or nothing. ConflictError where that cannot be."""
    _run(
        "pg_restore", settings, "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", str(source)
    )


def _run(name: str, settings: Config, *arguments: str) -> None:
    found = make_url(settings.database_url)
    environ = child_environ(settings, {"PGPASSWORD": found.password} if found.password else None)
    command = [_program(name, settings), f"--dbname={_address(found)}", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - found above
    if done.returncode:
        told = " ".join(done.stderr.strip().splitlines()[:_TOLD_LINES]) or f"it ended with {done.returncode}"
        raise ConflictError(f"{name} could not do it: {told}")


def _program(name: str, settings: Config) -> str:
    """The program of the server's version: where the settings say, else on the path or where Debian keeps it."""
    with _connected(settings) as connection:
        wanted = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    folder = settings.postgresql_programs
    paths = [None, str(INSTALLED / str(wanted) / "bin")] if folder is None else [str(folder)]
    programs = [program for path in paths if (program := shutil.which(name, path=path)) is not None]
    if not programs:
        raise NotReadyError(
            f"{name} is not here. Install PostgreSQL's client programs (Debian: postgresql-client-{wanted}), or set "
            "IGNY8_POSTGRESQL_PROGRAMS to the folder they are in."
        )
    versions = [_version(program) for program in programs]
    if wanted not in versions:
        raise NotReadyError(
            f"{name} here is of PostgreSQL {versions[0]}, the server of {wanted}: such a backup could not be "
            f"relied on. Install the server's own client programs (Debian: postgresql-client-{wanted}), or set "
            "IGNY8_POSTGRESQL_PROGRAMS to the folder they are in."
        )
    return programs[versions.index(wanted)]


def _version(program: str) -> int:
    """The major version of a program, 0 where it does not say."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found above
    said = re.search(r"\) (\d+)", done.stdout)
    return int(said[1]) if said else 0


@contextmanager
def _connected(settings: Config) -> Iterator[Connection]:
    """A connection without transactions, closed at the end. NotReadyError where there is none."""
    options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "poolclass": NullPool}
    engine = create_engine(settings.database_url, connect_args={"connect_timeout": 10}, **options)
    try:
        connection = engine.connect()
    except OperationalError as error:
        told = str(error.orig).strip().splitlines()[0]
        raise NotReadyError(f"The database cannot be reached: {told}. Check IGNY8_DATABASE_URL.") from None
    with connection:
        yield connection


def _address(url: URL) -> str:
    """As PostgreSQL's programs want it, without the password."""
    return url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
