"""Owns `secrets.env`: the passwords and keys an installation made for itself, readable by its owner only.

What is encrypted with its key says with which, in front, so that the key may be replaced one day.
Never: print or log a value.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.core.errors import NotReadyError

FILE_NAME: Final = "secrets.env"
FLOWER_PASSWORD: Final = "FLOWER_PASSWORD"  # noqa: S105  # the name of an entry, no password.
ENCRYPTION_KEY: Final = "ENCRYPTION_KEY"
METRICS_TOKEN: Final = "METRICS_TOKEN"  # noqa: S105  # the name of an entry, no token.

_PRIVATE: Final = 0o600


def make_password() -> str:
    """A password of 160 random bits that needs no quoting in a URL or a shell."""
    return secrets.token_urlsafe(20)


def make_key() -> str:
    """A random 256-bit key, URL-safe base64 (44 characters)."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")


_MAKERS: Final[dict[str, Callable[[], str]]] = {
    FLOWER_PASSWORD: make_password,
    ENCRYPTION_KEY: make_key,
    METRICS_TOKEN: make_password,
}


def encrypted(text: str, *, home: Path) -> bytes:
    """`text` as the database may keep it: the key's id, a colon, the token."""
    from cryptography.fernet import Fernet

    key = ensure_secrets(home)[ENCRYPTION_KEY]
    return f"{_key_id(key)}:".encode() + Fernet(key).encrypt(text.encode())


def decrypted(kept: bytes, *, home: Path) -> str:
    """What was encrypted. NotReadyError where this installation has not the key."""
    from cryptography.fernet import Fernet, InvalidToken

    key_id, _, token = kept.partition(b":")
    key = read_secrets(home).get(ENCRYPTION_KEY, "")
    try:
        if key and key_id.decode() == _key_id(key):
            return Fernet(key).decrypt(token).decode()
    except (InvalidToken, ValueError):
        pass
    raise NotReadyError(
        f"A stored secret was encrypted with another key than the one in {home / FILE_NAME}. "
        "Put back the file that belongs to this database, or set the secret again."
    )


def _key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def read_secrets(home: Path) -> dict[str, str]:
    """Every entry of the file below `home`; empty where there is none."""
    path = home / FILE_NAME
    if not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def ensure_secrets(home: Path) -> dict[str, str]:
    """Make what is missing, keep what is there, and return every entry. Two processes at once agree on one value."""
    home.mkdir(parents=True, exist_ok=True)
    with _locked(home):
        found = read_secrets(home)
        missing = {name: make() for name, make in _MAKERS.items() if not found.get(name)}
        if missing or not _is_private(home / FILE_NAME):
            _write(home / FILE_NAME, found | missing)
        return found | missing


def _is_private(path: Path) -> bool:
    return path.stat().st_mode & 0o077 == 0


def _write(path: Path, entries: dict[str, str]) -> None:
    """Replace the file in one step: a reader, or a crash, sees the old one or the new one."""
    text = "# Made by igny8. Keep it private, and keep it with the database's backup.\n"
    text += "".join(f"{name}={value}\n" for name, value in entries.items())
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 600.
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).chmod(_PRIVATE)
    Path(temporary).replace(path)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One writer at a time; the kernel frees the lock of a process that died."""
    descriptor = os.open(home / f".{FILE_NAME}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
