"""Owns `/api-keys`: an account's keys, for its owners. A key is answered once, when it is made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.errors import ForbiddenError
from pipeline.core.roles import Role, Scope, includes
from pipeline.models import ApiKey
from pipeline.services import api_keys, audit, callers, site_access
from pipeline.services.api_keys import MAX_EXPIRES_DAYS, MadeKey
from pipeline.web.answers import problems
from pipeline.web.api.parameters import LARGEST_ID, KeyId
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(prefix="/api-keys", tags=[Scope.ACCESS.value])
MOST_SITES: Final = 1_000
_MOST_OVERLAP_MINUTES: Final = 1_440
_KEY: Final[dict[str, Any]] = {
    "id": 4,
    "prefix": "igny8_9Jx2aQ",
    "name": "planner",
    "role": "editor",
    "scopes": ["calendar"],
    "site_ids": [1],
    "user_id": 1,
    "created_at": "2026-06-03T10:30:00Z",
    "last_used_at": None,
    "expires_at": None,
    "revoked_at": None,
}
_NEW_KEY: Final[dict[str, Any]] = {"role": "editor", "name": "planner", "scopes": ["calendar"], "site_ids": [1]}
SiteIds = Annotated[
    list[Annotated[int, Field(ge=1, le=LARGEST_ID)]] | None,
    Field(max_length=MOST_SITES, description="The sites that are there for it; null: every one of the account."),
]


class KeyEntry(BaseModel):
    """A key, without what it is sent as."""

    model_config = ConfigDict(json_schema_extra={"examples": [_KEY]})

    id: int
    #: How it begins.
    prefix: str
    name: str
    role: Role
    scopes: list[str]
    site_ids: list[int] | None
    #: Whose it is; None: the account's own.
    user_id: int | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


class Keys(BaseModel):
    """Every key of the account, those that are refused too."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_KEY]}]})

    items: list[KeyEntry]


class NewKey(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_NEW_KEY]})

    role: Role
    name: Annotated[str, Field(max_length=10 * api_keys.MAX_NAME_CHARACTERS)] = ""
    scopes: Annotated[list[Scope], Field(max_length=100)] = []
    site_ids: SiteIds = None
    expires_days: Annotated[int | None, Field(ge=1, le=MAX_EXPIRES_DAYS)] = None


class Rotation(BaseModel):
    """For how long the old key is taken beside the new one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"overlap_minutes": 60}, {}]})

    overlap_minutes: Annotated[int, Field(ge=0, le=_MOST_OVERLAP_MINUTES)] = 0


class KeyWithSecret(KeyEntry):
    """A key that was made just now; `key` is never answered again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_KEY, "key": "igny8_…"}]})

    key: str


@router.get("", operation_id="list_api_keys", response_model=Keys, responses=problems(401, 403))
@reads(Scope.ACCESS, role=Role.OWNER)
def list_all(unit: Unit) -> Keys:
    """List the account's API keys, by how they begin."""
    found = api_keys.list_keys(unit.session, account_id=unit.account_id)
    return Keys(items=[KeyEntry(**_shown(unit, row)) for row in found])


@router.post(
    "",
    operation_id="make_api_key",
    status_code=201,
    response_model=KeyWithSecret,
    responses=problems(401, 403, 404, 413, 422),
)
@writes(Scope.ACCESS, role=Role.OWNER)
def make(unit: Unit, new: NewKey) -> KeyWithSecret:
    """Make an API key; it is in this answer and in no other. Nobody makes one that may more than they do."""
    if not includes(unit.caller.role, new.role):
        raise ForbiddenError(f"You have the role {unit.caller.role}; a key of the role {new.role} would reach further.")
    expires_at = None if new.expires_days is None else unit.now + timedelta(days=new.expires_days)
    callers.require_key_within(unit.caller, scopes=new.scopes, expires_at=expires_at)
    made = api_keys.make_key(
        unit.session,
        account_id=unit.account_id,
        role=new.role,
        name=new.name,
        expires_days=new.expires_days,
        scopes=new.scopes,
        site_ids=new.site_ids,
        user_id=unit.caller.user_id,
        now=unit.now,
    )
    _record(unit, made.row, "api_key.created")
    return _with_secret(unit, made)


@router.post(
    "/{key_id}/rotate",
    operation_id="rotate_api_key",
    status_code=201,
    response_model=KeyWithSecret,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes(Scope.ACCESS, role=Role.OWNER)
def rotate(unit: Unit, key_id: KeyId, given: Rotation | None = None) -> KeyWithSecret:
    """Replace a key by another one like it; the old one is refused at once, or after `overlap_minutes`."""
    row = _within_reach(unit, key_id)
    callers.require_key_within(unit.caller, scopes=row.scopes, expires_at=row.expires_at)
    overlap = timedelta(minutes=0 if given is None else given.overlap_minutes)
    made = api_keys.rotate(unit.session, row, now=unit.now, overlap=overlap)
    _record(unit, made.row, "api_key.rotated", replaces=row.id)
    return _with_secret(unit, made)


@router.post(
    "/{key_id}/revoke", operation_id="revoke_api_key", response_model=KeyEntry, responses=problems(401, 403, 404, 422)
)
@writes(Scope.ACCESS, role=Role.OWNER)
def revoke(unit: Unit, key_id: KeyId) -> KeyEntry:
    """Refuse a key from now on. Nobody revokes one of a role that may more than they do."""
    _within_reach(unit, key_id)
    row = api_keys.revoke(unit.session, account_id=unit.account_id, key_id=key_id, now=unit.now)
    _record(unit, row, "api_key.revoked")
    return KeyEntry(**_shown(unit, row))


def _within_reach(unit: Unit, key_id: int) -> ApiKey:
    """The key, locked; ForbiddenError where its role may more than the caller's."""
    row = api_keys.get_key(unit.session, account_id=unit.account_id, key_id=key_id)
    if not includes(unit.caller.role, api_keys.role_of(row)):
        raise ForbiddenError(f"You have the role {unit.caller.role}; key {row.id} reaches further.")
    return row


def _with_secret(unit: Unit, made: MadeKey) -> KeyWithSecret:
    return KeyWithSecret(**_shown(unit, made.row), key=made.key)


def _shown(unit: Unit, row: ApiKey) -> dict[str, Any]:
    names = [name for name in KeyEntry.model_fields if name not in {"role", "site_ids"}]
    site_ids = site_access.sites_of(unit.session, row)
    return {"role": api_keys.role_of(row), "site_ids": site_ids, **{name: getattr(row, name) for name in names}}


def _record(unit: Unit, row: ApiKey, action: str, **more: Any) -> None:
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action=action,
        subject_kind="api_key",
        subject_id=row.id,
        now=unit.now,
        details={"prefix": row.prefix, "role": row.role, **more},
    )
