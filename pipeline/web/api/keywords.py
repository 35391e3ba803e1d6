"""Owns `/keywords` and `/sites/{site_id}/keywords`: list, add a few, import a file, show, delete."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.roles import Scope
from pipeline.core.states import KeywordStatus
from pipeline.models import Keyword
from pipeline.services import keywords, sites
from pipeline.services.keywords import ImportReport
from pipeline.web.answers import problems
from pipeline.web.api.keyword_uploads import BODY, IMPORT_PATH_END, Upload
from pipeline.web.api.parameters import After, Holding, KeywordId, Limit, SiteId, Text
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(tags=[Scope.KEYWORDS.value])
_MOST_ADDED: Final = 1_000
_KEYWORD: Final[dict[str, Any]] = {
    "id": 6,
    "site_id": 1,
    "text": "how to choose a standing desk",
    "volume": 1760,
    "difficulty": 32,
    "intent": "informational",
    "country": "us",
    "status": "clustered",
    "cluster_id": 1,
    "created_at": "2026-06-03T10:00:00Z",
}
_REPORT: Final[dict[str, Any]] = {
    "read": 3,
    "imported": 1,
    "duplicates": 1,
    "rejected": [{"line": 4, "reason": "The keyword is empty."}],
    "warnings": [],
}
OfKeywordStatus = Annotated[KeywordStatus | None, Query(alias="status", description="Only those of this status.")]


class KeywordRow(BaseModel):
    """A search phrase of a site."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_KEYWORD]})

    id: int
    site_id: int
    text: str
    #: Searches a month; None: unknown.
    volume: int | None
    #: 0 to 100; None: unknown.
    difficulty: int | None
    intent: str | None
    country: str | None
    status: KeywordStatus
    #: None: in none yet.
    cluster_id: int | None
    created_at: datetime


class KeywordPage(BaseModel):
    """Some keywords in the order they came; `next` goes on behind them, also where a search found none yet."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_KEYWORD], "next": 6}]})

    items: list[KeywordRow]
    #: None: there are no more.
    next: int | None


class NewKeywords(BaseModel):
    """Keywords to add."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"keywords": ["standing desk"]}]})

    keywords: Annotated[list[Text], Field(min_length=1, max_length=_MOST_ADDED)]


class RejectedLine(BaseModel):
    """A row that could not be used, and why."""

    line: int
    reason: str


class KeywordReport(BaseModel):
    """What became of the rows: read = imported + duplicates + rejected."""

    model_config = ConfigDict(json_schema_extra={"examples": [_REPORT]})

    read: int
    imported: int
    #: Of an earlier row, or of a keyword the site had.
    duplicates: int
    rejected: list[RejectedLine]
    #: About the file as a whole.
    warnings: list[str]


class DeletedKeyword(BaseModel):
    """A keyword that was deleted, and what came of it: that stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"keyword_id": 6, "cluster_id": 1, "ideas": 2, "articles": 1}]}
    )

    keyword_id: int
    cluster_id: int | None
    #: How many ideas target it, and how many articles came of those.
    ideas: int
    articles: int


@router.get(
    "/sites/{site_id}/keywords",
    operation_id="list_keywords",
    response_model=KeywordPage,
    responses=problems(401, 403, 404, 422),
)
@reads(Scope.KEYWORDS)
def list_some(
    unit: Unit,
    site_id: SiteId,
    *,
    with_status: OfKeywordStatus = None,
    text: Holding = "",
    after: After = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """List a site's keywords in the order they came."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    page = keywords.list_keywords(unit.session, site=site, status=with_status, text=text, after_id=after, limit=limit)
    return {"items": page.items, "next": page.next_id}


@router.post(
    "/sites/{site_id}/keywords",
    operation_id="add_keywords",
    response_model=KeywordReport,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes(Scope.KEYWORDS)
def add(unit: Unit, site_id: SiteId, new: NewKeywords) -> dict[str, Any]:
    """Add a few keywords; those the site has count as duplicates. All of them are usable, or none is added."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    return _told(keywords.add(unit.session, site, new.keywords, now=unit.now))


@router.post(
    f"/sites/{{site_id}}{IMPORT_PATH_END}",
    operation_id="import_keywords",
    response_model=KeywordReport,
    responses=problems(401, 403, 404, 409, 413, 422),
    openapi_extra=BODY,
)
@writes(Scope.KEYWORDS)
def import_file(unit: Unit, site_id: SiteId, file: Upload) -> dict[str, Any]:
    """Import a file of keywords: its encoding, delimiter and columns are detected; rows of no use are told by line."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    return _told(keywords.import_keywords(unit.session, site, file, now=unit.now))


@router.get(
    "/keywords/{keyword_id}",
    operation_id="get_keyword",
    response_model=KeywordRow,
    responses=problems(401, 403, 404, 422),
)
@reads(Scope.KEYWORDS)
def show(unit: Unit, keyword_id: KeywordId) -> Keyword:
    """Show a keyword."""
    return keywords.get_keyword(unit.session, account_id=unit.account_id, keyword_id=keyword_id)


@router.delete(
    "/keywords/{keyword_id}",
    operation_id="delete_keyword",
    response_model=DeletedKeyword,
    responses=problems(401, 403, 404, 409, 422),
)
@writes(Scope.KEYWORDS)
def delete(unit: Unit, keyword_id: KeywordId) -> DeletedKeyword:
    """Delete a keyword: nothing is made of it any more; what came of it stays. Added again, it is back."""
    keyword = keywords.get_keyword(unit.session, account_id=unit.account_id, keyword_id=keyword_id)
    below = keywords.delete(unit.session, keyword, actor=unit.caller.actor, now=unit.now)
    return DeletedKeyword(
        keyword_id=keyword.id, cluster_id=below.cluster_id, ideas=below.ideas, articles=below.articles
    )


def _told(report: ImportReport) -> dict[str, Any]:
    return {**report.as_json(), "warnings": report.warnings}
