"""Owns where a value comes from: the site, else its account, else the system (plan 2.3.2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.matrix import Ai
from pipeline.models import AccountSetting, Site, SiteAutomationSettings, SystemAiSettings
from pipeline.models.selecting import is_one_of
from pipeline.services.settings.rows import row_of
from pipeline.services.settings.system import system_settings

#: Name of the account's key `ai.model_preferences`: type -> name of its live model.
MODEL_PREFERENCES: Final = "model_preferences"


class Origin(StrEnum):
    """Who decided a value."""

    #: The site itself.
    SITE = "site"
    #: The account, for its sites that say nothing.
    ACCOUNT = "account"
    #: The system's default.
    SYSTEM = "system"


class Decided(NamedTuple):
    """A value, and who decided it."""

    value: Any
    source: Origin


class ResolvedAi(NamedTuple):
    """Parameters with none left open, and who decided each of them."""

    values: Ai
    origins: Mapping[str, Origin]


def decide(*, site: Any = None, account: Any = None, system: Any) -> Decided:
    """What counts, and who decided it: the first of the three that says something."""
    found = ((Origin.SITE, site), (Origin.ACCOUNT, account), (Origin.SYSTEM, system))
    return next((Decided(value, origin) for origin, value in found if value is not None), Decided(None, Origin.SYSTEM))


def resolve_ai(session: Session, site: Site) -> ResolvedAi:
    """Resolve the AI parameters of a site, each by itself. NotReadyError before the system has its defaults."""
    system, accounts = system_settings(session), account_values(session, {site.account_id})
    return resolve(row_of(session, site), account=accounts.get(site.account_id, {}), system=system)


def resolve(row: SiteAutomationSettings | None, *, account: Mapping[str, Any], system: SystemAiSettings) -> ResolvedAi:
    """Resolve the AI parameters of a site's row (None: of a site that says nothing) by its account and the system."""
    decided = {
        name: decide(
            site=None if row is None else getattr(row, f"ai_{name}"),
            account=account.get(name),
            system=getattr(system, name),
        )
        for name in Ai.model_fields
    }
    values = Ai.model_validate({name: found.value for name, found in decided.items()})
    return ResolvedAi(values, {name: found.source for name, found in decided.items()})


def account_values(session: Session, account_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Account -> the AI parameters it decides, of those that decide any."""
    rows = session.execute(
        select(AccountSetting.account_id, AccountSetting.key, AccountSetting.value).where(
            is_one_of(session, AccountSetting.account_id, account_ids), AccountSetting.key.startswith("ai.")
        )
    )
    found: dict[int, dict[str, Any]] = {}
    for account_id, key, value in rows:
        found.setdefault(account_id, {})[key.removeprefix("ai.")] = value
    return found
