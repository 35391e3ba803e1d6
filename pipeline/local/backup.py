"""Owns backups: everything an installation cannot make again in one file, and an installation made of that file.

The queues need none: what they lost is sent again. The database is copied first, then the files, so that no row names a
picture that the backup has not. Never: stops a stack; writes over what is there.
"""

from __future__ import annotations

import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from pipeline.config import Config
from pipeline.core.errors import ConflictError, InvalidValueError
from pipeline.db.session import Database
from pipeline.local import postgresql_dump
from pipeline.private import make_home, private
from pipeline.secrets import FILE_NAME as SECRETS

MANIFEST: Final = "manifest.json"
_SQLITE: Final = "igny8.db"
_POSTGRESQL: Final = "postgresql.dump"
#: Below the home: what is not in the database and cannot be made again.
_FOLDERS: Final = ("media", "sites")
#: What this program can read.
_FORMAT: Final = 1


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    #: Of the program that made it.
    version: str
    #: ISO 8601, UTC.
    made_at: str
    #: `sqlite` or `postgresql`: it is restored into the same.
    database: str


def back_up(database: Database, settings: Config, *, to: Path, now: datetime) -> Manifest:
    """Write everything to one file, readable by its owner alone; also while everything runs.

    ConflictError where there is such a file, NotReadyError where a program of PostgreSQL is missing.
    """
    if to.exists():
        raise ConflictError(f"There is a file {to} already. Nothing is written over: choose another name.")
    kind = "sqlite" if database.is_sqlite else "postgresql"
    manifest = Manifest(_FORMAT, version("igny8-pipeline"), now.isoformat(), kind)
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".igny8-backup-", dir=to.parent) as folder:
        copy = Path(folder) / (_SQLITE if database.is_sqlite else _POSTGRESQL)
        if database.is_sqlite:
            _copy_sqlite(Path(make_url(settings.database_url).database or ""), copy)
        else:
            postgresql_dump.dump(settings, copy)
        part = Path(folder) / "part"
        with _written(part) as archive:
            _add_text(archive, MANIFEST, json.dumps(asdict(manifest)))
            archive.add(copy, copy.name)
            for name in (SECRETS, *_FOLDERS):
                if (settings.home / name).exists():
                    archive.add(settings.home / name, name)
        part.replace(to)
    return manifest


def restore(source: Path, settings: Config) -> Manifest:
    """Make an installation of a backup in an empty home, and in an empty database where that is PostgreSQL.

    InvalidValueError for a file that is no backup, ConflictError where something is there already.
    """
    home, url = settings.home, settings.database_url
    home.parent.mkdir(parents=True, exist_ok=True)
    with _opened(source) as archive, tempfile.TemporaryDirectory(prefix=".igny8-restore-", dir=home.parent) as folder:
        manifest = _manifest(archive, source)
        kind = make_url(url).get_backend_name()
        if kind != manifest.database:
            raise ConflictError(
                f"This is a backup of {manifest.database}, and IGNY8_DATABASE_URL names {kind}. Name an empty "
                f"{manifest.database} database and restore again."
            )
        _refuse_what_is_there(home, url)
        _extract(archive, source, Path(folder))
        _put_in_place(Path(folder), settings)
    return manifest


def _extract(archive: tarfile.TarFile, source: Path, folder: Path) -> None:
    """All of it, beside the home: what breaks half-way leaves nothing there."""
    try:
        archive.extractall(folder, members=_wanted(archive), filter="data")
    except (OSError, EOFError, tarfile.TarError) as error:
        raise InvalidValueError(f"{source} is damaged ({error}). Nothing was restored: use another backup.") from None


def _put_in_place(folder: Path, settings: Config) -> None:
    """The database first: where it cannot be loaded, the home stays empty."""
    dumped, copied, home = folder / _POSTGRESQL, folder / _SQLITE, settings.home
    if dumped.exists():
        postgresql_dump.load(settings, dumped)
    make_home(home)
    for name in (SECRETS, *_FOLDERS):
        if (folder / name).exists():
            (folder / name).replace(home / name)
    if copied.exists():
        to = Path(make_url(settings.database_url).database or "")
        make_home(to.parent)
        copied.chmod(0o600)
        copied.replace(to)


def _copy_sqlite(source: Path, to: Path) -> None:
    """SQLite's own way of copying a database that is being written."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(to)) as copy:
        live.backup(copy)


@contextmanager
def _written(part: Path) -> Iterator[tarfile.TarFile]:
    """An archive on disk by the end, whole."""
    with open(part, "wb", opener=private) as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
            yield archive
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        archive = tarfile.open(source, "r:gz")  # noqa: SIM115 - closed below; what it raises must be told apart
    except (OSError, tarfile.TarError) as error:
        raise InvalidValueError(
            f"{source} cannot be read as a backup: {error}. Use a file of `igny8 backup`."
        ) from None
    with archive:
        yield archive


def _manifest(archive: tarfile.TarFile, source: Path) -> Manifest:
    try:
        file = archive.extractfile(MANIFEST)
        found = Manifest(**json.loads(file.read())) if file is not None else None
    except (KeyError, TypeError, ValueError, OSError, EOFError, tarfile.TarError):
        found = None
    if found is None:
        raise InvalidValueError(f"{source} is no backup of IGNY8. Use a file of `igny8 backup`.")
    if found.format != _FORMAT:
        raise InvalidValueError(f"{source} was made by IGNY8 {found.version}, which this program cannot read.")
    return found


def _wanted(archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """What a backup has, and nothing else that somebody may have put into one: files and folders alone."""
    names = {_SQLITE, _POSTGRESQL, SECRETS, *_FOLDERS}
    members = [member for member in archive.getmembers() if member.name.split("/")[0] in names]
    return [member for member in members if member.isfile() or member.isdir()]


def _refuse_what_is_there(home: Path, url: str) -> None:
    there = [name for name in (_SQLITE, SECRETS, *_FOLDERS) if (home / name).exists()]
    file = make_url(url).database if make_url(url).get_backend_name() == "sqlite" else None
    if file and Path(file).exists() and not there:
        there = [file]
    if there:
        raise ConflictError(
            f"{home} has an installation already ({', '.join(there)}). Nothing is written over: set IGNY8_HOME to an "
            "empty folder, or move this one away."
        )


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    archive.addfile(member, io.BytesIO(data))
