"""Owns the one document in which a site's settings are read and sent back (plan 3.2).

What is stored was checked when it was saved: reading it checks nothing again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from pipeline.core import calendar
from pipeline.core.catalog import STAGES, ModelType
from pipeline.core.errors import NotFoundError
from pipeline.core.matrix import default_row
from pipeline.models import AiModel, Site, SiteAutomationSettings
from pipeline.services.settings.rows import COLUMNS, row_of

_KEPT_IN: Final = [column for names in COLUMNS.values() for column in names.values()]
_FOUND: Final = (
    select(Site.timezone, *(getattr(SiteAutomationSettings, name) for name in (*_KEPT_IN, "stage_config")))
    .join(SiteAutomationSettings, SiteAutomationSettings.site_id == Site.id)
    .where(Site.account_id == bindparam("account"), Site.id == bindparam("site"))
)
_MODELS: Final = select(AiModel.model_type, AiModel.is_testing, AiModel.display_name).where(
    AiModel.is_active, AiModel.is_testing | AiModel.is_default
)
#: Columns of the matrix by stage: what stands there where a row does not say.
_ROWS: Final = {stage.number: default_row(stage).model_dump() for stage in STAGES}
_ROLES: Final = {"testing": True, "live": False}


def document(session: Session, site: Site) -> dict[str, Any]:
    """Everything one site decides, and what is read-only beside it: capacities, zone, names of the models."""
    return written(row_of(session, site), timezone=site.timezone, models=available_models(session))


def find_document(session: Session, *, account_id: int, site_id: int) -> dict[str, Any]:
    """The same of the account's site of that id, in two statements; NotFoundError where it is not there, or not its."""
    found = session.connection().execute(_FOUND, {"account": account_id, "site": site_id}).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no site {site_id} in this account.")
    return written(found, timezone=found.timezone, models=available_models(session))


def written(row: Any, *, timezone: str, models: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a stored row, or of one that has its columns."""
    groups = {group: {name: getattr(row, column) for name, column in names.items()} for group, names in COLUMNS.items()}
    publishing = groups["publishing"]
    return {
        "automation": groups["automation"],
        "stages": _stages(row.stage_config),
        "delays": groups["delays"],
        "publishing": {**publishing, **_capacities(publishing), "timezone": timezone},
        "ai": groups["ai"],
        "content": groups["content"],
        "available_models": models,
    }


def _stages(config: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "number": stage.number,
            "name": stage.name,
            "has_ai": stage.has_ai,
            **{column: config[str(stage.number)].get(column, value) for column, value in _ROWS[stage.number].items()},
        }
        for stage in STAGES
    ]


def _capacities(publishing: Mapping[str, Any]) -> dict[str, int]:
    capacity = calendar.capacity(publishing["publish_days"], publishing["time_slots"])
    return {
        "daily_capacity": capacity.daily,
        "weekly_capacity": capacity.weekly,
        "monthly_capacity": capacity.monthly,
    }


def available_models(session: Session) -> dict[str, dict[str, str | None]]:
    """What the testing and the live model of each type are called; None where there is none."""
    names = {(kind, is_testing): name for kind, is_testing, name in session.connection().execute(_MODELS)}
    return {
        kind.value: {role: names.get((kind.value, is_testing)) for role, is_testing in _ROLES.items()}
        for kind in ModelType
    }
