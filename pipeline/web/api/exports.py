"""Owns lists that are taken away as CSV: keywords, articles, runs; `.csv` stands behind the address of the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from pipeline.core.roles import Scope
from pipeline.services import content, keywords, publications, runs, sites
from pipeline.web.answers import problems
from pipeline.web.api.content import OfStatus
from pipeline.web.api.keywords import OfKeywordStatus
from pipeline.web.api.parameters import Holding, OfSite, SiteId
from pipeline.web.csv_rows import ANSWER, PORTION, streamed
from pipeline.web.operations import Unit, reads

router = APIRouter()
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {200: ANSWER, **problems(401, 403, 404, 422)}
#: As keyword files name them: what was taken away can be imported again.
_KEYWORD: Final = {
    "keyword": "text",
    **{
        name: name for name in ("volume", "difficulty", "intent", "country", "status", "cluster_id", "id", "created_at")
    },
}
_ARTICLE: Final = (
    "id",
    "title",
    "slug",
    "status",
    "word_count",
    "images_missing",
    "version",
    "approved_at",
    "created_at",
)
_PUBLICATION: Final = ("slot_at", "published_at", "remote_url")
_RUN: Final = (
    *("id", "site_id", "status", "origin", "reason", "scheduled_for", "created_at", "started_at", "finished_at"),
)


@router.get(
    "/sites/{site_id}/keywords.csv",
    operation_id="export_keywords",
    tags=[Scope.KEYWORDS.value],
    response_class=Response,
    responses=_RESPONSES,
)
@reads(Scope.KEYWORDS)
def of_keywords(unit: Unit, site_id: SiteId, with_status: OfKeywordStatus = None, text: Holding = "") -> Response:
    """Take a site's keywords away as CSV; the file can be imported again."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)

    def read(session: Session, after: int) -> tuple[Sequence[Mapping[str, Any]], int | None]:
        page = keywords.list_keywords(session, site=site, status=with_status, text=text, after_id=after, limit=PORTION)
        named = [{shown: getattr(row, name) for shown, name in _KEYWORD.items()} for row in page.items]
        return named, page.next_id

    return streamed(unit, f"keywords-{site.id}", tuple(_KEYWORD), read)


@router.get(
    "/sites/{site_id}/content.csv",
    operation_id="export_content",
    tags=[Scope.CONTENT.value],
    response_class=Response,
    responses=_RESPONSES,
)
@reads(Scope.CONTENT)
def of_content(unit: Unit, site_id: SiteId, with_status: OfStatus = None) -> Response:
    """Take a list of a site's articles away as CSV, each with its address, without its text."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)

    def read(session: Session, after: int) -> tuple[Sequence[Mapping[str, Any]], int | None]:
        page = content.list_contents(session, site=site, status=with_status, after_id=after, limit=PORTION)
        placed = publications.of_contents(session, [row.id for row in page.items])
        named = [
            {name: getattr(row, name) for name in _ARTICLE}
            | {name: getattr(placed.get(row.id), name, None) for name in _PUBLICATION}
            for row in page.items
        ]
        return named, page.next_id

    return streamed(unit, f"content-{site.id}", (*_ARTICLE, *_PUBLICATION), read)


@router.get(
    "/runs.csv",
    operation_id="export_runs",
    tags=[Scope.RUNS.value],
    response_class=Response,
    responses=_RESPONSES,
)
@reads(Scope.RUNS)
def of_runs(unit: Unit, site_id: OfSite = None) -> Response:
    """Take the account's runs, or one site's, away as CSV, the oldest first."""
    account_id = unit.account_id
    if site_id is not None:
        sites.get_site(unit.session, account_id=account_id, site_id=site_id)

    def read(session: Session, after: int) -> tuple[Sequence[Mapping[str, Any]], int | None]:
        page = runs.oldest_first(session, account_id=account_id, site_id=site_id, after_id=after, limit=PORTION)
        return [{name: getattr(row, name) for name in _RUN} for row in page.items], page.next_id

    return streamed(unit, "runs", _RUN, read)
