"""Owns `/users`: the people of an account, for its owners. A password that was made is answered once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.errors import ForbiddenError
from pipeline.core.roles import Role, Scope, includes
from pipeline.models import User
from pipeline.services import audit, callers, passwords, site_access, users
from pipeline.web.answers import problems
from pipeline.web.api.api_keys import SiteIds
from pipeline.web.api.parameters import UserId
from pipeline.web.operations import Steps, Unit, reads, writes, writes_in_steps

router = APIRouter(prefix="/users", tags=[Scope.ACCESS.value])
_USER: Final[dict[str, Any]] = {
    "id": 2,
    "email": "ann@example.com",
    "name": "Ann",
    "role": "editor",
    "site_ids": None,
    "created_at": "2026-06-03T10:30:00Z",
    "last_log_in_at": None,
    "disabled_at": None,
}
_ACTED: Final = problems(401, 403, 404, 422)


class UserEntry(BaseModel):
    """A person of the account."""

    model_config = ConfigDict(json_schema_extra={"examples": [_USER]})

    id: int
    email: str
    name: str
    role: Role
    #: Sites that are there for them; None: every one of the account.
    site_ids: list[int] | None
    created_at: datetime
    last_log_in_at: datetime | None
    #: Since when they are not let in; None: they are.
    disabled_at: datetime | None


class Users(BaseModel):
    """Everybody of the account."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_USER]}]})

    items: list[UserEntry]


class NewUser(BaseModel):
    """A person to add."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"email": "ann@example.com", "role": "editor", "name": "Ann"}]}
    )

    email: Annotated[str, Field(max_length=users.MAX_EMAIL_CHARACTERS)]
    role: Role
    name: Annotated[str, Field(max_length=10 * users.MAX_NAME_CHARACTERS)] = ""
    site_ids: SiteIds = None


class Reach(BaseModel):
    """Which sites are to be there for somebody."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"site_ids": [1]}, {"site_ids": None}]})

    site_ids: SiteIds


class NewRole(BaseModel):
    """What somebody is to be allowed to do."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "viewer"}]})

    role: Role


class UserWithPassword(UserEntry):
    """A person and the password that was made for them just now; it is never answered again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_USER, "password": "…"}]})

    password: str


@router.get("", operation_id="list_users", response_model=Users, responses=problems(401, 403))
@reads(Scope.ACCESS, role=Role.OWNER)
def list_all(unit: Unit) -> Users:
    """List the people of the account, the oldest first."""
    found = users.list_users(unit.session, account_id=unit.account_id)
    return Users(items=[UserEntry(**_shown(unit, user)) for user in found])


@router.post(
    "",
    operation_id="add_user",
    status_code=201,
    response_model=UserWithPassword,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes_in_steps(Scope.ACCESS, role=Role.OWNER)
def add(steps: Steps, new: NewUser) -> UserWithPassword:
    """Add a person with a password of ours, for them to change. Nobody adds one who may more than they do."""
    with steps.reading() as unit:
        callers.require_whole(unit.caller)
        _refuse_beyond(unit, new.role)
    password = passwords.make()
    password_hash = passwords.hashed(password)
    with steps.writing() as unit:
        user = users.add(
            unit.session,
            account_id=unit.account_id,
            email=new.email,
            role=new.role,
            name=new.name,
            password_hash=password_hash,
            site_ids=new.site_ids,
            now=unit.now,
        )
        _record(unit, user, "user.added", role=new.role.value)
        return UserWithPassword(**_shown(unit, user), password=password)


@router.post(
    "/{user_id}/password", operation_id="reset_user_password", response_model=UserWithPassword, responses=_ACTED
)
@writes_in_steps(Scope.ACCESS, role=Role.OWNER)
def reset_password(steps: Steps, user_id: UserId) -> UserWithPassword:
    """Give a person a password of ours; all their log-ins end."""
    with steps.reading() as unit:
        callers.require_whole(unit.caller)
        within_reach(unit, user_id)
    password = passwords.make()
    password_hash = passwords.hashed(password)
    with steps.writing() as unit:
        user = within_reach(unit, user_id)
        users.set_password(unit.session, user, password_hash)
        _record(unit, user, "user.password_reset")
        return UserWithPassword(**_shown(unit, user), password=password)


@router.put(
    "/{user_id}/sites",
    operation_id="set_user_sites",
    response_model=UserEntry,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes(Scope.ACCESS, role=Role.OWNER)
def set_sites(unit: Unit, user_id: UserId, given: Reach) -> UserEntry:
    """Let only some sites be there for a person, or all of them again (null). 409 for the only owner."""
    callers.require_whole(unit.caller)
    user = within_reach(unit, user_id)
    users.set_sites(unit.session, user, given.site_ids)
    _record(unit, user, "user.sites_set", site_ids=given.site_ids)
    return UserEntry(**_shown(unit, user))


@router.put(
    "/{user_id}/role",
    operation_id="set_user_role",
    response_model=UserEntry,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes(Scope.ACCESS, role=Role.OWNER)
def set_role(unit: Unit, user_id: UserId, given: NewRole) -> UserEntry:
    """Let a person do more or less, from their next request on; so may their keys. 409 for the only owner."""
    callers.require_whole(unit.caller)
    _refuse_beyond(unit, given.role)
    user = within_reach(unit, user_id)
    users.set_role(unit.session, user, given.role)
    _record(unit, user, "user.role_set", role=given.role.value)
    return UserEntry(**_shown(unit, user))


@router.post(
    "/{user_id}/disable",
    operation_id="disable_user",
    response_model=UserEntry,
    responses=problems(401, 403, 404, 409, 422),
)
@writes(Scope.ACCESS, role=Role.OWNER)
def disable(unit: Unit, user_id: UserId) -> UserEntry:
    """Let a person in no more: their log-ins end, their keys are refused. 409 for the only owner."""
    user = within_reach(unit, user_id)
    users.disable(unit.session, user, now=unit.now)
    _record(unit, user, "user.disabled")
    return UserEntry(**_shown(unit, user))


@router.post(
    "/{user_id}/enable",
    operation_id="enable_user",
    response_model=UserEntry,
    responses=problems(401, 403, 404, 409, 422),
)
@writes(Scope.ACCESS, role=Role.OWNER)
def enable(unit: Unit, user_id: UserId) -> UserEntry:
    """Let a person in again. 409 where the account's plan has no room for another one."""
    callers.require_whole(unit.caller)
    user = within_reach(unit, user_id)
    users.enable(unit.session, user)
    _record(unit, user, "user.enabled")
    return UserEntry(**_shown(unit, user))


def within_reach(unit: Unit, user_id: int) -> User:
    """The account's user of that id; NotFoundError, ForbiddenError for who may more than the caller."""
    user = users.get_user(unit.session, account_id=unit.account_id, user_id=user_id)
    _refuse_beyond(unit, users.role_of(user))
    return user


def _refuse_beyond(unit: Unit, role: Role) -> None:
    """ForbiddenError where a person of that role may more than the caller."""
    if not includes(unit.caller.role, role):
        raise ForbiddenError(f"You have the role {unit.caller.role}; people of the role {role} may more than you.")


def _shown(unit: Unit, user: User) -> dict[str, Any]:
    names = [name for name in UserEntry.model_fields if name not in {"role", "site_ids"}]
    told = {name: getattr(user, name) for name in names}
    return {**told, "role": users.role_of(user), "site_ids": site_access.sites_of(unit.session, user)}


def _record(unit: Unit, user: User, action: str, **details: Any) -> None:
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action=action,
        subject_kind="user",
        subject_id=user.id,
        now=unit.now,
        details=details,
    )
