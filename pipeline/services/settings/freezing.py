"""Owns what a run carries for ever of its site's settings: all of them, with the AI parameters resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from pipeline.core.matrix import SiteSettings
from pipeline.models import SiteAutomationSettings
from pipeline.services.settings.resolution import MODEL_PREFERENCES, Origin, account_values, resolve
from pipeline.services.settings.rows import settings_of
from pipeline.services.settings.system import system_settings


class Frozen(NamedTuple):
    """A site's settings with none of the AI parameters left open; who decided each of those, and the models."""

    settings: SiteSettings
    origins: Mapping[str, Origin]
    #: Type -> the live model that the account prefers, by its name.
    preferred_models: Mapping[str, str]


def freeze(session: Session, rows: Sequence[SiteAutomationSettings]) -> dict[int, Frozen]:
    """Site -> its frozen settings, two statements for any number. NotReadyError before the system has its defaults."""
    if not rows:
        return {}
    system, accounts = system_settings(session), account_values(session, {row.account_id for row in rows})
    found = {}
    for row in rows:
        account = accounts.get(row.account_id, {})
        resolved = resolve(row, account=account, system=system)
        settings = settings_of(row).model_copy(update={"ai": resolved.values})
        preferred = account.get(MODEL_PREFERENCES) or {}
        found[row.site_id] = Frozen(settings, {**resolved.origins, **_origins_of(preferred)}, preferred)
    return found


def _origins_of(preferred: Mapping[str, str | None]) -> dict[str, Origin]:
    """`model NAME` -> who chose it; the system, where the account's choice is not active."""
    return {f"model {name}": Origin.ACCOUNT for name in preferred.values() if name}
