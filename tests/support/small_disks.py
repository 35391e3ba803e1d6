"""Owns disks so small that they can be filled: a few megabytes of memory, mounted for the length of a test.

Only root may mount. Where that is not allowed, NoMountError says so. `no_file_larger_than` is the same for one process,
and for anybody.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_FILLER: Final = "filler"
_BLOCK: Final = 4_096


class NoMountError(Exception):
    """This process may not mount anything."""


class Disk:
    """A mounted folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Leave not a byte of room."""
        with (self.folder / _FILLER).open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(_BLOCK))
            except OSError:
                pass
        assert shutil.disk_usage(self.folder).free < _BLOCK

    def clear(self) -> None:
        """Give the room back."""
        (self.folder / _FILLER).unlink()


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Disk]:
    """The folder, which is made, as a disk of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        raise NoMountError("only root may mount a small disk")
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "igny8-test", str(folder)]
    done = subprocess.run([mount, *options], check=False, capture_output=True, text=True)
    if done.returncode:
        raise NoMountError(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run([umount, "--lazy", str(folder)], check=True)


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """What this process may write into one file, as on a disk that is full at that point."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
