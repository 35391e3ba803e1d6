"""Owns every change to a site's folder: one writer at a time, and no file ever visible half-written.

Never: what the files mean; names and bytes are given.
"""

from __future__ import annotations

import errno
import fcntl
import filecmp
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.sites.port import SiteRefusedError, SiteUnavailableError

#: The folder's own state: lock, records and files being written. Nothing in it is linked from a page.
STATE: Final = ".igny8"

LOCK_WAIT_SECONDS: Final = 30.0
LOCK_POLL_SECONDS: Final = 0.01
RETRY_AFTER_SECONDS: Final = 60

#: What only a person can change about a disk.
_NEEDS_A_PERSON: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.ENAMETOOLONG}
)


class Disk:
    """The files under one root, changed only inside `locked`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._drafts = root / STATE / "drafts"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only writer, over all processes, and clear away what a killed one left half-written.

        Raises SiteUnavailableError if another writer holds the folder for `LOCK_WAIT_SECONDS`, and the errors of
        `explained`.
        """
        with explained(self.root):
            self._drafts.mkdir(parents=True, exist_ok=True)
            with (self.root / STATE / "lock").open("ab") as handle:
                self._wait_for(handle)
                for leftover in self._drafts.iterdir():
                    leftover.unlink()
                yield

    def write(self, path: Path, data: bytes) -> None:
        """Put `data` at `path`, whole or not at all; an equal file is left alone."""
        with suppress(FileNotFoundError):
            if path.read_bytes() == data:
                return
        draft = self._drafts / secrets.token_hex(8)
        with draft.open("xb") as handle:
            handle.write(data)
            _flush(handle)
        self._reveal(draft, path)

    def copy(self, source: Path, path: Path) -> None:
        """Put the bytes of `source` at `path`, whole or not at all; an equal file is left alone."""
        with suppress(FileNotFoundError):
            if filecmp.cmp(source, path, shallow=False):
                return
        draft = self._drafts / secrets.token_hex(8)
        with source.open("rb") as reader, draft.open("xb") as handle:
            shutil.copyfileobj(reader, handle)
            _flush(handle)
        self._reveal(draft, path)

    def try_to_write(self) -> None:
        """Write a file that nobody sees and take it away again; errors as of `explained`.

        A folder that is not there yet is not made: it is enough that it could be.
        """
        with explained(self.root):
            if not self.root.exists():
                there = next(folder for folder in self.root.parents if folder.exists())
                if not os.access(there, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))
                return
            self._drafts.mkdir(parents=True, exist_ok=True)
            draft = self._drafts / secrets.token_hex(8)
            with draft.open("xb") as handle:
                handle.write(b"x")
            # A publisher that begins just now clears it away as well.
            draft.unlink(missing_ok=True)

    def remove(self, path: Path) -> None:
        """Take one file away; nothing happens where it is not there."""
        path.unlink(missing_ok=True)

    def remove_folder(self, path: Path) -> None:
        """Take an emptied folder away; one that holds files of somebody else stays."""
        with suppress(FileNotFoundError):
            try:
                path.rmdir()
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise

    def _reveal(self, draft: Path, path: Path) -> None:
        # Drafts lie in one folder of the same file system: the rename is atomic, and leftovers are found at once.
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(path)
        _flush_folder(path.parent)

    def _wait_for(self, handle: BinaryIO) -> None:
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() >= deadline:
                raise SiteUnavailableError(
                    f"Another process has been writing to {self.root} for {LOCK_WAIT_SECONDS:.0f} s. "
                    "It will be tried again; if this goes on, look for a process that hangs.",
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                )
            time.sleep(LOCK_POLL_SECONDS)


@contextmanager
def explained(root: Path) -> Iterator[None]:
    """Turn an OSError into SiteRefusedError where a person must act, else into SiteUnavailableError."""
    try:
        yield
    except OSError as error:
        said = f"The site's folder {root} cannot be used: {error.strerror or error} ({error.filename or root})."
        if error.errno in _NEEDS_A_PERSON:
            raise SiteRefusedError(f"{said} Check its permissions and the free space, then publish again.") from error
        raise SiteUnavailableError(
            f"{said} It will be tried again.", retry_after_seconds=RETRY_AFTER_SECONDS
        ) from error


def _flush(handle: BinaryIO) -> None:
    handle.flush()
    os.fsync(handle.fileno())


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
