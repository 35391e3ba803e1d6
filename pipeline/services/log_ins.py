"""Owns log-ins: opened for a person whose password was right, found by their token, ended.

A token is 256 random bits in a cookie; its SHA-256 is kept and found by. What a page sends beside the cookie against
forged requests is made of the token, so that it belongs to this log-in alone. Never: keeps, logs or shows a token.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import UnknownCallerError
from pipeline.core.roles import Role
from pipeline.models import LogIn, User
from pipeline.models.base import table_of
from pipeline.services import site_access
from pipeline.services.callers import Caller

#: A log-in is over after this, however much it was used.
LIFE: Final = timedelta(days=14)
#: ... and when it was not used for this.
IDLE: Final = timedelta(hours=24)
_RANDOM_BYTES: Final = 32
_TOUCH_AFTER: Final = timedelta(minutes=1)

_LOG_INS: Final = table_of(LogIn)
_USERS: Final = table_of(User)
_CALLER: Final = (
    select(
        _LOG_INS.c.id,
        _LOG_INS.c.account_id,
        _LOG_INS.c.user_id,
        _LOG_INS.c.last_seen_at,
        _LOG_INS.c.expires_at,
        _USERS.c.role,
        _USERS.c.is_platform_admin,
        _USERS.c.is_narrowed,
        _USERS.c.disabled_at,
    )
    .join_from(_LOG_INS, _USERS, _USERS.c.id == _LOG_INS.c.user_id)
    .where(_LOG_INS.c.token_hash == bindparam("hash"))
)


@dataclass(frozen=True)
class Opened:
    """A log-in that was opened, and its token, for the cookie alone."""

    row: LogIn
    token: str = field(repr=False)


def begin(session: Session, user: User, *, now: datetime) -> Opened:
    """Open a log-in of the user."""
    token = secrets.token_urlsafe(_RANDOM_BYTES)
    row = LogIn(
        account_id=user.account_id,
        user_id=user.id,
        token_hash=_hash_of(token),
        last_seen_at=now,
        expires_at=now + LIFE,
        created_at=now,
    )
    session.add(row)
    user.last_log_in_at = now
    session.flush()
    return Opened(row, token)


def caller_of(session: Session, token: str, *, now: datetime) -> Caller:
    """Who calls with this token. UnknownCallerError where there is none such, or it is over by now."""
    row = session.connection().execute(_CALLER, {"hash": _hash_of(token)}).one_or_none()
    if row is None or _is_over(row, now):
        raise UnknownCallerError
    return Caller(
        account_id=row.account_id,
        actor=f"user {row.user_id}",
        role=Role.PLATFORM_ADMIN if row.is_platform_admin else Role(row.role),
        scopes=(),
        site_ids=site_access.sites_of_user(session, row.user_id) if row.is_narrowed else None,
        is_unmarked=now - row.last_seen_at >= _TOUCH_AFTER,
        log_in_id=row.id,
        user_id=row.user_id,
        csrf_token=forgery_token(token),
    )


def mark_seen(session: Session, log_in_id: int, *, now: datetime) -> None:
    """Write down that the log-in was used: at most once a minute."""
    is_old = _LOG_INS.c.last_seen_at <= now - _TOUCH_AFTER
    session.connection().execute(update(_LOG_INS).where(_LOG_INS.c.id == log_in_id, is_old).values(last_seen_at=now))


def end(session: Session, log_in_id: int) -> None:
    """End one log-in."""
    session.connection().execute(delete(_LOG_INS).where(_LOG_INS.c.id == log_in_id))


def end_all(session: Session, user_id: int, *, but: int | None = None) -> int:
    """End every log-in of the user, `but` one; how many those were."""
    ended = delete(_LOG_INS).where(_LOG_INS.c.user_id == user_id)
    if but is not None:
        ended = ended.where(_LOG_INS.c.id != but)
    return session.connection().execute(ended).rowcount


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete those that are over."""
    old = (_LOG_INS.c.expires_at <= now) | (_LOG_INS.c.last_seen_at <= now - IDLE)
    session.connection().execute(delete(_LOG_INS).where(old))


def forgery_token(token: str) -> str:
    """What a page of this log-in sends beside the cookie: nobody else can make it, and it opens nothing alone."""
    return sha256(b"csrf:" + token.encode()).hexdigest()


def is_forgery_token(token: str, sent: str) -> bool:
    """Whether that was sent by somebody who knows this log-in."""
    return compare_digest(forgery_token(token).encode(), sent.encode())


def _is_over(row: Any, now: datetime) -> bool:
    return row.disabled_at is not None or row.expires_at <= now or row.last_seen_at <= now - IDLE


def _hash_of(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()
