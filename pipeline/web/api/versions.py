"""Owns `/content/{content_id}/versions`: what an article said before it was edited; list, read, restore."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict

from pipeline.core.errors import StaleError
from pipeline.core.roles import Scope
from pipeline.models import Content, ContentVersion
from pipeline.services import content, edits, versions
from pipeline.web.answers import problems
from pipeline.web.api.content import CONTENT_ETAG, ContentDetails, details, etag_of
from pipeline.web.api.parameters import ContentId, Limit
from pipeline.web.api.reviews import IfVersion, expected_version
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(prefix="/content/{content_id}/versions", tags=[Scope.CONTENT.value])
_LARGEST: Final = 2**31 - 1
_VERSION: Final[dict[str, Any]] = {
    "version": 1,
    "title": "How to choose a standing desk",
    "word_count": 1240,
    "replaced_by": "api key 3 (planner)",
    "replaced_at": "2026-06-03T10:30:00Z",
}
_FULL: Final[dict[str, Any]] = {
    **_VERSION,
    "slug": "how-to-choose-a-standing-desk",
    "meta_title": "How to choose a standing desk",
    "meta_description": "What matters, and what does not.",
    "excerpt": "What matters, and what does not.",
    "tags": ["desks"],
    "body_html": "<h2>How to begin</h2><p>Start small.</p>",
}
Version = Annotated[int, Path(ge=1, le=_LARGEST, description="Which version of it.", examples=[1])]
BeforeVersion = Annotated[
    int | None, Query(ge=1, le=_LARGEST, description="Only versions older than that: `next` of the answer before.")
]


class VersionSummary(BaseModel):
    """What an article said in a version, without its text."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_VERSION]})

    version: int
    title: str
    word_count: int
    #: Who wrote the version after it, and when; None: it says that now.
    replaced_by: str | None = None
    replaced_at: datetime | None = None


class VersionText(VersionSummary):
    """What an article said in a version."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_FULL]})

    slug: str
    meta_title: str
    meta_description: str
    excerpt: str
    tags: list[str]
    #: Sanitised.
    body_html: str


class VersionPage(BaseModel):
    """The version of now, and those before it, the newest first; `next` goes on with older ones."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_VERSION], "next": None}]})

    items: list[VersionSummary]
    #: None: there are no more.
    next: int | None


@router.get(
    "", operation_id="list_content_versions", response_model=VersionPage, responses=problems(401, 403, 404, 422)
)
@reads(Scope.CONTENT)
def list_some(unit: Unit, content_id: ContentId, before: BeforeVersion = None, limit: Limit = 50) -> dict[str, Any]:
    """List what an article says and said, the newest version first."""
    article = content.get_content(unit.session, account_id=unit.account_id, content_id=content_id)
    found: list[Content | ContentVersion] = [article] if before is None else []
    found += versions.list_versions(unit.session, article, before=before, limit=limit + 1)
    page = found[:limit]
    return {"items": page, "next": page[-1].version if len(found) > limit else None}


@router.get(
    "/{version}",
    operation_id="get_content_version",
    response_model=VersionText,
    responses=problems(401, 403, 404, 422),
)
@reads(Scope.CONTENT)
def show(unit: Unit, content_id: ContentId, version: Version) -> Content | ContentVersion:
    """Read what an article said in a version."""
    article = content.get_content(unit.session, account_id=unit.account_id, content_id=content_id)
    return versions.get_version(unit.session, article, version)


@router.post(
    "/{version}/restore",
    operation_id="restore_content_version",
    response_model=ContentDetails,
    responses={200: {"headers": CONTENT_ETAG}, **problems(401, 403, 404, 409, 412, 422)},
)
@writes(Scope.CONTENT)
def restore(
    unit: Unit, response: Response, content_id: ContentId, version: Version, if_match: IfVersion = None
) -> ContentDetails:
    """Have an article say again what it said in a version: that is a new version, and its site shows it."""
    article = content.get_content(unit.session, account_id=unit.account_id, content_id=content_id)
    expected = expected_version(article, if_match)
    try:
        edits.restore(unit.session, article, version, expected_version=expected, actor=unit.caller.actor, now=unit.now)
    except StaleError as error:
        raise StaleError(error.message, etag=etag_of(article)) from None
    response.headers["ETag"] = etag_of(article)
    return details(unit.session, article)
