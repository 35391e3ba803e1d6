"""Owns `/sites/{site_id}/decisions`: why runs started, or did not."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from pipeline.core.roles import Scope
from pipeline.services import decisions, sites
from pipeline.web.answers import problems
from pipeline.web.api.parameters import Limit, SiteId
from pipeline.web.operations import Unit, reads

router = APIRouter(prefix="/sites/{site_id}/decisions", tags=[Scope.DECISIONS.value])
_EXAMPLE: Final[dict[str, Any]] = {
    "id": 7,
    "kind": "skipped",
    "reason": "nothing is waiting in any stage that is switched on",
    "scheduled_for": "2026-06-04T00:00:00Z",
    "run_id": None,
    "at": "2026-06-04T00:00:01Z",
}


class DecisionEntry(BaseModel):
    """Why a run started, was skipped or was missed."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: int
    kind: str
    reason: str
    #: None: a person asked for the run.
    scheduled_for: datetime | None
    run_id: int | None
    at: datetime


class Decisions(BaseModel):
    """The latest decisions, the newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EXAMPLE]}]})

    items: list[DecisionEntry]


@router.get("", operation_id="list_decisions", response_model=Decisions, responses=problems(401, 403, 404, 422))
@reads(Scope.DECISIONS)
def list_some(unit: Unit, site_id: SiteId, limit: Limit = 50) -> dict[str, Any]:
    """List why runs of a site started, were skipped or were missed, the newest first."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    found = decisions.list_decisions(unit.session, account_id=unit.account_id, site_id=site.id, limit=limit)
    return {"items": found}
