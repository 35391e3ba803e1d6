"""Owns API keys: made, listed, revoked, and who calls with one.

A key is 256 random bits; its SHA-256 is kept and found by. Never: keeps, logs or shows a key after it was made.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import Fault, InvalidValueError, NotFoundError, UnknownCallerError
from pipeline.core.normal import display_text
from pipeline.core.roles import Role, Scope
from pipeline.models import ApiKey
from pipeline.models.base import table_of

MAX_NAME_CHARACTERS: Final = 100
MAX_EXPIRES_DAYS: Final = 3_650
#: How every key begins, so that a lost one is recognised wherever it turns up.
BEGINNING: Final = "igny8_"
_RANDOM_BYTES: Final = 32
_SHOWN_CHARACTERS: Final = len(BEGINNING) + 6
_TOUCH_AFTER: Final = timedelta(minutes=1)

_KEYS: Final = table_of(ApiKey)
_CALLER: Final = select(
    _KEYS.c.id,
    _KEYS.c.account_id,
    _KEYS.c.user_id,
    _KEYS.c.name,
    _KEYS.c.prefix,
    _KEYS.c.role,
    _KEYS.c.scopes,
    _KEYS.c.expires_at,
    _KEYS.c.last_used_at,
    _KEYS.c.revoked_at,
).where(_KEYS.c.key_hash == bindparam("hash"))


@dataclass(frozen=True)
class Caller:
    """Who calls: an account's key, and what it may."""

    key_id: int
    account_id: int
    #: Who it is in the audit trail.
    actor: str
    role: Role
    #: Empty: every part of the API.
    scopes: tuple[str, ...]
    #: Whether its use is to be written down again.
    is_unmarked: bool
    #: Whose key it is; None: the account's own.
    user_id: int | None = None


@dataclass(frozen=True)
class MadeKey:
    """A new key: its row, and the key itself, to be shown once."""

    row: ApiKey
    key: str = field(repr=False)


def make_key(
    session: Session,
    *,
    account_id: int,
    role: Role,
    now: datetime,
    name: str = "",
    expires_days: int | None = None,
    scopes: Sequence[Scope] = (),
) -> MadeKey:
    """Make a key of the account. InvalidValueError names every fault of its name and its life."""
    name = display_text(name)
    _refuse(name, expires_days)
    key = BEGINNING + secrets.token_urlsafe(_RANDOM_BYTES)
    row = ApiKey(
        account_id=account_id,
        name=name,
        prefix=key[:_SHOWN_CHARACTERS],
        key_hash=hash_of(key),
        role=role.value,
        scopes=sorted({scope.value for scope in scopes}),
        expires_at=None if expires_days is None else now + timedelta(days=expires_days),
        created_at=now,
    )
    session.add(row)
    session.flush()
    return MadeKey(row, key)


def list_keys(session: Session, *, account_id: int) -> Sequence[ApiKey]:
    """Every key of the account, those that are refused too, the oldest first."""
    return session.scalars(select(ApiKey).where(ApiKey.account_id == account_id).order_by(ApiKey.id)).all()


def revoke(session: Session, *, account_id: int, key_id: int, now: datetime) -> ApiKey:
    """Refuse the account's key from now on; once more changes nothing. NotFoundError."""
    row = session.scalar(select(ApiKey).where(ApiKey.account_id == account_id, ApiKey.id == key_id).with_for_update())
    if row is None:
        raise NotFoundError(f"There is no API key {key_id} in this account. `igny8 api-keys list` shows them.")
    row.revoked_at = row.revoked_at or now
    session.flush()
    return row


def caller_of(session: Session, key: str, *, now: datetime) -> Caller:
    """Who calls with this key. UnknownCallerError where there is none such, or it is refused by now."""
    row = session.connection().execute(_CALLER, {"hash": hash_of(key)}).one_or_none()
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        raise UnknownCallerError
    return Caller(
        key_id=row.id,
        account_id=row.account_id,
        actor=f"key {row.name} ({row.prefix})" if row.name else f"key {row.prefix}",
        role=Role(row.role),
        scopes=tuple(row.scopes),
        is_unmarked=row.last_used_at is None or now - row.last_used_at >= _TOUCH_AFTER,
        user_id=row.user_id,
    )


def mark_used(session: Session, key_id: int, *, now: datetime) -> None:
    """Write down that the key was used: at most once a minute."""
    is_old = or_(_KEYS.c.last_used_at.is_(None), _KEYS.c.last_used_at <= now - _TOUCH_AFTER)
    session.connection().execute(update(_KEYS).where(_KEYS.c.id == key_id, is_old).values(last_used_at=now))


def hash_of(key: str) -> str:
    """What is kept of a key. Plain SHA-256: nobody guesses 256 random bits, however fast."""
    return sha256(key.encode()).hexdigest()


def _refuse(name: str, expires_days: int | None) -> None:
    faults = []
    if len(name) > MAX_NAME_CHARACTERS:
        faults.append(Fault("name", f"a key's name has at most {MAX_NAME_CHARACTERS} characters. Choose another name."))
    if expires_days is not None and not 1 <= expires_days <= MAX_EXPIRES_DAYS:
        allowed = f"Use a whole number from 1 to {MAX_EXPIRES_DAYS:,}, or leave it out for a key that stays."
        faults.append(Fault("expires_days", f"{expires_days} is not allowed. {allowed}"))
    if faults:
        raise InvalidValueError(faults)
