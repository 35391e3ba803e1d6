"""Owns the people of an account: adding, finding, letting in or not, and their passwords.

Never: hashes a password (that takes its time before the transaction); shows or logs one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from pipeline.core.errors import ConflictError, Fault, InvalidValueError, NotFoundError
from pipeline.core.normal import display_text, is_storable
from pipeline.core.roles import Role, includes
from pipeline.models import SecondFactor, User
from pipeline.services import log_in_attempts, log_ins, plans, site_access

MAX_NAME_CHARACTERS: Final = 100
MAX_EMAIL_CHARACTERS: Final = 254
#: Of one account, whether they are let in or not.
MOST_USERS: Final = 1_000
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]+")
#: Ids are 64 bits.
_ID_DIGITS: Final = 18


@dataclass(frozen=True)
class Known:
    """What a log-in has to compare, read before the password is hashed."""

    user_id: int
    password_hash: str | None
    is_disabled: bool
    #: The secret of their app, encrypted; None: no code is asked for.
    factor: bytes | None = field(repr=False)


def add(
    session: Session,
    *,
    account_id: int,
    email: str,
    role: Role,
    now: datetime,
    name: str = "",
    password_hash: str | None = None,
    site_ids: Collection[int] | None = None,
) -> User:
    """Add a person, narrowed down to `site_ids` where they are given. InvalidValueError names every fault.

    ConflictError where the account's plan has no room for another one.
    """
    email = email_of(email)
    name = display_text(name) or email.partition("@")[0]
    _refuse(session, account_id, email, name)
    plans.require_room(session, account_id, "most_people")
    user = User(
        account_id=account_id,
        email=email,
        name=name,
        role=(Role.OWNER if role is Role.PLATFORM_ADMIN else role).value,
        is_platform_admin=role is Role.PLATFORM_ADMIN,
        password_hash=password_hash,
        created_at=now,
    )
    session.add(user)
    session.flush()
    if site_ids is not None:
        site_access.narrow(session, user, site_ids)
    return user


def list_users(session: Session, *, account_id: int) -> Sequence[User]:
    """Everybody of the account, the oldest first."""
    return session.scalars(select(User).where(User.account_id == account_id).order_by(User.id)).all()


def get_user(session: Session, *, account_id: int, user_id: int) -> User:
    """The account's user of that id; NotFoundError."""
    user = session.scalar(select(User).where(User.account_id == account_id, User.id == user_id))
    if user is None:
        raise NotFoundError(f"There is no user {user_id} in this account. `igny8 users list` shows them.")
    return user


def find_user(session: Session, *, account_id: int, email_or_id: str) -> User:
    """The account's user of that e-mail address, or of that id; NotFoundError."""
    own = select(User).where(User.account_id == account_id)
    user = session.scalar(own.where(User.email == email_of(email_or_id)))
    if user is None and email_or_id.isascii() and email_or_id.isdecimal() and len(email_or_id) <= _ID_DIGITS:
        user = session.scalar(own.where(User.id == int(email_or_id)))
    if user is None:
        raise NotFoundError(f"There is no user {email_or_id!r} in this account. `igny8 users list` shows them.")
    return user


def known(session: Session, email: str) -> Known | None:
    """What there is to compare for whoever says that this is their address; None: nobody has it."""
    if not is_storable(email):
        return None
    columns = (User.id, User.password_hash, User.disabled_at, SecondFactor.secret)
    has_app = and_(SecondFactor.user_id == User.id, SecondFactor.confirmed_at.is_not(None))
    query = select(*columns).outerjoin(SecondFactor, has_app).where(User.email == email_of(email))
    row = session.execute(query).one_or_none()
    return None if row is None else Known(row.id, row.password_hash, row.disabled_at is not None, row.secret)


def role_of(user: User) -> Role:
    """What they may."""
    return Role.PLATFORM_ADMIN if user.is_platform_admin else Role(user.role)


def disable(session: Session, user: User, *, now: datetime) -> None:
    """Let them in no more: their log-ins end, their keys are refused. ConflictError for the account's last owner."""
    if user.disabled_at is not None:
        return
    _require_another_owner(session, user)
    user.disabled_at = now
    session.flush()
    log_ins.end_all(session, user.id)


def enable(session: Session, user: User) -> None:
    """Let them in again. ConflictError where the account's plan has no room for another one."""
    if user.disabled_at is None:
        return
    plans.require_room(session, user.account_id, "most_people")
    user.disabled_at = None
    session.flush()


def set_role(session: Session, user: User, role: Role) -> None:
    """Let them do what the role may, from their next request on. ConflictError for the account's last owner."""
    if not includes(role, Role.OWNER):
        _require_another_owner(session, user)
    user.role = (Role.OWNER if role is Role.PLATFORM_ADMIN else role).value
    user.is_platform_admin = role is Role.PLATFORM_ADMIN
    session.flush()


def set_sites(session: Session, user: User, site_ids: Collection[int] | None) -> None:
    """Narrow them down to some sites, or widen again (None). ConflictError for the account's last owner."""
    if site_ids is not None:
        _require_another_owner(session, user)
    site_access.narrow(session, user, site_ids)


def set_password(session: Session, user: User, password_hash: str, *, keep_log_in: int | None = None) -> int:
    """Give them another password; every log-in of theirs ends, but `keep_log_in`. How many ended."""
    user.password_hash = password_hash
    session.flush()
    log_in_attempts.forget(session, user.email)
    return log_ins.end_all(session, user.id, but=keep_log_in)


def without_password(session: Session, email: str) -> User | None:
    """Whoever has that address and never had a password, locked; None: nobody."""
    return session.scalar(select(User).where(User.email == email, User.password_hash.is_(None)).with_for_update())


def email_of(text: str) -> str:
    """An address as it is kept and compared: no white space around it, one case."""
    return text.strip().casefold()


def _require_another_owner(session: Session, user: User) -> None:
    """Somebody has to be able to look after the account. ConflictError where nobody else is."""
    if user.role != Role.OWNER or user.disabled_at is not None or user.is_narrowed:
        return
    # Locked in one order, so that of two owners who leave at once, one stays.
    query = select(User.id).where(
        User.account_id == user.account_id,
        User.role == Role.OWNER.value,
        User.disabled_at.is_(None),
        User.is_narrowed.is_(False),
    )
    if session.scalars(query.order_by(User.id).with_for_update()).all() == [user.id]:
        told = f"{user.email} is the only owner of this account. Add another one first (`igny8 users add`)."
        raise ConflictError(told)


def _refuse(session: Session, account_id: int, email: str, name: str) -> None:
    faults = []
    if (session.scalar(select(func.count()).where(User.account_id == account_id)) or 0) >= MOST_USERS:
        faults.append(Fault("email", f"an account has at most {MOST_USERS:,} people. Nobody can be added."))
    if len(email) > MAX_EMAIL_CHARACTERS or not _EMAIL.fullmatch(email) or not email.isprintable():
        told = f"this is no e-mail address. Use one like ann@example.com, at most {MAX_EMAIL_CHARACTERS} characters."
        faults.append(Fault("email", told))
    elif session.scalar(select(User.id).where(User.email == email)) is not None:
        # Of the whole installation: an address belongs to one account, since it is what people log in by.
        faults.append(Fault("email", "somebody has this address already. Use another one."))
    if len(name) > MAX_NAME_CHARACTERS:
        faults.append(Fault("name", f"a name has at most {MAX_NAME_CHARACTERS} characters. Use a shorter one."))
    if faults:
        raise InvalidValueError(faults)
