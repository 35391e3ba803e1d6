"""Owns the one row of what counts for every account: the system's AI parameters, and what a credit is worth."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.errors import NotReadyError
from pipeline.models import SystemAiSettings

_MISSING = "The system's AI settings are not there yet. Run `igny8 init` first."


def system_settings(session: Session) -> SystemAiSettings:
    """The system's defaults; NotReadyError before there are any."""
    system = session.get(SystemAiSettings, 1)
    if system is None:
        raise NotReadyError(_MISSING)
    return system


def lock_system(session: Session) -> SystemAiSettings:
    """The same, locked: whoever changes what all accounts share is alone at it until the transaction ends."""
    query = select(SystemAiSettings).where(SystemAiSettings.id == 1)
    system = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if system is None:
        raise NotReadyError(_MISSING)
    return system
