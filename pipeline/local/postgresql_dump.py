"""Owns the copy of a PostgreSQL database: PostgreSQL's own programs make it and read it.

The password goes by the environment: an argument is seen by everybody on the machine.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url

from pipeline.config import Config, child_environ
from pipeline.core.errors import ConflictError, NotReadyError

_TOLD_LINES: Final = 3


def dump(settings: Config, to: Path) -> None:
    """Write the database to a file, as it is at one instant."""
    _run("pg_dump", settings, "--format=custom", "--no-owner", "--no-privileges", f"--file={to}")


def load(settings: Config, source: Path) -> None:
    """Read a dump into an empty database, all of it or nothing. ConflictError where that cannot be."""
    _run(
        "pg_restore", settings, "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", str(source)
    )


def _run(name: str, settings: Config, *arguments: str) -> None:
    found = make_url(settings.database_url)
    folder = settings.postgresql_programs
    program = shutil.which(name, path=None if folder is None else str(folder))
    if program is None:
        raise NotReadyError(
            f"{name} is not here. Install PostgreSQL's client programs (Debian: postgresql-client), or set "
            "IGNY8_POSTGRESQL_PROGRAMS to the folder they are in."
        )
    environ = child_environ(settings, {"PGPASSWORD": found.password} if found.password else None)
    command = [program, f"--dbname={_address(found)}", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - found above
    if done.returncode:
        told = " ".join(done.stderr.strip().splitlines()[:_TOLD_LINES]) or f"it ended with {done.returncode}"
        raise ConflictError(f"{name} could not do it: {told}")


def _address(url: URL) -> str:
    """As PostgreSQL's programs want it, without the password."""
    return url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
