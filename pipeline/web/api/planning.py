"""Owns `/clusters`, `/ideas` and `/tasks`, and a site's lists of them: what was planned of its keywords."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from pipeline.core.roles import Scope
from pipeline.core.states import ClusterStatus, ContentTaskStatus, IdeaStatus
from pipeline.models import Cluster, ContentTask, Idea
from pipeline.services import planning, sites
from pipeline.services.listing import Page
from pipeline.web.answers import problems
from pipeline.web.api.parameters import After, ClusterId, Holding, IdeaId, Limit, SiteId, TaskId
from pipeline.web.operations import Unit, reads

router = APIRouter(tags=[Scope.KEYWORDS.value])
_LISTED: Final = problems(401, 403, 404, 422)
_MADE: Final = "2026-06-03T10:00:00Z"
_CLUSTER: Final[dict[str, Any]] = {
    "id": 1,
    "site_id": 1,
    "name": "Standing desks",
    "description": "Desks to stand at, and how to choose one.",
    "status": "planned",
    "created_at": _MADE,
}
_IDEA: Final[dict[str, Any]] = {
    "id": 3,
    "site_id": 1,
    "cluster_id": 1,
    "title": "How to choose a standing desk",
    "angle": "For people who have never had one",
    "outline": ["How to begin", "What to buy"],
    "status": "queued",
    "created_at": _MADE,
}
_TASK: Final[dict[str, Any]] = {
    "id": 3,
    "site_id": 1,
    "idea_id": 3,
    "title": "How to choose a standing desk",
    "status": "written",
    "created_at": _MADE,
}
_STATUS: Final = Query(alias="status", description="Only those of this status.")


class ClusterRow(BaseModel):
    """A group of keywords that one family of articles serves."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_CLUSTER]})

    id: int
    site_id: int
    name: str
    description: str
    status: ClusterStatus
    created_at: datetime


class IdeaRow(BaseModel):
    """A proposed article."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_IDEA]})

    id: int
    site_id: int
    cluster_id: int
    title: str
    angle: str
    #: Headings in order.
    outline: list[str]
    status: IdeaStatus
    created_at: datetime


class TaskRow(BaseModel):
    """A row to write: one idea, accepted."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_TASK]})

    id: int
    site_id: int
    idea_id: int
    title: str
    status: ContentTaskStatus
    created_at: datetime


class ClusterPage(BaseModel):
    """Some clusters in the order they were made; `next` goes on behind them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_CLUSTER], "next": None}]})

    items: list[ClusterRow]
    #: None: there are no more.
    next: int | None


class IdeaPage(BaseModel):
    """Some ideas in the order they were made; `next` goes on behind them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_IDEA], "next": None}]})

    items: list[IdeaRow]
    #: None: there are no more.
    next: int | None


class TaskPage(BaseModel):
    """Some tasks in the order they were made; `next` goes on behind them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_TASK], "next": None}]})

    items: list[TaskRow]
    #: None: there are no more.
    next: int | None


@router.get("/sites/{site_id}/clusters", operation_id="list_clusters", response_model=ClusterPage, responses=_LISTED)
@reads(Scope.KEYWORDS)
def list_clusters(
    unit: Unit,
    site_id: SiteId,
    *,
    with_status: Annotated[ClusterStatus | None, _STATUS] = None,
    text: Holding = "",
    after: After = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List a site's clusters in the order they were made."""
    return _page(unit, Cluster, site_id, status=with_status, text=text, after_id=after, limit=limit)


@router.get("/clusters/{cluster_id}", operation_id="get_cluster", response_model=ClusterRow, responses=_LISTED)
@reads(Scope.KEYWORDS)
def show_cluster(unit: Unit, cluster_id: ClusterId) -> Cluster:
    """Show a cluster."""
    return planning.get_planned(unit.session, Cluster, account_id=unit.account_id, row_id=cluster_id)


@router.get("/sites/{site_id}/ideas", operation_id="list_ideas", response_model=IdeaPage, responses=_LISTED)
@reads(Scope.KEYWORDS)
def list_ideas(
    unit: Unit,
    site_id: SiteId,
    *,
    with_status: Annotated[IdeaStatus | None, _STATUS] = None,
    text: Holding = "",
    after: After = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List a site's ideas in the order they were made."""
    return _page(unit, Idea, site_id, status=with_status, text=text, after_id=after, limit=limit)


@router.get("/ideas/{idea_id}", operation_id="get_idea", response_model=IdeaRow, responses=_LISTED)
@reads(Scope.KEYWORDS)
def show_idea(unit: Unit, idea_id: IdeaId) -> Idea:
    """Show an idea."""
    return planning.get_planned(unit.session, Idea, account_id=unit.account_id, row_id=idea_id)


@router.get("/sites/{site_id}/tasks", operation_id="list_tasks", response_model=TaskPage, responses=_LISTED)
@reads(Scope.KEYWORDS)
def list_tasks(
    unit: Unit,
    site_id: SiteId,
    *,
    with_status: Annotated[ContentTaskStatus | None, _STATUS] = None,
    after: After = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List a site's content tasks in the order they were made."""
    return _page(unit, ContentTask, site_id, status=with_status, after_id=after, limit=limit)


@router.get("/tasks/{task_id}", operation_id="get_task", response_model=TaskRow, responses=_LISTED)
@reads(Scope.KEYWORDS)
def show_task(unit: Unit, task_id: TaskId) -> ContentTask:
    """Show a content task."""
    return planning.get_planned(unit.session, ContentTask, account_id=unit.account_id, row_id=task_id)


def _page(unit: Unit, model: type[Cluster | Idea | ContentTask], site_id: int, **asked: Any) -> dict[str, Any]:
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    page: Page[Any] = planning.list_planned(unit.session, model, site=site, **asked)
    return {"items": page.items, "next": page.next_id}
