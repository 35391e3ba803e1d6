"""Owns `/sites/{site_id}/sync`: how a site was found last, what stands there otherwise than published, its events."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from pipeline.core.roles import Scope
from pipeline.services import site_health, sites
from pipeline.web.answers import problems
from pipeline.web.api.parameters import Limit, SiteId
from pipeline.web.operations import Unit, reads

router = APIRouter(prefix="/sites/{site_id}/sync", tags=[Scope.SITES.value])
_EVENT: Final[dict[str, Any]] = {
    "id": 3,
    "kind": "edited",
    "content_id": 12,
    "message": "“Oak desks” was edited at the site. It is left as it is there.",
    "at": "2026-06-04T10:17:00Z",
}
_EXAMPLE: Final[dict[str, Any]] = {
    "sync_status": "drifted",
    "sync_error": None,
    "last_sync_at": "2026-06-04T10:17:00Z",
    "drifted": [{"content_id": 12, "title": "Oak desks", "drift": "edited"}],
    "events": [_EVENT],
}


class Drift(BaseModel):
    """An article that does not stand on its site as it was published."""

    content_id: int
    title: str
    #: `deleted`, `unpublished` (there, but not for visitors) or `edited`.
    drift: str


class SyncEventEntry(BaseModel):
    """Something that was found at a site, or came to an end there."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EVENT]})

    id: int
    #: `failing`, `recovered`, `deleted`, `unpublished`, `edited` or `back`.
    kind: str
    #: None: the site as a whole.
    content_id: int | None
    message: str
    at: datetime


class SiteSync(BaseModel):
    """How a site was found at its last check, and before."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    #: `never`, `ok`, `drifted` or `failing`.
    sync_status: str
    #: What it said when it failed; None: it answers.
    sync_error: str | None
    last_sync_at: datetime | None
    drifted: list[Drift]
    #: The newest first.
    events: list[SyncEventEntry]


@router.get("", operation_id="get_site_sync", response_model=SiteSync, responses=problems(401, 403, 404, 422))
@reads(Scope.SITES)
def show(unit: Unit, site_id: SiteId, limit: Limit = 50) -> dict[str, Any]:
    """Show how a site was found last, which articles stand there otherwise than published, and what happened there."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    drifted = site_health.drifted(unit.session, site, limit=limit)
    return {
        "sync_status": site.sync_status,
        "sync_error": site.sync_error,
        "last_sync_at": site.last_sync_at,
        "drifted": [{"content_id": key, "title": title, "drift": drift} for key, title, drift in drifted],
        "events": site_health.events(unit.session, site, limit=limit),
    }
