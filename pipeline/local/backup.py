"""Owns backups: everything an installation cannot make again in one file, and an installation made of that file.

The queues need none: what they lost is sent again. The database is copied first, then the files, so that no row names a
picture that the backup has not. Never: stops a stack; writes over what is there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from pipeline.config import Config
from pipeline.core.errors import ConflictError, InvalidValueError, NotReadyError
from pipeline.db.session import Database
from pipeline.local import backup_file, postgresql_dump
from pipeline.private import make_home
from pipeline.secrets import FILE_NAME as SECRETS

MANIFEST: Final = "manifest.json"
#: Kind of database -> the file its copy is in.
_COPIES: Final = {"sqlite": "igny8.db", "postgresql": "postgresql.dump"}
#: Below the home: what is not in the database and cannot be made again.
_FOLDERS: Final = ("media", "sites")
#: What this program can read.
_FORMAT: Final = 2


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
    #: Whether the installation had secrets.
    secrets: bool


def back_up(database: Database, settings: Config, *, to: Path, now: datetime) -> Manifest:
    """Write everything to one file, readable by its owner alone; also while everything runs.

    ConflictError where there is such a file or the database is damaged, NotReadyError where there is no room, or a
    program of PostgreSQL is missing or not of the server's version.
    """
    if to.exists():
        raise ConflictError(f"There is a file {to} already. Nothing is written over: choose another name.")
    kind, home = "sqlite" if database.is_sqlite else "postgresql", settings.home
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".igny8-backup-", dir=to.parent) as folder:
        copy, part = Path(folder, _COPIES[kind]), Path(folder, "part")
        if database.is_sqlite:
            _copy_sqlite(Path(make_url(settings.database_url).database or ""), copy)
        else:
            postgresql_dump.dump(settings, copy)
        # After the database: whatever key it uses is here by now.
        secrets = (home / SECRETS).read_bytes() if (home / SECRETS).exists() else None
        manifest = Manifest(_FORMAT, version("igny8-pipeline"), now.isoformat(), kind, secrets is not None)
        with backup_file.packing(part) as packer:
            packer.add_bytes(MANIFEST, json.dumps(asdict(manifest)).encode())
            packer.add_file(copy, copy.name)
            if secrets is not None:
                packer.add_bytes(SECRETS, secrets)
            for name in _FOLDERS:
                packer.add_folder(home / name, name)
        part.replace(to)
    return manifest


def restore(source: Path, settings: Config) -> Manifest:
    """Make an installation of a backup in an empty home, and in an empty database where that is PostgreSQL.

    InvalidValueError for a file that is no backup or not whole, ConflictError where something is there already or
    another restore is at work.
    """
    home, url = settings.home, settings.database_url
    backup_file.require_whole(source)
    manifest = _manifest(source)
    kind = make_url(url).get_backend_name()
    if kind != manifest.database:
        raise ConflictError(
            f"This is a backup of {manifest.database}, and IGNY8_DATABASE_URL names {kind}. Name an empty "
            f"{manifest.database} database and restore again."
        )
    home.parent.mkdir(parents=True, exist_ok=True)
    with _alone(home), nullcontext() if kind == "sqlite" else postgresql_dump.claimed_empty(settings):
        _refuse_what_is_there(home, url)
        # A home that is there may be a disk of its own: what lies in it can be moved in one step.
        with tempfile.TemporaryDirectory(
            prefix=".igny8-restore-", dir=home if home.is_dir() else home.parent
        ) as folder:
            found = backup_file.unpack(source, Path(folder), is_wanted=_is_wanted)
            _require_complete(source, Path(folder), found, manifest)
            _put_in_place(Path(folder), settings)
    return manifest


def _require_complete(source: Path, folder: Path, found: set[str], manifest: Manifest) -> None:
    """What was unpacked makes an installation. InvalidValueError where it does not."""
    copy = _COPIES[manifest.database]
    wanted = {copy, SECRETS} if manifest.secrets else {copy}
    wrong = sorted(wanted ^ (found & {*_COPIES.values(), SECRETS}))
    if wrong:
        why = f"{wrong[0]} is missing" if wrong[0] in wanted else f"{wrong[0]} does not belong there"
    else:
        why = _fault_of_sqlite(folder / copy) if manifest.database == "sqlite" else ""
    if why:
        raise InvalidValueError(f"{source} is no whole backup: {why}. Nothing was restored: use another backup.")


def _put_in_place(folder: Path, settings: Config) -> None:
    """The database first: where it cannot be loaded, the home stays empty."""
    dumped, copied, home = folder / _COPIES["postgresql"], folder / _COPIES["sqlite"], settings.home
    if dumped.exists():
        postgresql_dump.load(settings, dumped)
    make_home(home)
    if copied.exists():
        to = Path(make_url(settings.database_url).database or "")
        make_home(to.parent)
        copied.chmod(0o600)
        shutil.move(copied, to)  # It may be on another disk than the home.
    for name in (SECRETS, *_FOLDERS):
        if (folder / name).exists():
            (folder / name).replace(home / name)


def _copy_sqlite(source: Path, to: Path) -> None:
    """SQLite's own way of copying a database that is being written."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(to)) as copy:
        try:
            live.backup(copy)
        except sqlite3.OperationalError as error:
            raise NotReadyError(
                f"The database cannot be copied to {to.parent.parent}: {error}. Make room there, or name a file on "
                "another disk."
            ) from None
    fault = _fault_of_sqlite(to)
    if fault:
        raise ConflictError(f"The database cannot be backed up: {fault}. Restore the last backup that is whole.")


def _fault_of_sqlite(file: Path) -> str:
    """What is wrong with a database that nobody writes; nothing of one that is whole."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)) as copy:
            (told,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
            copy.execute("SELECT count(*) FROM accounts").fetchone()
    except sqlite3.Error as error:
        told = str(error)
    return "" if told == "ok" else f"{file.name} is damaged ({told})"


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One restore at a time beside a home; the folder itself is locked, so that nothing is left behind."""
    folder = home.resolve().parent
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                f"Another restore is at work in {folder}. Wait until it has ended, then try again."
            ) from None
        yield
    finally:
        os.close(descriptor)


def _manifest(source: Path) -> Manifest:
    name, data = backup_file.first_member(source)
    try:
        said = dict(json.loads(data)) if name == MANIFEST else {}
    except (TypeError, ValueError):
        said = {}
    if "format" not in said:
        raise InvalidValueError(f"{source} is no backup of IGNY8. Use a file of `igny8 backup`.")
    if said["format"] != _FORMAT or said.get("database") not in _COPIES:
        raise InvalidValueError(
            f"{source} was made by IGNY8 {said.get('version')}, which this program cannot read. Use the program of "
            "that version."
        )
    try:
        return Manifest(**said)
    except TypeError:
        raise InvalidValueError(f"{source} is no backup of IGNY8. Use a file of `igny8 backup`.") from None


def _is_wanted(name: str) -> bool:
    """What a backup has, and nothing else that somebody may have put into one."""
    return name in {MANIFEST, SECRETS, *_COPIES.values()} or name.startswith(tuple(f"{each}/" for each in _FOLDERS))


def _refuse_what_is_there(home: Path, url: str) -> None:
    there = [name for name in (_COPIES["sqlite"], SECRETS, *_FOLDERS) if (home / name).exists()]
    file = make_url(url).database if make_url(url).get_backend_name() == "sqlite" else None
    if file and Path(file).exists() and not there:
        there = [file]
    if there:
        raise ConflictError(
            f"{home} has an installation already ({', '.join(there)}). Nothing is written over: set IGNY8_HOME to an "
            "empty folder, or move this one away."
        )
