"""Owns `/search`: what of the account is called so, and where the console shows it."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from pipeline.core.roles import Scope, covers
from pipeline.services import search, sites
from pipeline.services.search import MAX_CHARACTERS, Found, Kind
from pipeline.web.answers import problems
from pipeline.web.api.parameters import OfSite, Text
from pipeline.web.operations import Unit, reads

router = APIRouter(prefix="/search", tags=[Scope.SITES.value])
_EXAMPLE: Final[dict[str, Any]] = {
    "kind": "keyword",
    "id": 7,
    "site_id": 1,
    "text": "standing desk",
    "status": "clustered",
    "page": "/planner/keywords?site=1&after=6",
}
#: Which part of the API a kind belongs to: a key finds nothing beyond its scopes.
_SCOPES: Final = {
    Kind.SITE: Scope.SITES,
    Kind.ARTICLE: Scope.CONTENT,
    Kind.KEYWORD: Scope.KEYWORDS,
    Kind.CLUSTER: Scope.KEYWORDS,
    Kind.IDEA: Scope.KEYWORDS,
    Kind.RUN: Scope.RUNS,
}
#: Lists that are shown from a row on.
_LISTS: Final = {
    Kind.KEYWORD: "/planner/keywords",
    Kind.CLUSTER: "/planner/clusters",
    Kind.IDEA: "/planner/ideas",
}

Wanted = Annotated[
    Text,
    Query(
        alias="q", max_length=MAX_CHARACTERS, description="What it is called, or how that begins; empty: nothing is."
    ),
]
OfEach = Annotated[int, Query(alias="limit", ge=1, le=20, description="Most of each kind.")]


class SearchHit(BaseModel):
    """Something that is called so."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    kind: Kind
    id: int
    site_id: int
    #: What it is called.
    text: str
    #: None: it has none.
    status: str | None
    #: Where the console shows it, below the address of the installation.
    page: str


class SearchHits(BaseModel):
    """What was found, kind by kind: the best first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_EXAMPLE]}]})

    items: list[SearchHit]


@router.get("", operation_id="search", response_model=SearchHits, responses=problems(401, 403, 404, 422))
@reads(Scope.SITES)
def find(unit: Unit, text: Wanted = "", most: OfEach = 5, site_id: OfSite = None) -> SearchHits:
    """Find what is called so; `site_id` stands first: its newest rows are looked through for what holds the text."""
    if site_id is not None:
        sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    listed = sites.list_sites(unit.session, account_id=unit.account_id)
    found = search.search(
        unit.session,
        text,
        account_id=unit.account_id,
        sites=sorted(listed, key=lambda site: site.id != site_id),
        kinds=[kind for kind, scope in _SCOPES.items() if covers(unit.caller.scopes, scope)],
        limit=most,
    )
    return SearchHits(items=[SearchHit(**vars(hit), page=_page_of(hit)) for hit in found])


def _page_of(hit: Found) -> str:
    if hit.kind is Kind.SITE:
        return f"/switch?{urlencode({'site': hit.id, 'to': '/automation/overview'})}"
    if hit.kind is Kind.ARTICLE:
        return f"/writer/content/{hit.id}"
    if hit.kind is Kind.RUN:
        return f"/automation/runs/{hit.id}"
    return f"{_LISTS[hit.kind]}?{urlencode({'site': hit.site_id, 'after': hit.id - 1})}"
