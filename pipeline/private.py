"""Owns what only the owner of this installation may read: its home, its database's files, its logs."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_FILE: Final = 0o600
_FOLDER: Final = 0o700
_OF_OTHERS: Final = 0o077


def make_home(home: Path) -> None:
    """Make the folder, for its owner alone. One that is there stays as it is: it may be open to others on purpose."""
    home.mkdir(mode=_FOLDER, parents=True, exist_ok=True)


def make_database_file(file: Path) -> None:
    """Make the file of a SQLite database, or close it to others; what SQLite puts beside it has the same mode.

    One that is there is never opened: closing it would drop this process's locks on it.
    """
    with suppress(OSError):  # Where none can be made, SQLite says so.
        file.touch(mode=_FILE, exist_ok=False)
    for each in (file, *(file.with_name(f"{file.name}-{part}") for part in ("wal", "shm"))):
        close_to_others(each)


def close_to_others(file: Path) -> None:
    """Let nobody but its owner read the file; nothing happens where there is none, or it is somebody else's."""
    with suppress(FileNotFoundError, PermissionError):
        mode = file.stat().st_mode
        if mode & _OF_OTHERS:
            file.chmod(mode & ~_OF_OTHERS & 0o7777)


def private(path: str, flags: int) -> int:
    """Open what `open(…, opener=private)` makes for its owner alone."""
    return os.open(path, flags, _FILE)


def written_address(file: Path) -> str | None:
    """What a process wrote of where it listens; None where none did."""
    with suppress(OSError):
        return file.read_text(encoding="utf-8").strip() or None
    return None
