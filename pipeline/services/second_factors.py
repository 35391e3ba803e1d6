"""Owns the second factor of a log-in: an app that shows one-time codes, and recovery codes for when it is gone.

A code opens once, whoever has seen it. Never: decrypts a secret; keeps, logs or shows a code.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError
from pipeline.core.one_time_codes import make_recovery_codes, recovery_hash
from pipeline.models import RecoveryCode, SecondFactor, User
from pipeline.models.base import table_of

_FACTORS = table_of(SecondFactor)
_CODES = table_of(RecoveryCode)


@dataclass(frozen=True)
class State:
    """Whether codes are asked of somebody."""

    #: None: none are.
    since: datetime | None
    recovery_codes_left: int


@dataclass(frozen=True)
class Proof:
    """What somebody sent besides their password, compared with the secret already."""

    #: The secret that it was compared with, as it is kept.
    secret: bytes
    #: The step that the code is of; None: it is no one-time code of now.
    step: int | None
    #: What they sent, in case it is a recovery code.
    code: str


def state_of(session: Session, user_id: int) -> State:
    """Whether codes are asked of the user, and how many recovery codes they have."""
    since = session.scalar(select(SecondFactor.confirmed_at).where(SecondFactor.user_id == user_id))
    unused = (RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return State(since, session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0)


def who_are_asked(session: Session, user_ids: Collection[int]) -> frozenset[int]:
    """Those of the users who are asked for a code when they log in."""
    on = (SecondFactor.user_id.in_(user_ids), SecondFactor.confirmed_at.is_not(None))
    return frozenset(session.scalars(select(SecondFactor.user_id).where(*on)))


def begin(session: Session, user: User, secret: bytes, *, now: datetime) -> None:
    """Keep the encrypted secret of an app; nothing is asked until a code confirms it. ConflictError where it is on."""
    _lock(session, user)
    there = session.scalar(select(SecondFactor).where(SecondFactor.user_id == user.id))
    if there is not None and there.confirmed_at is not None:
        raise ConflictError("One-time codes are on already. Turn them off first, then set up another app.")
    if there is None:
        there = SecondFactor(account_id=user.account_id, user_id=user.id, created_at=now)
        session.add(there)
    there.secret, there.last_step = secret, 0
    session.flush()


def pending_secret(session: Session, user_id: int) -> bytes:
    """The encrypted secret that waits for its first code. ConflictError where none does."""
    waits = (SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_(None))
    secret = session.scalar(select(SecondFactor.secret).where(*waits))
    if secret is None:
        raise ConflictError("No app waits for its first code. Begin with setting one up.")
    return secret


def secret_of(session: Session, user_id: int) -> bytes:
    """The encrypted secret of who is asked for codes. ConflictError where they are not."""
    on = (SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_not(None))
    secret = session.scalar(select(SecondFactor.secret).where(*on))
    if secret is None:
        raise ConflictError("One-time codes are off.")
    return secret


def confirm(session: Session, user: User, *, secret: bytes, step: int, now: datetime) -> Sequence[str]:
    """From now on ask for codes: the app has shown one. The recovery codes, this once. ConflictError."""
    waits = (_FACTORS.c.user_id == user.id, _FACTORS.c.confirmed_at.is_(None), _FACTORS.c.secret == secret)
    if not _changed(session, update(_FACTORS).where(*waits).values(confirmed_at=now, last_step=step)):
        raise ConflictError("Another app was set up meanwhile. Begin again.")
    return renew_codes(session, user, now=now)


def is_taken(session: Session, user_id: int, proof: Proof, *, now: datetime) -> bool:
    """Whether the proof opens: once, and never a code from before the last. Of two at once, one does."""
    if proof.step is None:
        unused = (_CODES.c.user_id == user_id, _CODES.c.used_at.is_(None))
        spent = update(_CODES).where(*unused, _CODES.c.code_hash == recovery_hash(proof.code)).values(used_at=now)
        return _changed(session, spent)
    own = (_FACTORS.c.user_id == user_id, _FACTORS.c.secret == proof.secret, _FACTORS.c.last_step < proof.step)
    return _changed(session, update(_FACTORS).where(*own).values(last_step=proof.step))


def renew_codes(session: Session, user: User, *, now: datetime) -> Sequence[str]:
    """Make other recovery codes; those before open nothing any more."""
    session.execute(delete(_CODES).where(_CODES.c.user_id == user.id))
    codes = make_recovery_codes()
    session.add_all(
        RecoveryCode(account_id=user.account_id, user_id=user.id, code_hash=recovery_hash(code), created_at=now)
        for code in codes
    )
    session.flush()
    return codes


def turn_off(session: Session, user_id: int) -> bool:
    """Ask for codes no more; whether they were asked for, or an app waited for its first."""
    session.execute(delete(_CODES).where(_CODES.c.user_id == user_id))
    return _changed(session, delete(_FACTORS).where(_FACTORS.c.user_id == user_id))


def _lock(session: Session, user: User) -> None:
    session.execute(select(User.id).where(User.id == user.id).with_for_update())


def _changed(session: Session, statement: Any) -> bool:
    return cast("CursorResult[Any]", session.execute(statement)).rowcount > 0
