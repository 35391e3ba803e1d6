"""Owns reading the library, and what a site takes out of it. Never: changes the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.core.errors import Fault, InvalidValueError, NotFoundError
from pipeline.core.normal import display_text, keyword_key
from pipeline.models import Industry, Sector, SeedKeyword, Site
from pipeline.services import keywords
from pipeline.services.keyword_files import KeywordRow
from pipeline.services.keywords import ImportReport
from pipeline.services.listing import Page, Search, page

#: Keywords that are taken at once.
MOST_AT_ONCE: Final = 1_000


@dataclass(frozen=True)
class Shelf:
    """A sector with what it holds."""

    sector_id: int
    industry: str
    sector: str
    keywords: int
    #: When its keywords were written or imported last.
    dated_at: datetime
    #: Whether all of them are of the set that is shipped.
    is_example: bool

    def as_json(self) -> dict[str, Any]:
        """A JSON object, as commands and the API tell it."""
        return dict(vars(self))


def shelves(session: Session) -> list[Shelf]:
    """Every sector of every industry, by name, with the number of its keywords."""
    others = func.count(SeedKeyword.id).filter(SeedKeyword.is_example.is_(False))
    query = (
        select(Sector.id, Industry.name, Sector.name, func.count(SeedKeyword.id), Sector.dated_at, others)
        .join(Industry, Industry.id == Sector.industry_id)
        .outerjoin(SeedKeyword, SeedKeyword.sector_id == Sector.id)
        .group_by(Sector.id, Industry.name, Sector.name, Sector.dated_at)
        .order_by(Industry.name, Sector.name)
    )
    return [
        Shelf(sector_id, industry, sector, count, dated_at, is_example=not imported)
        for sector_id, industry, sector, count, dated_at, imported in session.execute(query)
    ]


def get_sector(session: Session, sector_id: int) -> Sector:
    """The sector of that id; NotFoundError."""
    found = session.get(Sector, sector_id)
    if found is None:
        raise NotFoundError(f"There is no sector {sector_id}. `igny8 keyword-library list` lists them.")
    return found


def find_sector(session: Session, industry: str, sector: str) -> Sector:
    """The sector of that name in that industry; NotFoundError."""
    query = select(Sector).join(Industry, Industry.id == Sector.industry_id)
    named = (Industry.name == display_text(industry), Sector.name == display_text(sector))
    found = session.scalar(query.where(*named))
    if found is None:
        raise NotFoundError(
            f"There is no sector {sector!r} in an industry {industry!r}. `igny8 keyword-library list` lists them."
        )
    return found


def list_seeds(
    session: Session, sector: Sector | None, *, text: str = "", after_id: int = 0, limit: int = 100
) -> Page[SeedKeyword]:
    """Keywords of a sector (None: all) in the order they came, from behind `after_id`; those that hold `text`."""
    search = Search("normalised", keyword_key(text))
    where = [] if sector is None else [SeedKeyword.sector_id == sector.id]
    return page(session, SeedKeyword, *where, after_id=after_id, limit=limit, search=search)


def take(
    session: Session, site: Site, *, seed_ids: Sequence[int] = (), sector: Sector | None = None, now: datetime
) -> ImportReport:
    """Give the site these keywords, or all of a sector; those it has are counted as duplicates.

    The figures of shipped examples are left behind: they were guessed, and what a site has is measured. The others keep
    theirs. InvalidValueError where nothing is chosen, or too much; NotFoundError for an unknown keyword.
    """
    if len(seed_ids) > MOST_AT_ONCE:
        told = f"these are {len(seed_ids):,}; at most {MOST_AT_ONCE:,} may be taken at once. Take them in portions."
        raise InvalidValueError([Fault("seeds", told)])
    wanted = SeedKeyword.id.in_(seed_ids) if sector is None else SeedKeyword.sector_id == sector.id
    found = session.scalars(select(SeedKeyword).where(wanted).order_by(SeedKeyword.id)).all()
    if sector is None and (unknown := sorted(set(seed_ids) - {row.id for row in found})):
        raise NotFoundError(f"There is no keyword {unknown[0]} in the library.")
    if not found:
        raise InvalidValueError([Fault("seeds", "no keyword is chosen. Choose at least one.")])
    rows = [
        KeywordRow(place, row.text, *_figures(row), row.intent, row.country) for place, row in enumerate(found, start=1)
    ]
    return keywords.add_rows(session, site, rows, now=now)


def _figures(row: SeedKeyword) -> tuple[int | None, int | None]:
    return (None, None) if row.is_example else (row.volume, row.difficulty)
