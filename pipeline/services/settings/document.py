"""Owns the one document in which a site's settings are read and sent back (plan 3.2)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.core.catalog import STAGES, ModelType
from pipeline.core.matrix import SiteSettings
from pipeline.models import AiModel, Site
from pipeline.services.settings.rows import load


def document(session: Session, site: Site) -> dict[str, Any]:
    """Everything one site decides, and what is read-only beside it: capacities, zone, names of the models."""
    settings = load(session, site)
    plain: dict[str, Any] = settings.model_dump(mode="json")
    return {
        "automation": plain["automation"],
        "stages": _stages(settings),
        "delays": plain["delays"],
        "publishing": {**plain["publishing"], **_capacities(settings), "timezone": site.timezone},
        "ai": plain["ai"],
        "content": plain["content"],
        "available_models": _available_models(session),
    }


def _stages(settings: SiteSettings) -> list[dict[str, Any]]:
    return [
        {
            "number": stage.number,
            "name": stage.name,
            "has_ai": stage.has_ai,
            **settings.stages[stage.number].model_dump(),
        }
        for stage in STAGES
    ]


def _capacities(settings: SiteSettings) -> dict[str, int]:
    capacity = settings.capacity
    return {
        "daily_capacity": capacity.daily,
        "weekly_capacity": capacity.weekly,
        "monthly_capacity": capacity.monthly,
    }


def _available_models(session: Session) -> dict[str, dict[str, str | None]]:
    """What the testing and the live model of each type are called; None where there is none."""
    rows = session.execute(
        select(AiModel.model_type, AiModel.is_testing, AiModel.display_name).where(
            AiModel.is_active, AiModel.is_testing | AiModel.is_default
        )
    )
    names = {(row.model_type, row.is_testing): row.display_name for row in rows}
    roles = {"testing": True, "live": False}
    return {
        kind.value: {role: names.get((kind.value, is_testing)) for role, is_testing in roles.items()}
        for kind in ModelType
    }
