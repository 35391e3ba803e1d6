"""Owns `/keyword-library`: keywords to begin with, which every account reads and gives to its sites."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from pipeline.core.roles import Role, Scope
from pipeline.services import keyword_library, sites
from pipeline.web.answers import problems
from pipeline.web.api.keyword_uploads import BODY, UploadForAll
from pipeline.web.api.keywords import KeywordReport
from pipeline.web.api.parameters import LARGEST_ID, After, Holding, Limit, SiteId, Text
from pipeline.web.operations import Unit, reads, writes

router = APIRouter(tags=[Scope.KEYWORDS.value])
_SHELF: Final[dict[str, Any]] = {
    "sector_id": 3,
    "industry": "Home & Garden",
    "sector": "Home office",
    "keywords": 16,
    "dated_at": "2026-11-28T00:00:00Z",
    "is_example": True,
}
_SEED: Final[dict[str, Any]] = {
    "id": 40,
    "text": "desk lamp for video calls",
    "volume": 200,
    "difficulty": 22,
    "intent": "commercial",
    "country": None,
    "is_example": True,
}
_AnId = Annotated[int, Field(ge=1, le=LARGEST_ID)]
OfSector = Annotated[
    int | None, Query(ge=1, le=LARGEST_ID, description="A sector, by its id; without it all.", examples=[3])
]
IndustryName = Annotated[Text, Query(max_length=400, description="Made where it is missing.", examples=["Crafts"])]
SectorName = Annotated[Text, Query(max_length=400, description="Made where it is missing.", examples=["Pottery"])]


class LibraryShelf(BaseModel):
    """A sector with what it holds."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_SHELF]})

    sector_id: int
    industry: str
    sector: str
    keywords: int
    #: When its keywords were written or imported last.
    dated_at: datetime
    #: Whether all of them are of the set that is shipped, figures guessed.
    is_example: bool


class KeywordLibrary(BaseModel):
    """Every sector of every industry, by name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_SHELF]}]})

    items: list[LibraryShelf]


class LibraryKeyword(BaseModel):
    """A keyword to begin with."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_SEED]})

    id: int
    text: str
    #: Searches a month; None: nobody said. Of an example: a guess, which no site is given.
    volume: int | None
    difficulty: int | None
    intent: str | None
    country: str | None
    is_example: bool


class LibraryPage(BaseModel):
    """Some keywords in the order they came; `next` goes on behind them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_SEED], "next": None}]})

    items: list[LibraryKeyword]
    #: None: there are no more.
    next: int | None


class ChosenSeeds(BaseModel):
    """What a site is to get: keywords by their ids, or all of a sector."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"seeds": [40, 41]}, {"sector": 3}]})

    seeds: Annotated[list[_AnId], Field(max_length=10_000)] = []
    sector: _AnId | None = None


class RemovedSeeds(BaseModel):
    """How many keywords were removed from the library; what sites took stays theirs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"removed": 16}]})

    removed: int


@router.get(
    "/keyword-library",
    operation_id="list_keyword_library",
    response_model=KeywordLibrary,
    responses=problems(401, 403),
)
@reads(Scope.KEYWORDS)
def list_all(unit: Unit) -> dict[str, Any]:
    """List the sectors of the library with how many keywords each has; it is everybody's."""
    return {"items": keyword_library.shelves(unit.session)}


@router.get(
    "/keyword-library/keywords",
    operation_id="list_library_keywords",
    response_model=LibraryPage,
    responses=problems(401, 403, 404, 422),
)
@reads(Scope.KEYWORDS)
def list_seeds(
    unit: Unit, sector: OfSector = None, text: Holding = "", after: After = 0, limit: Limit = 100
) -> dict[str, Any]:
    """List a sector's keywords, or all there are."""
    row = None if sector is None else keyword_library.get_sector(unit.session, sector)
    found = keyword_library.list_seeds(unit.session, row, text=text, after_id=after, limit=limit)
    return {"items": found.items, "next": found.next_id}


@router.post(
    "/keyword-library/keywords/import",
    operation_id="import_library_keywords",
    response_model=KeywordReport,
    responses=problems(401, 403, 409, 413, 422),
    openapi_extra=BODY,
)
@writes(Scope.KEYWORDS, role=Role.PLATFORM_ADMIN)
def import_file(unit: Unit, file: UploadForAll, industry: IndustryName, sector: SectorName) -> dict[str, Any]:
    """Import a file of keywords into a sector, for every account; for platform administrators."""
    report = keyword_library.add_to_sector(
        unit.session,
        file,
        industry=industry,
        sector=sector,
        now=unit.now,
        account_id=unit.account_id,
        actor=unit.caller.actor,
    )
    return {**report.as_json(), "warnings": file.warnings}


@router.post(
    "/keyword-library/remove",
    operation_id="remove_library_keywords",
    response_model=RemovedSeeds,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes(Scope.KEYWORDS, role=Role.PLATFORM_ADMIN)
def remove(unit: Unit, chosen: ChosenSeeds) -> RemovedSeeds:
    """Remove keywords, or a sector with all of its, from the library; for platform administrators."""
    by: dict[str, Any] = {"account_id": unit.account_id, "actor": unit.caller.actor, "now": unit.now}
    if chosen.sector is None:
        return RemovedSeeds(removed=keyword_library.remove_keywords(unit.session, chosen.seeds, **by))
    row = keyword_library.get_sector(unit.session, chosen.sector)
    return RemovedSeeds(removed=keyword_library.remove_sector(unit.session, row, **by))


@router.post(
    "/sites/{site_id}/keywords/from-library",
    operation_id="add_keywords_from_library",
    response_model=KeywordReport,
    responses=problems(401, 403, 404, 409, 413, 422),
)
@writes(Scope.KEYWORDS)
def take(unit: Unit, site_id: SiteId, chosen: ChosenSeeds) -> dict[str, Any]:
    """Give a site keywords of the library; those it has count as duplicates. Guessed figures are left behind."""
    site = sites.get_site(unit.session, account_id=unit.account_id, site_id=site_id)
    sector = None if chosen.sector is None else keyword_library.get_sector(unit.session, chosen.sector)
    report = keyword_library.take(unit.session, site, seed_ids=chosen.seeds, sector=sector, now=unit.now)
    return {**report.as_json(), "warnings": report.warnings}
