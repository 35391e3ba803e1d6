"""Owns the one document in which a site's settings are read and sent back (plan 3.2).

What is stored was checked when it was saved: reading it checks nothing again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import JSON, Text, bindparam, cast, literal_column, select
from sqlalchemy.orm import Session

from pipeline.core import calendar
from pipeline.core.catalog import STAGES, ModelType
from pipeline.core.errors import NotFoundError
from pipeline.core.matrix import default_row
from pipeline.models import AccountSetting, AiModel, Site, SiteAutomationSettings
from pipeline.models.base import table_of
from pipeline.services.settings.resolution import MODEL_PREFERENCES
from pipeline.services.settings.rows import COLUMNS, row_of

_TABLE: Final = table_of(SiteAutomationSettings).c
_KEPT_IN: Final = (*(column for names in COLUMNS.values() for column in names.values()), "stage_config")
_AS_JSON: Final = frozenset(name for name in _KEPT_IN if isinstance(_TABLE[name].type, JSON))
#: Which live models the account of a site prefers, as its text; NULL: none.
PREFERRED: Final = (
    select(cast(AccountSetting.value, Text))
    .where(
        AccountSetting.account_id == Site.account_id,
        AccountSetting.key == literal_column(f"'ai.{MODEL_PREFERENCES}'"),
    )
    .correlate(Site)
    .scalar_subquery()
)
#: What is kept as JSON is read as its text: a row is then of plain values that can be told apart and remembered.
_FOUND: Final = (
    select(
        Site.timezone,
        PREFERRED,
        *(cast(_TABLE[name], Text) if name in _AS_JSON else _TABLE[name] for name in _KEPT_IN),
    )
    .join(SiteAutomationSettings, SiteAutomationSettings.site_id == Site.id)
    .where(Site.account_id == bindparam("account"), Site.id == bindparam("site"))
)
_MODELS: Final = select(
    AiModel.model_type, AiModel.is_testing, AiModel.is_default, AiModel.name, AiModel.display_name
).where(AiModel.is_active)
#: Columns of the matrix by stage: what stands there where a row does not say.
_ROWS: Final = {stage.number: default_row(stage).model_dump() for stage in STAGES}
#: Documents that are remembered, of about 2 kB each.
_REMEMBERED: Final = 2_000
_ROLES: Final = ("testing", "live")


def document(session: Session, site: Site) -> dict[str, Any]:
    """Everything one site decides, and what is read-only beside it: capacities, zone, names of the models."""
    preferred = session.scalar(select(PREFERRED).where(Site.id == site.id))
    return written(row_of(session, site), timezone=site.timezone, models=available_models(session, preferred))


def find_json(session: Session, *, account_id: int, site_id: int) -> bytes:
    """The document of the account's site of that id as JSON, in two statements; NotFoundError."""
    found = session.connection().execute(_FOUND, {"account": account_id, "site": site_id}).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no site {site_id} in this account.")
    return _json_of(tuple(found), tuple(map(tuple, session.connection().execute(_MODELS))))


def as_json(found: Mapping[str, Any]) -> bytes:
    """A document as it goes over HTTP: the same settings are the same bytes."""
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


@lru_cache(maxsize=_REMEMBERED)
def _json_of(found: tuple[Any, ...], models: tuple[Any, ...]) -> bytes:
    """The document of these very values: nothing else goes into it, so that it can be remembered."""
    timezone, preferred, *values = found
    columns = dict(zip(_KEPT_IN, values, strict=True))
    row = SimpleNamespace(**columns)
    for name in _AS_JSON:
        setattr(row, name, json.loads(columns[name]))
    return as_json(written(row, timezone=timezone, models=_named(models, preferred)))


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


def available_models(session: Session, preferred: str | None) -> dict[str, dict[str, str | None]]:
    """What the testing and the live model of each type are called; None: there is none. `preferred`: as `PREFERRED`."""
    return _named(session.connection().execute(_MODELS), preferred)


def _named(rows: Iterable[Any], preferred: str | None) -> dict[str, dict[str, str | None]]:
    wanted: Mapping[str, str] = json.loads(preferred) if preferred else {}
    names: dict[str, dict[str, str | None]] = {kind.value: dict.fromkeys(_ROLES) for kind in ModelType}
    for kind, is_testing, is_default, name, shown in rows:
        of_type = names[kind]
        if is_testing:
            of_type["testing"] = shown
        elif wanted.get(kind) == name or (is_default and of_type["live"] is None):
            of_type["live"] = shown
    return names
