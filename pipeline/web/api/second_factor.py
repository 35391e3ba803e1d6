"""Owns `/me/second-factor`: one-time codes at one's own log-in; and how an owner turns off somebody's.

A password or a code is compared between two transactions, never in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import segno
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pipeline.config import config
from pipeline.core.errors import Fault, ForbiddenError, InvalidValueError
from pipeline.core.one_time_codes import MAX_CHARACTERS, address_of, make_secret, step_of
from pipeline.core.roles import Role, Scope
from pipeline.models import User
from pipeline.secrets import decrypted, encrypted
from pipeline.services import audit, callers, log_in_attempts, log_ins, passwords, second_factors, users
from pipeline.services.second_factors import Proof
from pipeline.web.answers import problems
from pipeline.web.api.log_in import Password
from pipeline.web.api.parameters import UserId
from pipeline.web.api.users import within_reach
from pipeline.web.operations import Steps, Unit, reads, writes, writes_in_steps

router = APIRouter(tags=[Scope.ACCESS.value])
_PATH: Final = "/me/second-factor"
_ON: Final[dict[str, Any]] = {"is_on": True, "since": "2026-06-03T10:30:00Z", "recovery_codes_left": 10}
_SECRET: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105 - an example
_ANSWERS: Final = problems(401, 403, 409, 413, 422, 429)
_WRONG: Final = "this code is wrong, or was used already. Wait for the next one that your app shows."

Code = Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS, json_schema_extra={"writeOnly": True})]


class SecondFactorState(BaseModel):
    """Whether codes are asked for when one logs in."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ON]})

    is_on: bool
    #: None: none are asked for.
    since: datetime | None
    recovery_codes_left: int


class OwnPassword(BaseModel):
    """That it is oneself who sits there."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra={"examples": [{"password": "staple of desks"}]}
    )

    password: Password


class OwnCode(BaseModel):
    """What the app shows."""

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, json_schema_extra={"examples": [{"code": "492 039"}]}
    )

    code: Code


class PasswordAndCode(OwnPassword):
    """That it is oneself, with the app or a recovery code."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"password": "staple of desks", "code": "492 039"}]},
    )

    code: Code


class NewSecondFactor(BaseModel):
    """What an app is given; it is shown once, and asked for from its first code on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "secret": _SECRET,
                    "address": f"otpauth://totp/IGNY8%20Pipeline:ann%40example.com?secret={_SECRET}",
                    "picture": "data:image/svg+xml;charset=utf-8,…",
                }
            ]
        }
    )

    #: To type, in base 32.
    secret: str
    #: What the picture says.
    address: str
    #: A QR code, as the address of an image.
    picture: str


class RecoveryCodes(BaseModel):
    """Codes that open once each, in place of a one-time code; they are shown once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"recovery_codes": ["k3vqm-9xw2d", "p7hja-q4tny"]}]})

    recovery_codes: Sequence[str]


@router.get(_PATH, operation_id="get_second_factor", response_model=SecondFactorState, responses=problems(401, 403))
@reads(Scope.ACCESS)
def show(unit: Unit) -> SecondFactorState:
    """Say whether a code is asked for when one logs in, and how many recovery codes there are."""
    found = second_factors.state_of(unit.session, _person(unit))
    return SecondFactorState(
        is_on=found.since is not None, since=found.since, recovery_codes_left=found.recovery_codes_left
    )


@router.post(
    _PATH, operation_id="begin_second_factor", status_code=201, response_model=NewSecondFactor, responses=_ANSWERS
)
@writes_in_steps(Scope.ACCESS, role=Role.VIEWER)
def begin(steps: Steps, given: OwnPassword) -> NewSecondFactor:
    """Set up an app: its secret, shown once. It is asked for nothing before it has shown a code."""
    _require_password(steps, given.password)
    secret = make_secret()
    kept = encrypted(secret, home=config().home)
    with steps.writing() as unit:
        user = _user(unit)
        second_factors.begin(unit.session, user, kept, now=unit.now)
        address = address_of(secret, name=user.email)
        _record(unit, user, "user.codes_begun")
    picture = segno.make_qr(address).svg_data_uri(border=2, light="#fff")
    return NewSecondFactor(secret=secret, address=address, picture=picture)


@router.post(f"{_PATH}/confirm", operation_id="confirm_second_factor", response_model=RecoveryCodes, responses=_ANSWERS)
@writes_in_steps(Scope.ACCESS, role=Role.VIEWER)
def confirm(steps: Steps, given: OwnCode) -> RecoveryCodes:
    """Turn it on with the first code: one's other log-ins end. The answer has the recovery codes, this once."""
    with steps.writing() as unit:
        log_in_attempts.spend(unit.session, _user(unit).email, now=unit.now)
        kept = second_factors.pending_secret(unit.session, _person(unit))
        now = unit.now
    step = step_of(decrypted(kept, home=config().home), given.code, now=now)
    if step is None:
        raise InvalidValueError([Fault("code", _WRONG)])
    with steps.writing() as unit:
        user = _user(unit)
        codes = second_factors.confirm(unit.session, user, secret=kept, step=step, now=unit.now)
        log_in_attempts.forget(unit.session, user.email)
        log_ins.end_all(unit.session, user.id, but=unit.caller.log_in_id)
        _record(unit, user, "user.codes_on")
    return RecoveryCodes(recovery_codes=codes)


@router.post(
    f"{_PATH}/recovery-codes", operation_id="renew_recovery_codes", response_model=RecoveryCodes, responses=_ANSWERS
)
@writes_in_steps(Scope.ACCESS, role=Role.VIEWER)
def renew(steps: Steps, given: PasswordAndCode) -> RecoveryCodes:
    """Make other recovery codes, shown once; those before open nothing any more."""
    proof = _require_both(steps, given)
    with steps.writing() as unit:
        user = _proven(unit, proof)
        codes = second_factors.renew_codes(unit.session, user, now=unit.now)
        _record(unit, user, "user.recovery_codes_renewed")
    return RecoveryCodes(recovery_codes=codes)


@router.post(f"{_PATH}/off", operation_id="turn_off_second_factor", status_code=204, responses=_ANSWERS)
@writes_in_steps(Scope.ACCESS, role=Role.VIEWER)
def turn_off(steps: Steps, given: PasswordAndCode) -> None:
    """Ask for codes no more; app and recovery codes are forgotten."""
    proof = _require_both(steps, given)
    with steps.writing() as unit:
        user = _proven(unit, proof)
        second_factors.turn_off(unit.session, user.id)
        _record(unit, user, "user.codes_off")


@router.delete(
    "/users/{user_id}/second-factor",
    operation_id="reset_user_second_factor",
    status_code=204,
    responses=problems(401, 403, 404, 422),
)
@writes(Scope.ACCESS, role=Role.OWNER)
def reset(unit: Unit, user_id: UserId) -> None:
    """Ask a person for codes no more, whose app and recovery codes are gone; their log-ins end."""
    callers.require_whole(unit.caller)
    user = within_reach(unit, user_id)
    if second_factors.turn_off(unit.session, user.id):
        log_ins.end_all(unit.session, user.id)
        _record(unit, user, "user.codes_reset")


def _require_both(steps: Steps, given: PasswordAndCode) -> Proof:
    """What was sent besides the right password, ready to be taken."""
    _require_password(steps, given.password)
    with steps.reading() as unit:
        kept, now = second_factors.secret_of(unit.session, _person(unit)), unit.now
    return Proof(kept, step_of(decrypted(kept, home=config().home), given.code, now=now), given.code)


def _require_password(steps: Steps, password: str) -> None:
    """Whoever found a browser open may not try until they know it. InvalidValueError."""
    with steps.writing() as unit:
        user = _user(unit)
        log_in_attempts.spend(unit.session, user.email, now=unit.now)
        kept = user.password_hash
    if not passwords.is_right(kept, password):
        raise InvalidValueError([Fault("password", "this is not your password. Try again.")])


def _proven(unit: Unit, proof: Proof) -> User:
    user = _user(unit)
    if not second_factors.is_taken(unit.session, user.id, proof, now=unit.now):
        raise InvalidValueError([Fault("code", _WRONG)])
    log_in_attempts.forget(unit.session, user.email)
    return user


def _user(unit: Unit) -> User:
    return users.get_user(unit.session, account_id=unit.account_id, user_id=_person(unit))


def _person(unit: Unit) -> int:
    if unit.caller.log_in_id is None or unit.caller.user_id is None:
        raise ForbiddenError("A key has no second factor. Log in to change yours.")
    return unit.caller.user_id


def _record(unit: Unit, user: User, action: str) -> None:
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action=action,
        subject_kind="user",
        subject_id=user.id,
        now=unit.now,
    )
