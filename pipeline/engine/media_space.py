"""Owns the space for an image that is about to be drawn: taken first, since what cannot be kept is paid all the same.

A nameless file of the largest image there may be: nothing of it is left behind, however the process ends.
Never: what stands in an image.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from pipeline.config import config
from pipeline.core.errors import PipelineError
from pipeline.services.credits import Settlement

#: What an image may have at most, and so what is kept free for one.
MOST_BYTES: Final = 30_000_000
_CANNOT_TELL: Final = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
REMEDY: Final = (
    "Make room on the disk of IGNY8_HOME, or give this user its folder (igny8 doctor shows both), then run again: what "
    "was not drawn waits"
)


class NotKeptError(PipelineError):
    """This machine cannot keep images."""


class NoSpaceError(NotKeptError):
    """There is no space to keep an image, so none was asked for."""

    def __init__(self, error: OSError) -> None:
        """Say what the machine said of it."""
        super().__init__(f"there is no room for images ({_said(error)}): none is asked for")


class ImageLostError(NotKeptError):
    """An image was drawn and billed, and could not be kept: `settlement` is what it cost, us alone."""

    def __init__(self, error: OSError, settlement: Settlement) -> None:
        """Say what the machine said of it, and what to do."""
        self.settlement = settlement
        super().__init__(f"an image was drawn and could not be kept here ({_said(error)}). {REMEDY}")


def media() -> Path:
    """The folder that images are kept in."""
    return config().home / "media"


class Space:
    """Bytes that nobody else can take until they are given back."""

    def __init__(self, file: IO[bytes]) -> None:
        """`file` has the bytes."""
        self._file = file

    def give_back(self) -> None:
        """The image itself takes their place now."""
        self._file.truncate(0)


@contextmanager
def taken(root: Path) -> Iterator[Space]:
    """Space for one image below `root`, which is made. NoSpaceError where there is none, or nothing may be written."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=root)  # noqa: SIM115 - closed below, whatever the caller does
    except OSError as error:
        raise NoSpaceError(error) from None
    with file:
        _take(file)
        yield Space(file)


def lacking(root: Path) -> NoSpaceError | None:
    """Why there is no space for one image below `root` now; None: there is."""
    try:
        with taken(root):
            return None
    except NoSpaceError as error:
        return error


def _take(file: IO[bytes]) -> None:
    """Where the system cannot set bytes aside, none are: an image that then cannot be kept is told as lost."""
    take = getattr(os, "posix_fallocate", None)
    if take is None:
        return
    try:
        take(file.fileno(), 0, MOST_BYTES)
    except OSError as error:
        if error.errno not in _CANNOT_TELL:
            raise NoSpaceError(error) from None


def _said(error: OSError) -> str:
    return error.strerror or type(error).__name__
