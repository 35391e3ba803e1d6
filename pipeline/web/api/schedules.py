"""Owns `/sites/{site_id}/schedule`: when a site runs by itself; its pause and its end."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from pipeline.core.roles import Scope
from pipeline.models import Site, SiteAutomationSettings
from pipeline.services import schedule_pauses, settings, sites
from pipeline.web.answers import problems
from pipeline.web.api.parameters import SiteId
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(prefix="/sites/{site_id}/schedule", tags=[Scope.RUNS.value])
_EXAMPLE: Final[dict[str, Any]] = {
    "site_id": 1,
    "enabled": True,
    "next_run_at": "2026-06-04T00:00:00Z",
    "paused_at": None,
    "paused_reason": None,
    "failed_in_a_row": 0,
}
_ACTED: Final = problems(401, 403, 404, 409, 422)


class Schedule(BaseModel):
    """When a site runs by itself, or why it does not."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    site_id: int
    #: `automation.enabled` of its settings.
    enabled: bool
    #: None: it is off or paused.
    next_run_at: datetime | None
    paused_at: datetime | None
    paused_reason: str | None
    #: Scheduled runs that failed, one after the other.
    failed_in_a_row: int


@router.get("", operation_id="get_schedule", response_model=Schedule, responses=problems(401, 403, 404, 422))
@reads(Scope.RUNS)
def show(unit: Unit, site_id: SiteId) -> Schedule:
    """Show when a site runs by itself, or why it does not."""
    site = _site(unit, site_id)
    return _shown(site, settings.row_of(unit.session, site))


@router.post("/pause", operation_id="pause_schedule", response_model=Schedule, responses=_ACTED)
@writes(Scope.RUNS)
def pause(unit: Unit, site_id: SiteId) -> Schedule:
    """Start no run of a site by itself until its schedule is resumed; people still start runs."""
    site = _site(unit, site_id)
    return _shown(site, schedule_pauses.pause(unit.session, site, actor=unit.caller.actor, now=unit.now))


@router.post("/resume", operation_id="resume_schedule", response_model=Schedule, responses=_ACTED)
@writes(Scope.RUNS)
def resume(unit: Unit, site_id: SiteId) -> Schedule:
    """Go on with a paused schedule: the next run is computed from now, failures count anew."""
    site = _site(unit, site_id)
    return _shown(site, schedule_pauses.resume(unit.session, site, actor=unit.caller.actor, now=unit.now))


def _site(unit: Unit, site_id: int) -> Site:
    return sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)


def _shown(site: Site, row: SiteAutomationSettings) -> Schedule:
    return Schedule(
        site_id=site.id,
        enabled=row.automation_enabled,
        next_run_at=row.next_run_at,
        paused_at=row.paused_at,
        paused_reason=row.paused_reason,
        failed_in_a_row=row.failed_in_a_row,
    )
