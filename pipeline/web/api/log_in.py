"""Owns `/login`, `/logout` and `/me`: how people are let in, who somebody is, and their own password.

A password is compared and hashed between two transactions, never in one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from pipeline.config import config
from pipeline.core.errors import CodeWantedError, Fault, ForbiddenError, InvalidValueError, UnknownCallerError
from pipeline.core.one_time_codes import MAX_CHARACTERS, step_of
from pipeline.core.roles import Role, Scope
from pipeline.db.session import Database
from pipeline.models import Account, User
from pipeline.secrets import decrypted
from pipeline.services import audit, log_in_attempts, log_ins, passwords, second_factors, users
from pipeline.services.second_factors import Proof
from pipeline.services.users import Known
from pipeline.web import cookies
from pipeline.web.answers import problems
from pipeline.web.operations import Backend, Steps, Unit, reads, writes, writes_in_steps
from pipeline.web.rates import Rates
from pipeline.web.strangers import address_of

router = APIRouter(tags=[Scope.ACCESS.value])
_WRONG: Final = "This e-mail address and this password do not belong together, or nobody is let in by them. Try again."
#: It would log people in as somebody whom its maker knows, and who reads what they enter then.
_FOREIGN: Final = "This log-in was sent by a page of another address. Log in on this installation's own page."
_WRONG_CODE: Final = (
    "This code is wrong, or was used already. Wait for the next one that your app shows, or take a recovery code."
)
_CREDENTIALS: Final[dict[str, Any]] = {"email": "owner@localhost", "password": "correct horse battery"}
_ME: Final[dict[str, Any]] = {
    "account_id": 1,
    "account": "default",
    "user_id": 1,
    "name": "Owner",
    "email": "owner@localhost",
    "key_id": None,
    "role": "platform_admin",
    "scopes": [],
    "site_ids": None,
    "csrf_token": "0d0a2f1c6c3a4a0c8c2f6f3b8a3d0d1e0d0a2f1c6c3a4a0c8c2f6f3b8a3d0d1e",
}

Password = Annotated[str, Field(max_length=passwords.MAX_CHARACTERS, json_schema_extra={"writeOnly": True})]


class Credentials(BaseModel):
    """What people log in with."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, json_schema_extra={"examples": [_CREDENTIALS]})

    email: Annotated[str, Field(max_length=users.MAX_EMAIL_CHARACTERS)]
    password: Password
    code: Annotated[
        str | None,
        Field(
            max_length=MAX_CHARACTERS,
            description="Of who has one-time codes: the one that their app shows, or a recovery code.",
        ),
    ] = None


class PasswordChange(BaseModel):
    """One's own password, and the one that follows it."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"old_password": "correct horse battery", "new_password": "staple of desks"}]},
    )

    old_password: Password
    new_password: Password


class Me(BaseModel):
    """Who somebody is, and what they may."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ME]})

    account_id: int
    account: str
    #: None: the key is the account's own.
    user_id: int | None
    name: str | None
    email: str | None
    #: None: somebody logged in.
    key_id: int | None
    role: Role
    #: Parts of the API; empty: every one.
    scopes: list[str]
    #: Sites that are there for them; None: every one of the account.
    site_ids: list[int] | None
    #: What a page sends as `X-CSRF-Token` with every change; None: a key needs none.
    csrf_token: str | None


@router.post("/login", operation_id="log_in", response_model=Me, responses=problems(401, 413, 422, 429))
def log_in(request: Request, response: Response, given: Credentials) -> Me:
    """Log in: the answer sets a cookie, and has the token that changes need besides."""
    backend: Backend = request.app.state.backend
    rates: Rates = request.app.state.rates
    rates.count_log_in(address_of(request))
    if not cookies.is_from_here(request):
        raise UnknownCallerError(_FOREIGN)
    database = backend.database()
    with database.transaction() as session:
        log_in_attempts.spend(session, users.email_of(given.email), now=database.now())
        known = users.known(session, given.email)
    is_right = passwords.is_right(None if known is None else known.password_hash, given.password)
    if known is None or not is_right:
        _note_failure(backend, known, email=users.email_of(given.email))
        raise UnknownCallerError(_WRONG)
    stronger = passwords.hashed(given.password) if passwords.is_weak(known.password_hash or "") else None
    proof = None if known.factor is None else _proof(database, known.factor, given.code)
    with database.transaction() as session:
        now = database.now()
        user = session.get_one(User, known.user_id, with_for_update=True)
        if known.is_disabled or users.known(session, user.email) != known:
            raise UnknownCallerError(_WRONG)
        is_taken = proof is None or second_factors.is_taken(session, user.id, proof, now=now)
        me, token = _opened(session, backend, user, password_hash=stronger, now=now) if is_taken else (None, "")
    if me is None:
        _note_failure(backend, known, email=users.email_of(given.email))
        raise CodeWantedError(_WRONG_CODE)
    cookies.give(request, response, token)
    return me


def _proof(database: Database, factor: bytes, code: str | None) -> Proof:
    """What was sent besides the password, compared with no transaction open. CodeWantedError where nothing was."""
    if not (code or "").strip():
        raise CodeWantedError
    secret = decrypted(factor, home=config().home)
    return Proof(factor, step_of(secret, code or "", now=database.now()), code or "")


def _opened(
    session: Session, backend: Backend, user: User, *, password_hash: str | None, now: datetime
) -> tuple[Me, str]:
    """A log-in of who has shown who they are, and its token."""
    user.password_hash = password_hash or user.password_hash
    log_in_attempts.forget(session, user.email)
    opened = log_ins.begin(session, user, now=now)
    unit = Unit(session, log_ins.caller_of(session, opened.token, now=now), now, backend)
    _record(unit, "user.logged_in")
    return _me(unit), opened.token


@router.post("/logout", operation_id="log_out", status_code=204, responses=problems(401, 403))
@writes(Scope.ACCESS, role=Role.VIEWER)
def log_out(unit: Unit, response: Response) -> None:
    """Log out: the cookie is worth nothing any more, wherever it is kept."""
    log_in_id = unit.caller.log_in_id
    if log_in_id is None:
        raise ForbiddenError("A key is no log-in. Revoke it where it is not to be used any more.")
    log_ins.end(unit.session, log_in_id)
    _record(unit, "user.logged_out")
    cookies.take_back(response)


@router.get("/me", operation_id="get_me", response_model=Me, responses=problems(401, 403))
@reads(Scope.ACCESS)
def show(unit: Unit) -> Me:
    """Say who is asking: account, role, scopes, sites; for who logged in, the token that changes need."""
    return _me(unit)


@router.post("/me/password", operation_id="change_my_password", status_code=204, responses=problems(401, 403, 413, 422))
@writes_in_steps(Scope.ACCESS, role=Role.VIEWER)
def change_password(steps: Steps, given: PasswordChange) -> None:
    """Change one's own password: every other log-in of one's own ends."""
    with steps.writing() as unit:
        user_id = _person(unit)
        user = unit.session.get_one(User, user_id)
        # Whoever found a browser open may not try until they know the password.
        log_in_attempts.spend(unit.session, user.email, now=unit.now)
        kept = user.password_hash
    if not passwords.is_right(kept, given.old_password):
        raise InvalidValueError([Fault("old_password", "this is not your password. Try again.")])
    passwords.refuse(given.new_password, field="new_password")
    password_hash = passwords.hashed(given.new_password)
    with steps.writing() as unit:
        user = users.get_user(unit.session, account_id=unit.account_id, user_id=user_id)
        users.set_password(unit.session, user, password_hash, keep_log_in=unit.caller.log_in_id)
        _record(unit, "user.password_changed")


def _person(unit: Unit) -> int:
    if unit.caller.log_in_id is None or unit.caller.user_id is None:
        raise ForbiddenError("A key has no password. Log in to change yours.")
    return unit.caller.user_id


def _me(unit: Unit) -> Me:
    caller = unit.caller
    user = None if caller.user_id is None else unit.session.get_one(User, caller.user_id)
    return Me(
        account_id=caller.account_id,
        account=unit.session.get_one(Account, caller.account_id).name,
        user_id=caller.user_id,
        name=None if user is None else user.name,
        email=None if user is None else user.email,
        key_id=caller.key_id,
        role=caller.role,
        scopes=list(caller.scopes),
        site_ids=None if caller.site_ids is None else sorted(caller.site_ids),
        csrf_token=caller.csrf_token,
    )


def _note_failure(backend: Backend, known: Known | None, *, email: str) -> None:
    """Write down that somebody was not let in, where it is known as whom; where not, write as much."""
    database = backend.database()
    with database.transaction() as session:
        if known is None:
            log_in_attempts.note_failure(session, email)
            return
        user = session.get_one(User, known.user_id)
        audit.record(
            session,
            account_id=user.account_id,
            actor=f"user {user.id}",
            action="user.log_in_failed",
            subject_kind="user",
            subject_id=user.id,
            now=database.now(),
        )


def _record(unit: Unit, action: str) -> None:
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action=action,
        subject_kind="user",
        subject_id=unit.caller.user_id or 0,
        now=unit.now,
    )
