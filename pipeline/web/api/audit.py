"""Owns `/audit`: what was done in an account, and by whom, for its owners."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from pipeline.core.roles import Role, Scope
from pipeline.services import audit, sites
from pipeline.web.answers import problems
from pipeline.web.api.parameters import Before, Limit, OfSite
from pipeline.web.faults import ACTION
from pipeline.web.operations import Unit, reads

router = APIRouter(prefix="/audit", tags=[Scope.AUDIT.value])
_EVENT: Final[dict[str, Any]] = {
    "id": 91,
    "actor": "user 1",
    "actor_name": "Owner",
    "action": "run.paused",
    "subject_kind": "run",
    "subject_id": 12,
    "details": {},
    "at": "2026-06-03T10:30:00Z",
}
OfAction = Annotated[str | None, Query(pattern=ACTION, description="Only this action.", examples=["run.paused"])]


class AuditEntry(BaseModel):
    """Something that was done, and to what."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EVENT]})

    id: int
    #: `user 1`, `key planner (igny8_9Jx2aQ)`, `cli`, `scheduler`.
    actor: str
    #: What the person is called; None: it was none, or is none any more.
    actor_name: str | None
    action: str
    subject_kind: str
    subject_id: int
    details: dict[str, Any]
    at: datetime


class AuditPage(BaseModel):
    """Some events, the newest first; `next` goes on with older ones."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EVENT], "next": 91}]})

    items: list[AuditEntry]
    #: None: there are no more.
    next: int | None


@router.get("", operation_id="list_audit_events", response_model=AuditPage, responses=problems(401, 403, 404, 422))
@reads(Scope.AUDIT, role=Role.OWNER)
def list_some(
    unit: Unit, site_id: OfSite = None, action: OfAction = None, before: Before = None, limit: Limit = 100
) -> AuditPage:
    """List what was done, the newest first: in the account, or to one site, its runs and its articles."""
    if site_id is not None:
        sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    found = audit.list_events(
        unit.session,
        account_id=unit.account_id,
        site_id=site_id,
        action=action,
        before_id=before,
        limit=limit + 1,
    )
    page = found[:limit]
    names = audit.names_of(unit.session, page)
    columns = [name for name in AuditEntry.model_fields if name != "actor_name"]
    items = [
        AuditEntry(actor_name=names.get(event.actor), **{name: getattr(event, name) for name in columns})
        for event in page
    ]
    return AuditPage(items=items, next=page[-1].id if len(found) > limit else None)
