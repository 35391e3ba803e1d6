"""Owns where a site's AI parameters come from: the site, else its account, else the system."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.errors import NotReadyError
from pipeline.core.matrix import Ai
from pipeline.models import AccountSetting, Site, SystemAiSettings
from pipeline.services.settings.rows import row_of


class Origin(StrEnum):
    """Who decided a value."""

    #: The site itself.
    SITE = "site"
    #: The account, for its sites that say nothing.
    ACCOUNT = "account"
    #: The system's default.
    SYSTEM = "system"


class ResolvedAi(NamedTuple):
    """Parameters with none left open, and who decided each of them."""

    values: Ai
    origins: Mapping[str, Origin]


def resolve_ai(session: Session, site: Site) -> ResolvedAi:
    """Resolve the AI parameters of a site, each by itself. NotReadyError before the system has its defaults."""
    system = session.get(SystemAiSettings, 1)
    if system is None:
        raise NotReadyError("The system's AI settings are not there yet. Run `igny8 init` first.")
    row, account = row_of(session, site), _account_values(session, site.account_id)
    values, origins = {}, {}
    for name in Ai.model_fields:
        found = ((Origin.SITE, getattr(row, f"ai_{name}")), (Origin.ACCOUNT, account.get(name)))
        origin, value = next((pair for pair in found if pair[1] is not None), (Origin.SYSTEM, getattr(system, name)))
        values[name], origins[name] = value, origin
    return ResolvedAi(Ai.model_validate(values), origins)


def _account_values(session: Session, account_id: int) -> dict[str, Any]:
    rows = session.execute(
        select(AccountSetting.key, AccountSetting.value).where(
            AccountSetting.account_id == account_id, AccountSetting.key.startswith("ai.")
        )
    )
    return {key.removeprefix("ai."): value for key, value in rows}
