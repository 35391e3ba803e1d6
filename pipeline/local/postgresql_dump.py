"""Owns the copy of a PostgreSQL database: PostgreSQL's own programs make it and read it.

The password goes by the environment: an argument is seen by everybody on the machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url

from pipeline.core.errors import ConflictError, NotReadyError

#: Where the programs are, if not where programs are looked for.
FOLDER_VARIABLE: Final = "PGBINDIR"
_TOLD_LINES: Final = 3


def dump(url: str, to: Path) -> None:
    """Write the database to a file, as it is at one instant."""
    _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={to}")


def load(url: str, source: Path) -> None:
    """Read a dump into an empty database, all of it or nothing. ConflictError where that cannot be."""
    _run("pg_restore", url, "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", str(source))


def _run(name: str, url: str, *arguments: str) -> None:
    found = make_url(url)
    program = shutil.which(name, path=os.environ.get(FOLDER_VARIABLE)) or shutil.which(name)
    if program is None:
        raise NotReadyError(
            f"{name} is not here. Install PostgreSQL's client programs (Debian: postgresql-client), or set "
            f"{FOLDER_VARIABLE} to the folder they are in."
        )
    environ = {**os.environ, **({"PGPASSWORD": found.password} if found.password else {})}
    command = [program, f"--dbname={_address(found)}", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - found above
    if done.returncode:
        told = " ".join(done.stderr.strip().splitlines()[:_TOLD_LINES]) or f"it ended with {done.returncode}"
        raise ConflictError(f"{name} could not do it: {told}")


def _address(url: URL) -> str:
    """As PostgreSQL's programs want it, without the password."""
    return url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
