"""Owns API keys: made, listed, replaced, revoked, and who calls with one.

A key is 256 random bits; its SHA-256 is kept and found by. Never: keeps, logs or shows a key after it was made.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, Fault, InvalidValueError, NotFoundError, UnknownCallerError
from pipeline.core.normal import display_text
from pipeline.core.roles import Role, Scope, lesser
from pipeline.models import ApiKey, User
from pipeline.models.base import table_of
from pipeline.services import site_access
from pipeline.services.callers import Caller

MAX_NAME_CHARACTERS: Final = 100
MAX_EXPIRES_DAYS: Final = 3_650
#: Of one account, those that are refused by now not counted.
MOST_KEYS: Final = 500
#: How every key begins, so that a lost one is recognised wherever it turns up.
BEGINNING: Final = "igny8_"
_RANDOM_BYTES: Final = 32
_SHOWN_CHARACTERS: Final = len(BEGINNING) + 6
_TOUCH_AFTER: Final = timedelta(minutes=1)

_KEYS: Final = table_of(ApiKey)
_USERS: Final = table_of(User)
_CALLER: Final = (
    select(
        _KEYS.c.id,
        _KEYS.c.account_id,
        _KEYS.c.user_id,
        _KEYS.c.name,
        _KEYS.c.prefix,
        _KEYS.c.role,
        _KEYS.c.is_platform_admin,
        _KEYS.c.is_narrowed,
        _KEYS.c.scopes,
        _KEYS.c.expires_at,
        _KEYS.c.last_used_at,
        _KEYS.c.revoked_at,
        _USERS.c.disabled_at,
        _USERS.c.role.label("user_role"),
        _USERS.c.is_platform_admin.label("user_is_admin"),
        _USERS.c.is_narrowed.label("user_is_narrowed"),
    )
    .outerjoin_from(_KEYS, _USERS, _USERS.c.id == _KEYS.c.user_id)
    .where(_KEYS.c.key_hash == bindparam("hash"))
)


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
    site_ids: Collection[int] | None = None,
    user_id: int | None = None,
) -> MadeKey:
    """Make a key of the account, or of one of its users, narrowed down to `site_ids` where they are given.

    InvalidValueError names every fault of its name and its life; NotFoundError for a site that is not there.
    """
    name = display_text(name)
    _refuse(name, expires_days)
    _refuse_one_more(session, account_id)
    key = BEGINNING + secrets.token_urlsafe(_RANDOM_BYTES)
    row = ApiKey(
        account_id=account_id,
        user_id=user_id,
        name=name,
        prefix=key[:_SHOWN_CHARACTERS],
        key_hash=hash_of(key),
        role=(Role.OWNER if role is Role.PLATFORM_ADMIN else role).value,
        is_platform_admin=role is Role.PLATFORM_ADMIN,
        scopes=sorted({scope.value for scope in scopes}),
        expires_at=None if expires_days is None else now + timedelta(days=expires_days),
        created_at=now,
    )
    session.add(row)
    session.flush()
    if site_ids is not None:
        site_access.narrow(session, row, site_ids)
    return MadeKey(row, key)


def role_of(row: ApiKey) -> Role:
    """What the key may, whoever's it is."""
    return Role.PLATFORM_ADMIN if row.is_platform_admin else Role(row.role)


def rotate(session: Session, row: ApiKey, *, now: datetime, overlap: timedelta = timedelta(0)) -> MadeKey:
    """Make another key like it; the old one is refused from now on, or after `overlap`.

    ConflictError where the old one is refused already.
    """
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        raise ConflictError(f"Key {row.id} is refused already. Make a new one instead.")
    made = make_key(
        session,
        account_id=row.account_id,
        role=role_of(row),
        name=row.name,
        scopes=[Scope(scope) for scope in row.scopes],
        site_ids=site_access.sites_of(session, row),
        user_id=row.user_id,
        now=now,
    )
    made.row.expires_at = row.expires_at
    if overlap:
        row.expires_at = min(row.expires_at or now + overlap, now + overlap)
    else:
        row.revoked_at = now
    session.flush()
    return made


def list_keys(session: Session, *, account_id: int) -> Sequence[ApiKey]:
    """Every key of the account, those that are refused too, the oldest first."""
    return session.scalars(select(ApiKey).where(ApiKey.account_id == account_id).order_by(ApiKey.id)).all()


def get_key(session: Session, *, account_id: int, key_id: int) -> ApiKey:
    """The account's key of that id, locked; NotFoundError."""
    row = session.scalar(select(ApiKey).where(ApiKey.account_id == account_id, ApiKey.id == key_id).with_for_update())
    if row is None:
        raise NotFoundError(f"There is no API key {key_id} in this account. `igny8 api-keys list` shows them.")
    return row


def revoke(session: Session, *, account_id: int, key_id: int, now: datetime) -> ApiKey:
    """Refuse the account's key from now on; once more changes nothing. NotFoundError."""
    row = get_key(session, account_id=account_id, key_id=key_id)
    row.revoked_at = row.revoked_at or now
    session.flush()
    return row


def caller_of(session: Session, key: str, *, now: datetime) -> Caller:
    """Who calls with this key. UnknownCallerError where there is none such, or it is refused by now."""
    row = session.connection().execute(_CALLER, {"hash": hash_of(key)}).one_or_none()
    if row is None or _is_refused(row, now):
        raise UnknownCallerError
    return Caller(
        account_id=row.account_id,
        actor=f"key {row.name} ({row.prefix})" if row.name else f"key {row.prefix}",
        role=_role(row),
        scopes=tuple(row.scopes),
        site_ids=_site_ids(session, row),
        is_unmarked=row.last_used_at is None or now - row.last_used_at >= _TOUCH_AFTER,
        key_id=row.id,
        user_id=row.user_id,
        expires_at=row.expires_at,
    )


def mark_used(session: Session, key_id: int, *, now: datetime) -> None:
    """Write down that the key was used: at most once a minute."""
    is_old = or_(_KEYS.c.last_used_at.is_(None), _KEYS.c.last_used_at <= now - _TOUCH_AFTER)
    session.connection().execute(update(_KEYS).where(_KEYS.c.id == key_id, is_old).values(last_used_at=now))


def hash_of(key: str) -> str:
    """What is kept of a key. Plain SHA-256: nobody guesses 256 random bits, however fast."""
    return sha256(key.encode()).hexdigest()


def _is_refused(row: Any, now: datetime) -> bool:
    is_over = row.expires_at is not None and row.expires_at <= now
    return is_over or row.revoked_at is not None or row.disabled_at is not None


def _role(row: Any) -> Role:
    """The key's; where it is somebody's, no more than they may by now."""
    role = Role.PLATFORM_ADMIN if row.is_platform_admin else Role(row.role)
    if row.user_id is None:
        return role
    return lesser(role, Role.PLATFORM_ADMIN if row.user_is_admin else Role(row.user_role))


def _site_ids(session: Session, row: Any) -> frozenset[int] | None:
    """The sites that the key reaches; where it is somebody's, none that they do not."""
    own = site_access.sites_of_key(session, row.id) if row.is_narrowed else None
    theirs = site_access.sites_of_user(session, row.user_id) if row.user_is_narrowed else None
    if own is None or theirs is None:
        return own if theirs is None else theirs
    return own & theirs


def _refuse_one_more(session: Session, account_id: int) -> None:
    live = select(func.count()).where(_KEYS.c.account_id == account_id, _KEYS.c.revoked_at.is_(None))
    if (session.scalar(live) or 0) >= MOST_KEYS:
        told = f"an account has at most {MOST_KEYS} keys. Revoke one that nobody uses, then make another."
        raise InvalidValueError([Fault("name", told)])


def _refuse(name: str, expires_days: int | None) -> None:
    faults = []
    if len(name) > MAX_NAME_CHARACTERS:
        faults.append(Fault("name", f"a key's name has at most {MAX_NAME_CHARACTERS} characters. Choose another name."))
    if expires_days is not None and not 1 <= expires_days <= MAX_EXPIRES_DAYS:
        allowed = f"Use a whole number from 1 to {MAX_EXPIRES_DAYS:,}, or leave it out for a key that stays."
        faults.append(Fault("expires_days", f"{expires_days} is not allowed. {allowed}"))
    if faults:
        raise InvalidValueError(faults)
