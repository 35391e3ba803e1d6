"""Owns passwords: which are allowed, how one is kept (argon2id), whether one is right.

Hashing takes some fifty milliseconds on purpose, so it is done before a transaction, never in one.
Never: keeps, logs or repeats a password.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.normal_forms import normal_form

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_CHARACTERS: Final = 12
MAX_CHARACTERS: Final = 200
_RANDOM_BYTES: Final = 15
#: Hashes that are computed at once: each takes 19 MiB, and requests that log in may come by the hundred.
_AT_ONCE: Final = threading.BoundedSemaphore(2)


def make() -> str:
    """A password of 120 random bits, 20 characters that need no quoting."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def refuse(password: str, *, field: str = "password") -> None:
    """InvalidValueError where it is too short, too long, or one character over and over."""
    told = ""
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        told = f"a password has {MIN_CHARACTERS} to {MAX_CHARACTERS} characters; this one has {len(password)}."
    elif len(set(password)) == 1:
        told = "a password that repeats one character is guessed at once. Choose another."
    elif not _is_text(password):
        told = "a password is text. Choose another."
    if told:
        raise InvalidValueError([Fault(field, told)])


def hashed(password: str) -> str:
    """What is kept of a password: its argon2id hash, salt and parameters in front."""
    with _AT_ONCE:
        return _hasher().hash(_plain(password))


def is_right(kept: str | None, password: str) -> bool:
    """Whether it is the password. Where none is kept, the answer takes as long as any other."""
    from argon2.exceptions import InvalidHashError, VerificationError

    with _AT_ONCE:
        try:
            return _hasher().verify(kept or _nobodys(), _plain(password)) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def is_weak(kept: str) -> bool:
    """Whether it was hashed with less than is asked for today."""
    return _hasher().check_needs_rehash(kept)


def _plain(password: str) -> bytes:
    """The same bytes, whichever way a keyboard composes an accent."""
    return normal_form("NFC", password).encode("utf-8", "surrogatepass")


def _is_text(password: str) -> bool:
    return not any(unicodedata.category(each) in {"Cs", "Cc"} for each in password)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    # The least that OWASP asks of argon2id.
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@cache
def _nobodys() -> str:
    return _hasher().hash(make())
