"""Owns what an account decides for its sites and what the system decides for all: loaded, changed, and who decided.

What is written was checked as a whole: an account's keys are typed (plan 2.3.2). Never: commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pipeline.core.catalog import ModelType
from pipeline.core.defaults import AccountAi, AccountDefaults, SystemAi, SystemDefaults
from pipeline.core.errors import Fault, InvalidValueError
from pipeline.core.matrix import Group
from pipeline.models import AccountSetting, AiModel, Site
from pipeline.services.settings import modules
from pipeline.services.settings.changes import parsed
from pipeline.services.settings.check import fault_of
from pipeline.services.settings.fields import ACCOUNT_FIELDS, SYSTEM_FIELDS, Field
from pipeline.services.settings.resolution import (
    MODEL_PREFERENCES,
    Decided,
    account_values,
    decide,
    resolve,
    resolve_ai,
)
from pipeline.services.settings.system import lock_system, system_settings

_Defaults = TypeVar("_Defaults", bound=Group)
_MODULES: Final = "modules."


def load_account(session: Session, account_id: int) -> AccountDefaults:
    """Everything the account decides."""
    values = account_values(session, {account_id}).get(account_id, {})
    known = {name: value for name, value in values.items() if name in AccountAi.model_fields}
    return AccountDefaults.model_validate({"ai": known, "modules": modules.account_modules(session, account_id)})


def load_system(session: Session) -> SystemDefaults:
    """Everything the system decides; NotReadyError before it has its defaults."""
    row = system_settings(session)
    ai = {name: getattr(row, name) for name in SystemAi.model_fields}
    value = f"{Decimal(row.credit_value_usd).normalize():f}"
    return SystemDefaults.model_validate(
        {"ai": ai, "modules": modules.system_modules(session), "credit_value_usd": value}
    )


def save_account(session: Session, account_id: int, changes: Mapping[str, Any]) -> AccountDefaults:
    """Change what the account decides: dotted key -> value, None leaves it open. InvalidValueError with every fault."""
    after, faults = _changed(load_account(session, account_id), changes, ACCOUNT_FIELDS)
    faults += _unknown_models(session, changes)
    if faults:
        raise InvalidValueError(faults)
    kept = after.ai.model_dump()
    kept[MODEL_PREFERENCES] = after.ai.model_preferences.model_dump(exclude_none=True) or None
    touched = {key.split(".")[1] for key in changes if key.startswith("ai.")}
    for name in sorted(touched):
        _keep(session, account_id, f"ai.{name}", kept[name])
    modules.switch_account(session, account_id, _modules_of(changes))
    session.flush()
    return after


def save_system(session: Session, changes: Mapping[str, Any]) -> SystemDefaults:
    """Change what the system decides: dotted key -> value. InvalidValueError with every fault."""
    row = lock_system(session)
    after, faults = _changed(load_system(session), changes, SYSTEM_FIELDS)
    if faults:
        raise InvalidValueError(faults)
    for name, value in after.ai.model_dump().items():
        setattr(row, name, value)
    row.credit_value_usd = Decimal(after.credit_value_usd)
    modules.switch_system(session, _modules_of(changes))
    session.flush()
    return after


def decided_for(session: Session, account_id: int) -> dict[str, Decided]:
    """What counts for a site of the account that decides nothing itself, and who decided: by dotted key."""
    values = account_values(session, {account_id}).get(account_id, {})
    ai, origins = resolve(None, account=values, system=system_settings(session))
    preferred, live = values.get(MODEL_PREFERENCES) or {}, live_models(session)
    found = {f"ai.{name}": Decided(value, origins[name]) for name, value in ai.model_dump().items()}
    for kind, names in live.items():
        wanted = preferred.get(kind)
        default = next((name for name, is_default in names.items() if is_default), None)
        own = wanted if wanted in names else None
        found[f"ai.{MODEL_PREFERENCES}.{kind}"] = decide(account=own, system=default)
    switches = modules.resolved_modules(session, account_id)
    return found | {f"{_MODULES}{name}": switch for name, switch in switches.items()}


def resolved_of(session: Session, site: Site) -> dict[str, dict[str, Decided]]:
    """What counts where a site may leave a value open: `ai` by parameter, `live_models` by type."""
    values, origins = resolve_ai(session, site)
    found = decided_for(session, site.account_id)
    return {
        "ai": {name: Decided(value, origins[name]) for name, value in values.model_dump().items()},
        "live_models": {kind.value: found[f"ai.{MODEL_PREFERENCES}.{kind}"] for kind in ModelType},
    }


def live_models(session: Session) -> dict[str, dict[str, bool]]:
    """Type -> the active live models that an account may choose, by name; whether each is the default."""
    query = select(AiModel.model_type, AiModel.name, AiModel.is_default).where(AiModel.is_active, ~AiModel.is_testing)
    found: dict[str, dict[str, bool]] = {kind.value: {} for kind in ModelType}
    for kind, name, is_default in session.execute(query.order_by(AiModel.id)):
        found[kind][name] = is_default
    return found


def from_texts(changes: Mapping[str, str], fields: Mapping[str, Field]) -> dict[str, Any]:
    """Changes as a command line gives them (dotted key -> text) as values. InvalidValueError with every fault."""
    found: dict[str, Any] = {}
    faults = []
    for key, text in changes.items():
        field = fields.get(key)
        if field is None:
            faults.append(_unknown(key, fields))
            continue
        try:
            found[key] = parsed(field, text)
        except InvalidValueError as error:
            faults.append(Fault(key, error.message))
    if faults:
        raise InvalidValueError(faults)
    return found


def _changed(
    stored: _Defaults, changes: Mapping[str, Any], fields: Mapping[str, Field]
) -> tuple[_Defaults, list[Fault]]:
    """What becomes of `stored`, and every fault; with one, nothing becomes of it."""
    data, faults = stored.model_dump(), [_unknown(key, fields) for key in changes if key not in fields]
    for key in changes.keys() & fields.keys():
        *groups, name = key.split(".")
        target = data
        for group in groups:
            target = target[group]
        target[name] = changes[key]
    try:
        return type(stored).model_validate(data), faults
    except ValidationError as error:
        return stored, faults + [fault_of(detail, fields) for detail in error.errors()]


def _unknown(key: str, fields: Mapping[str, Field]) -> Fault:
    near = get_close_matches(key[:100], fields, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(fields)}."
    return Fault(key[:100], f"there is no such setting. {hint}")


def _unknown_models(session: Session, changes: Mapping[str, Any]) -> list[Fault]:
    """Preferences that nobody could follow."""
    faults = []
    for kind, names in live_models(session).items():
        key = f"ai.{MODEL_PREFERENCES}.{kind}"
        wanted = changes.get(key)
        if isinstance(wanted, str) and wanted not in names:
            known = ", ".join(names) or "none yet"
            faults.append(Fault(key, f"there is no active live {kind} model {wanted[:200]!r}. Use one of: {known}."))
    return faults


def _keep(session: Session, account_id: int, key: str, value: Any) -> None:
    mine = (AccountSetting.account_id == account_id) & (AccountSetting.key == key)
    row = session.scalar(select(AccountSetting).where(mine).with_for_update())
    if value is None:
        session.execute(delete(AccountSetting).where(mine))
    elif row is None:
        session.add(AccountSetting(account_id=account_id, key=key, value=value))
    else:
        row.value = value


def _modules_of(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(_MODULES): value for key, value in changes.items() if key.startswith(_MODULES)}
