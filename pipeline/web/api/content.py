"""Owns `/content` and `/sites/{site_id}/content`: list, show, lineage, publish now."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

from pipeline.core.roles import Scope
from pipeline.core.states import ContentStatus, PublicationStatus
from pipeline.models import Content, Publication
from pipeline.services import audit, content, content_restores, publications, sites
from pipeline.web.answers import problems
from pipeline.web.api.parameters import After, ContentId, Limit, SiteId
from pipeline.web.operations import Unit, reads, writes

CONTENT_ETAG: Final = {"ETag": {"description": "Of its version: what it says.", "schema": {"type": "string"}}}
router = APIRouter(tags=[Scope.CONTENT.value])
_BRIEF: Final[dict[str, Any]] = {
    "id": 3,
    "site_id": 1,
    "content_task_id": 3,
    "title": "How to choose a standing desk",
    "slug": "how-to-choose-a-standing-desk",
    "status": "scheduled",
    "word_count": 1240,
    "images_missing": False,
    "approved_at": "2026-06-03T10:30:00Z",
    "deleted_at": None,
}
_PUBLICATION: Final[dict[str, Any]] = {
    "status": "planned",
    "slot_at": "2026-06-04T07:00:00Z",
    "due_at": "2026-06-04T07:00:00Z",
    "published_at": None,
    "remote_id": None,
    "remote_url": None,
    "placed_version": None,
    "error": None,
}
_FULL: Final[dict[str, Any]] = {
    **_BRIEF,
    "meta_title": "How to choose a standing desk",
    "meta_description": "What matters, and what does not.",
    "excerpt": "What matters, and what does not.",
    "tags": ["desks"],
    "body_html": "<h2>How to begin</h2><p>Start small.</p>",
    "held_back": False,
    "version": 1,
    "created_at": "2026-06-03T10:00:00Z",
    "publication": _PUBLICATION,
}
_STEP: Final[dict[str, Any]] = {"id": 3, "title": "How to choose a standing desk", "status": "written"}
_LINEAGE: Final[dict[str, Any]] = {
    "content": {**_STEP, "status": "scheduled"},
    "task": _STEP,
    "idea": {**_STEP, "status": "queued"},
    "cluster": {"id": 1, "title": "Standing desks", "status": "planned"},
    "keywords": [{"id": 6, "text": "how to choose a standing desk", "volume": 1760}],
}
Deleted = Annotated[bool, Query(description="Those that were deleted and can be restored, of any status, instead.")]
OfStatus = Annotated[ContentStatus | None, Query(alias="status", description="Only those of this status.")]


class ContentSummary(BaseModel):
    """An article without its text."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_BRIEF]})

    id: int
    site_id: int
    content_task_id: int
    title: str
    slug: str
    status: ContentStatus
    word_count: int
    images_missing: bool
    approved_at: datetime | None
    #: For 30 days it can be restored; None: it is there.
    deleted_at: datetime | None


class PublicationState(BaseModel):
    """How an article stands on its site."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_PUBLICATION]})

    status: PublicationStatus
    slot_at: datetime | None
    #: When the site is asked (again); None: nothing is to be done.
    due_at: datetime | None
    published_at: datetime | None
    remote_id: str | None
    remote_url: str | None
    #: The version that the site shows; None: none.
    placed_version: int | None
    error: str | None


class ContentDetails(ContentSummary):
    """An article, and where it is published."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_FULL]})

    meta_title: str
    meta_description: str
    excerpt: str
    tags: list[str]
    #: Sanitised.
    body_html: str
    held_back: bool
    version: int
    created_at: datetime
    #: None: nothing was planned yet.
    publication: PublicationState | None = None


class ContentPage(BaseModel):
    """Some articles in the order they were written; `next` goes on behind them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_BRIEF], "next": None}]})

    items: list[ContentSummary]
    #: None: there are no more.
    next: int | None


class LineageStep(BaseModel):
    """One row on the way."""

    id: int
    title: str
    status: str


class LineageKeyword(BaseModel):
    """A keyword that the article's idea targets."""

    id: int
    text: str
    #: Searches a month; None: unknown.
    volume: int | None


class ContentLineage(BaseModel):
    """An article and everything it came from."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LINEAGE]})

    content: LineageStep
    task: LineageStep
    idea: LineageStep
    cluster: LineageStep
    keywords: list[LineageKeyword]


@router.get(
    "/sites/{site_id}/content",
    operation_id="list_content",
    response_model=ContentPage,
    responses=problems(401, 403, 404, 422),
)
@reads(Scope.CONTENT)
def list_some(
    unit: Unit,
    site_id: SiteId,
    *,
    with_status: OfStatus = None,
    deleted: Deleted = False,
    after: After = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List a site's articles in the order they were written."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    if deleted:
        page = content_restores.list_deleted(unit.session, site=site, now=unit.now, after_id=after, limit=limit)
        return {"items": page.items, "next": page.next_id}
    page = content.list_contents(unit.session, site=site, status=with_status, after_id=after, limit=limit)
    return {"items": page.items, "next": page.next_id}


def details(session: Session, article: Content) -> ContentDetails:
    """An article as it is shown."""
    publication = publications.of_content(session, article)
    return ContentDetails.model_validate(article).model_copy(
        update={"publication": None if publication is None else PublicationState.model_validate(publication)}
    )


def etag_of(article: Content) -> str:
    """The mark of what an article says: its version, whatever becomes of its status meanwhile."""
    return f'"{article.version}"'


@router.get(
    "/content/{content_id}",
    operation_id="get_content",
    response_model=ContentDetails,
    responses={200: {"headers": CONTENT_ETAG}, **problems(401, 403, 404, 422)},
)
@reads(Scope.CONTENT)
def show(unit: Unit, response: Response, content_id: ContentId) -> ContentDetails:
    """Show an article, and where it is published."""
    article = content.get_content(unit.session, account_id=unit.account_id, content_id=content_id)
    response.headers["ETag"] = etag_of(article)
    return details(unit.session, article)


@router.get(
    "/content/{content_id}/lineage",
    operation_id="get_lineage",
    response_model=ContentLineage,
    responses=problems(401, 403, 404, 422),
)
@reads(Scope.CONTENT)
def lineage(unit: Unit, content_id: ContentId) -> dict[str, Any]:
    """Follow an article back to its keywords."""
    return content.lineage(unit.session, content_id, account_id=unit.account_id).as_json()


@router.post(
    "/content/{content_id}/restore",
    operation_id="restore_content",
    response_model=ContentDetails,
    responses={200: {"headers": CONTENT_ETAG}, **problems(401, 403, 404, 409, 422)},
)
@writes(Scope.CONTENT)
def restore(unit: Unit, response: Response, content_id: ContentId) -> ContentDetails:
    """Have a deleted article back where its work goes on: mostly in review. It gets no slot by that."""
    article = content_restores.restore(
        unit.session, account_id=unit.account_id, content_id=content_id, actor=unit.caller.actor, now=unit.now
    )
    response.headers["ETag"] = etag_of(article)
    return details(unit.session, article)


@router.post(
    "/content/{content_id}/publish",
    operation_id="publish_content",
    status_code=202,
    response_model=PublicationState,
    responses=problems(401, 403, 404, 409, 422),
)
@writes(Scope.CONTENT)
def publish(unit: Unit, content_id: ContentId) -> Publication:
    """Have an approved article published at once; its slot is free for another. Look at it again to see it done."""
    article = content.get_content(unit.session, account_id=unit.account_id, content_id=content_id)
    planned = publications.publish_now(unit.session, article, now=unit.now)
    audit.record(
        unit.session,
        account_id=unit.account_id,
        actor=unit.caller.actor,
        action="content.published_now",
        subject_kind="content",
        subject_id=article.id,
        now=unit.now,
    )
    return planned
