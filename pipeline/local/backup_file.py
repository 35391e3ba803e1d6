"""Owns the file of a backup: a compressed archive, written and read as a stream, that ends with its list.

The list (names, sizes, SHA-256) comes last: it says what was read, and an archive that was cut has none.
Never: what the names mean; follows a link; unpacks what the list does not have as it is.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from pipeline.core.errors import InvalidValueError, NotReadyError
from pipeline.private import private

CONTENTS: Final = "contents.json"
_CHUNK: Final = 1 << 20
#: Larger files are copied to disk before they are packed, smaller ones to memory.
_IN_MEMORY: Final = 8 * _CHUNK
#: What a program is writing just now, under a name that it takes away by itself.
_TEMPORARY: Final = (".part-", ".igny8-backup-", ".igny8-restore-")
#: The folder of a site's temporaries.
_DRAFTS: Final = Path(".igny8/drafts")
#: What is wrong with this machine, and with no file.
_NO_PLACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS})
_DAMAGE: Final = (OSError, EOFError, ValueError, zlib.error, tarfile.TarError)


class Packer:
    """Puts files into an archive, each whole as it was when it was read, and remembers what it put there."""

    def __init__(self, archive: tarfile.TarFile, folder: Path) -> None:
        """`folder` is for copies of large files."""
        self._archive, self._folder = archive, folder
        self._files: dict[str, tuple[int, str]] = {}

    def add_bytes(self, name: str, data: bytes) -> None:
        """A file of these bytes."""
        self._add(_private_member(name, len(data)), io.BytesIO(data), hashlib.sha256(data).hexdigest())

    def add_file(self, path: Path, name: str) -> None:
        """A file, if it is still there."""
        try:
            with suppress(FileNotFoundError), path.open("rb") as file:
                self._add_copy(name, file)
        except PermissionError:
            raise NotReadyError(f"{path} cannot be read. Let its owner make the backup, or make it readable.") from None

    def add_folder(self, folder: Path, name: str) -> None:
        """Every file below, but no temporaries and no links; what goes away meanwhile is left out."""
        for at, folders, files in os.walk(folder, onerror=_unless_gone):
            folders[:] = sorted(each for each in folders if not _is_temporary(Path(at, each)))
            for each in sorted(files):
                path = Path(at, each)
                if not _is_temporary(path) and _is_regular(path):
                    self.add_file(path, f"{name}/{path.relative_to(folder).as_posix()}")

    def end(self) -> None:
        """The list of it all, last."""
        data = json.dumps(self._files).encode()
        self._archive.addfile(_private_member(CONTENTS, len(data)), io.BytesIO(data))

    def _add_copy(self, name: str, file: IO[bytes]) -> None:
        """Only the size of a file that nobody writes is known: a copy has it."""
        with SpooledTemporaryFile(_IN_MEMORY, dir=str(self._folder)) as copy:
            seen = os.fstat(file.fileno())
            digest, left = hashlib.sha256(), seen.st_size
            while left and (chunk := file.read(min(left, _CHUNK))):
                digest.update(chunk)
                left -= copy.write(chunk)
            member = tarfile.TarInfo(name)
            # Who may read a page, and since when it is so, is the site's business.
            member.size, member.mode, member.mtime = copy.tell(), stat.S_IMODE(seen.st_mode), int(seen.st_mtime)
            copy.seek(0)
            self._add(member, copy, digest.hexdigest())

    def _add(self, member: tarfile.TarInfo, file: IO[bytes], digest: str) -> None:
        self._archive.addfile(member, file)
        self._files[member.name] = member.size, digest


def _private_member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


@contextmanager
def packing(part: Path) -> Iterator[Packer]:
    """A file of a backup, on disk by the end, whole."""
    with open(part, "wb", opener=private) as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
            packer = Packer(archive, part.parent)
            yield packer
            packer.end()
        file.flush()
        os.fsync(file.fileno())


def require_whole(source: Path) -> None:
    """Read it all, as far as its checksum. InvalidValueError where it is damaged, cut, or no archive."""
    try:
        with gzip.open(source) as file:
            while file.read(_CHUNK):
                pass
    except _DAMAGE as error:
        raise InvalidValueError(
            f"{source} cannot be read as a backup: {error}. Nothing was restored: use another file of `igny8 backup`."
        ) from None


def first_member(source: Path) -> tuple[str, bytes]:
    """Name and bytes of what an archive begins with; nothing of one that has no such file."""
    with suppress(*_DAMAGE), tarfile.open(source, "r|gz") as archive:
        member = archive.next()
        file = archive.extractfile(member) if member is not None else None
        if member is not None and file is not None:
            return member.name, file.read(_CHUNK)
    return "", b""


def unpack(source: Path, folder: Path, *, is_wanted: Callable[[str], bool]) -> set[str]:
    """Unpack all of it into an empty folder, and hold it against its list; the names of the files.

    InvalidValueError where it has anything more, less or else than its list says, or what is not wanted;
    NotReadyError where there is no room for it.
    """
    try:
        with tarfile.open(source, "r|gz") as archive:
            listed = _unpacked(archive, folder, is_wanted)
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
        wrong = sorted(there ^ set(listed)) or [name for name in listed if _measured(folder / name) != listed[name]]
    except (*_DAMAGE, TypeError) as error:
        if isinstance(error, OSError) and error.errno in _NO_PLACE:
            raise NotReadyError(
                f"{source} cannot be unpacked: {error}. Nothing was restored: make room first."
            ) from None
        raise _damaged(source, str(error)) from None
    if wrong:
        raise _damaged(source, f"{wrong[0]} is not as its list says")
    return there


def _unpacked(archive: tarfile.TarFile, folder: Path, is_wanted: Callable[[str], bool]) -> dict[str, tuple[int, str]]:
    """The list of an archive, everything else unpacked. TarError, ValueError or TypeError where it has no good one."""
    contents = None
    for member in archive:
        if contents is not None:
            raise ValueError("it goes on after its end")
        if not member.isreg() or not is_wanted(member.name):
            if member.name != CONTENTS or not member.isreg():
                raise ValueError(f"it has {member.name}, which no backup has")
            file = archive.extractfile(member)
            contents = file.read() if file is not None else b""
            continue
        archive.extract(member, folder, filter="data")
    if contents is None:
        raise ValueError("its list is missing")
    return {name: (int(size), str(digest)) for name, (size, digest) in dict(json.loads(contents)).items()}


def _measured(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(source: Path, why: str) -> InvalidValueError:
    return InvalidValueError(f"{source} is damaged ({why}). Nothing was restored: use another backup.")


def _is_temporary(path: Path) -> bool:
    return path.name.startswith(_TEMPORARY) or path.parts[-2:] == _DRAFTS.parts


def _is_regular(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise NotReadyError(f"{error.filename} cannot be read. Let its owner make the backup, or make it readable.")
