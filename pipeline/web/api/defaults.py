"""Owns `/account-settings` and `/system-settings`: what an account decides for its sites, and the system for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.catalog import ModelType
from pipeline.core.defaults import AccountAi, AccountDefaults, AccountModules, SystemDefaults
from pipeline.core.roles import Role, Scope
from pipeline.services import audit, settings, sites
from pipeline.services.settings import Decided, Origin
from pipeline.web.answers import problems
from pipeline.web.api.parameters import SiteId
from pipeline.web.operations import Unit, reads, writes

router = APIRouter()
_SAVED: Final = problems(401, 403, 409, 413, 422)
_OPEN: Final[dict[str, Any]] = AccountDefaults().model_dump()
_DECIDED: Final[dict[str, Any]] = {
    "ai.temperature": {"value": 0.7, "source": "system"},
    "ai.image_style": {"value": "watercolour", "source": "account"},
    "modules.writer": {"value": True, "source": "system"},
}
_ACCOUNT_EXAMPLE: Final[dict[str, Any]] = {
    **_OPEN,
    "ai": {**_OPEN["ai"], "image_style": "watercolour"},
    "decided": _DECIDED,
    "choosable_models": {"text": ["offline-writer"], "image": ["offline-painter"]},
}

_RESOLVED: Final[dict[str, Any]] = {
    "ai": {
        "temperature": {"value": 0.2, "source": "site"},
        "max_tokens": {"value": 8192, "source": "system"},
        "image_style": {"value": "watercolour", "source": "account"},
        "image_quality": {"value": "standard", "source": "system"},
    },
    "live_models": {
        "text": {"value": "offline-writer", "source": "account"},
        "image": {"value": "offline-painter", "source": "system"},
    },
}


class DecidedValue(BaseModel):
    """What counts, and who decided it."""

    value: bool | int | float | str | None
    source: Origin


Decisions = Annotated[
    dict[str, DecidedValue],
    Field(description="Read-only. What counts for a site that decides nothing itself, by dotted key, and who decided."),
]
Choosable = Annotated[
    dict[ModelType, list[str]], Field(description="Read-only. The active live models, by type; any may be preferred.")
]


class AccountSettings(BaseModel):
    """What an account decides for its sites; null: as the system has it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ACCOUNT_EXAMPLE]})

    ai: AccountAi
    modules: AccountModules
    decided: Decisions
    choosable_models: Choosable


class AccountSettingsToSave(AccountDefaults):
    """What is to change; what is left out keeps its value, null leaves it to the system."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"ai": {"temperature": 0.8, "model_preferences": {"text": "offline-writer"}}},
                _ACCOUNT_EXAMPLE,
            ]
        }
    )

    decided: Annotated[Any, Field(description="Read-only: sent back, it is ignored.")] = None
    choosable_models: Annotated[Any, Field(description="Read-only: sent back, it is ignored.")] = None


class SystemSettings(SystemDefaults):
    """What the system decides for all accounts."""

    model_config = ConfigDict(json_schema_extra={"examples": [SystemDefaults().model_dump()]})


class SystemSettingsToSave(SystemDefaults):
    """What is to change; what is left out keeps its value."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ai": {"temperature": 0.5}, "modules": {"thinker": False}}]}
    )


class LiveModel(BaseModel):
    """The live model that a site's runs ask, by its name, and who decided that."""

    value: str | None
    source: Origin


class ResolvedSettings(BaseModel):
    """What counts for a site where its own settings may leave a value open, and who decided it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RESOLVED]})

    ai: Annotated[dict[str, DecidedValue], Field(description="The parameters of AI calls, by name.")]
    live_models: Annotated[dict[ModelType, LiveModel], Field(description="By type.")]


@router.get(
    "/account-settings",
    operation_id="get_account_settings",
    response_model=AccountSettings,
    responses=problems(401, 403, 409),
    tags=[Scope.SETTINGS.value],
)
@reads(Scope.SETTINGS)
def show_account(unit: Unit) -> dict[str, Any]:
    """Read what the account decides for its sites, what counts, and who decided it."""
    return _of_account(unit)


@router.put(
    "/account-settings",
    operation_id="put_account_settings",
    response_model=AccountSettings,
    responses=_SAVED,
    tags=[Scope.SETTINGS.value],
)
@writes(Scope.SETTINGS, role=Role.OWNER)
def save_account(unit: Unit, sent: AccountSettingsToSave) -> dict[str, Any]:
    """Change what the account decides for its sites, all or nothing. Live runs keep what they started with."""
    changes = _changes(sent, leave_out=("decided", "choosable_models"))
    settings.save_account(unit.session, unit.account_id, changes)
    _record(unit, "account_settings.saved", changes)
    return _of_account(unit)


@router.get(
    "/system-settings",
    operation_id="get_system_settings",
    response_model=SystemSettings,
    responses=problems(401, 403, 409),
    tags=[Scope.SYSTEM.value],
)
@reads(Scope.SYSTEM, role=Role.PLATFORM_ADMIN)
def show_system(unit: Unit) -> dict[str, Any]:
    """Read what the system decides for all accounts; for platform administrators."""
    return settings.load_system(unit.session).model_dump()


@router.put(
    "/system-settings",
    operation_id="put_system_settings",
    response_model=SystemSettings,
    responses=_SAVED,
    tags=[Scope.SYSTEM.value],
)
@writes(Scope.SYSTEM, role=Role.PLATFORM_ADMIN)
def save_system(unit: Unit, sent: SystemSettingsToSave) -> dict[str, Any]:
    """Change what the system decides for all accounts, all or nothing. Live runs keep what they started with."""
    changes = _changes(sent)
    saved = settings.save_system(unit.session, changes)
    _record(unit, "system_settings.saved", changes)
    return saved.model_dump()


@router.get(
    "/sites/{site_id}/unified-settings/resolved",
    operation_id="get_resolved_settings",
    response_model=ResolvedSettings,
    responses=problems(401, 403, 404, 409, 422),
    tags=[Scope.SETTINGS.value],
)
@reads(Scope.SETTINGS)
def show_resolved(unit: Unit, site_id: SiteId) -> dict[str, Any]:
    """Read what counts where a site's settings leave a value open: its account's, else the system's, and whose."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    found = settings.resolved_of(unit.session, site)
    return {group: {name: _told(value) for name, value in values.items()} for group, values in found.items()}


def _of_account(unit: Unit) -> dict[str, Any]:
    found = settings.decided_for(unit.session, unit.account_id)
    return {
        **settings.load_account(unit.session, unit.account_id).model_dump(),
        "decided": {key: _told(value) for key, value in found.items()},
        "choosable_models": {kind: list(names) for kind, names in settings.live_models(unit.session).items()},
    }


def _told(decided: Decided) -> dict[str, Any]:
    return {"value": decided.value, "source": decided.source}


def _changes(sent: BaseModel, *, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """What was sent, by dotted key."""
    given = sent.model_dump(exclude_unset=True)
    return dict(_flat({name: value for name, value in given.items() if name not in leave_out}))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _record(unit: Unit, action: str, changes: Mapping[str, Any]) -> None:
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action=action,
        subject_kind="account",
        subject_id=unit.account_id,
        now=unit.now,
        details=changes,
    )
