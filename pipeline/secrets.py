"""Owns `secrets.env`: the passwords and keys an installation made for itself, readable by its owner only.

What is encrypted says with which key, in front. A new key encrypts at once; the ones before it stay to decrypt with.
Never: print or log a value.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.core.errors import NotReadyError, PipelineError
from pipeline.private import make_home

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

FILE_NAME: Final = "secrets.env"
FLOWER_PASSWORD: Final = "FLOWER_PASSWORD"  # noqa: S105  # the name of an entry, no password.
ENCRYPTION_KEY: Final = "ENCRYPTION_KEY"
#: Those before it, the newest first, separated by commas.
OLD_ENCRYPTION_KEYS: Final = "OLD_ENCRYPTION_KEYS"
METRICS_TOKEN: Final = "METRICS_TOKEN"  # noqa: S105  # the name of an entry, no token.

_PRIVATE: Final = 0o600


class UnreadableSecretError(PipelineError):
    """A stored secret was encrypted with a key that is not here."""


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


@dataclass(frozen=True)
class Keyring:
    """The keys of an installation: the first encrypts, all of them decrypt."""

    #: Id of a key -> the key, the newest first.
    keys: Mapping[str, str] = field(repr=False)

    @property
    def newest(self) -> str:
        """The id of the key that encrypts."""
        return next(iter(self.keys))

    def encrypted(self, text: str) -> bytes:
        """`text` as the database may keep it: the key's id, a colon, the token."""
        return self._marked(self._fernets().encrypt(text.encode()))

    def decrypted(self, kept: bytes) -> str:
        """What was encrypted. UnreadableSecretError where it was with none of these keys."""
        return self._found(kept).decode()

    def renewed(self, kept: bytes) -> bytes:
        """The same secret under the newest key; what is so already stays as it is. UnreadableSecretError."""
        key_id, _, token = kept.partition(b":")
        if key_id.decode(errors="replace") == self.newest:
            return kept
        self._found(kept)
        return self._marked(self._fernets().rotate(token))

    def _found(self, kept: bytes) -> bytes:
        from cryptography.fernet import InvalidToken

        key_id, _, token = kept.partition(b":")
        if key_id.decode(errors="replace") not in self.keys:
            raise UnreadableSecretError
        try:
            return self._fernets().decrypt(token)
        except (InvalidToken, ValueError):
            raise UnreadableSecretError from None

    def _marked(self, token: bytes) -> bytes:
        return f"{self.newest}:".encode() + token

    def _fernets(self) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(key) for key in self.keys.values()])


def keyring(home: Path) -> Keyring:
    """The keys of the installation in `home`, made where it has none; read from its file each time."""
    return _keyring(ensure_secrets(home))


def add_key(home: Path) -> Keyring:
    """Make a new key that encrypts from now on, in every process; those there are go on decrypting."""
    ensure_secrets(home)
    with _locked(home):
        entries = read_secrets(home)
        old = ",".join(_keyring(entries).keys.values())
        made = entries | {ENCRYPTION_KEY: make_key(), OLD_ENCRYPTION_KEYS: old}
        _write(home / FILE_NAME, made)
    return _keyring(made)


def encrypted(text: str, *, home: Path) -> bytes:
    """`text` as the database may keep it: the key's id, a colon, the token."""
    return keyring(home).encrypted(text)


def decrypted(kept: bytes, *, home: Path) -> str:
    """What was encrypted. NotReadyError where this installation has not the key."""
    entries = read_secrets(home)
    try:
        return _keyring(entries).decrypted(kept) if entries.get(ENCRYPTION_KEY) else _refuse()
    except (UnreadableSecretError, ValueError):
        raise NotReadyError(
            f"A stored secret was encrypted with another key than those in {home / FILE_NAME}. "
            "Put back the file that belongs to this database, or set the secret again."
        ) from None


def decrypts(kept: bytes, *, home: Path) -> bool:
    """Whether this installation has the key of what was encrypted."""
    try:
        decrypted(kept, home=home)
    except NotReadyError:
        return False
    return True


def _refuse() -> str:
    raise UnreadableSecretError


def _keyring(entries: Mapping[str, str]) -> Keyring:
    keys = [entries[ENCRYPTION_KEY], *entries.get(OLD_ENCRYPTION_KEYS, "").split(",")]
    return Keyring({_key_id(key): key for key in keys if key})


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
    make_home(home)
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
