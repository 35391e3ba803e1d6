"""Owns changing the library: a file imported into a sector, keywords and sectors removed. Audited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, cast

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.orm import Session

from pipeline.core.errors import Fault, InvalidValueError, NotFoundError, RefusedFileError
from pipeline.core.normal import display_text
from pipeline.models import Industry, Sector, SeedKeyword
from pipeline.models.base import table_of
from pipeline.models.inserting import insert_missing
from pipeline.services import audit
from pipeline.services.keyword_files import KeywordRow, RejectedRow
from pipeline.services.keywords import ImportReport, unique_rows

MOST_NAME_CHARACTERS: Final = 100
_SEEDS: Final = table_of(SeedKeyword)
_CHUNK: Final = 1_000


def add_to_sector(
    session: Session,
    rows: Iterable[KeywordRow | RejectedRow],
    *,
    industry: str,
    sector: str,
    now: datetime,
    account_id: int | None = None,
    actor: str = "",
    is_example: bool = False,
) -> ImportReport:
    """Add keywords to a sector, made where it is missing; those it has are counted as duplicates.

    With an account, that of whoever does it, it is audited. InvalidValueError for names; RefusedFileError where not one
    row is usable.
    """
    names = _checked({"industry": industry, "sector": sector})
    report = ImportReport()
    usable = list(unique_rows(rows, report))
    if not usable:
        raise RefusedFileError("There is no usable keyword in it. Nothing was imported.")
    row = _sector(session, names["industry"], names["sector"], now=now)
    shared = {"sector_id": row.id, "is_example": is_example, "created_at": now}
    remaining = iter(usable)
    while chunk := list(islice(remaining, _CHUNK)):
        report.imported += _insert(session, [{**values, **shared} for values in chunk])
    report.duplicates = report.read - len(report.rejected) - report.imported
    row.dated_at = now
    session.flush()
    if account_id is not None:
        details = {**names, "imported": report.imported}
        _record(session, "keyword_library.imported", row.id, account_id=account_id, actor=actor, now=now, **details)
    return report


def remove_sector(session: Session, sector: Sector, *, account_id: int, actor: str, now: datetime) -> int:
    """Remove a sector with its keywords, and its industry with the last one; how many keywords that were.

    What sites took stays theirs.
    """
    industry = session.get_one(Industry, sector.industry_id)
    count = _rowcount(session.execute(delete(_SEEDS).where(_SEEDS.c.sector_id == sector.id)))
    names = {"industry": industry.name, "sector": sector.name, "removed": count}
    session.delete(sector)
    session.flush()
    if session.scalar(select(Sector.id).where(Sector.industry_id == industry.id).limit(1)) is None:
        session.delete(industry)
        session.flush()
    _record(session, "keyword_library.removed", sector.id, account_id=account_id, actor=actor, now=now, **names)
    return count


def remove_keywords(session: Session, seed_ids: Sequence[int], *, account_id: int, actor: str, now: datetime) -> int:
    """Remove keywords from the library; how many. NotFoundError where none of them is there."""
    count = _rowcount(session.execute(delete(_SEEDS).where(_SEEDS.c.id.in_(seed_ids))))
    if not count:
        raise NotFoundError("None of these keywords is in the library.")
    _record(session, "keyword_library.removed", 0, account_id=account_id, actor=actor, now=now, removed=count)
    return count


def _checked(given: dict[str, str]) -> dict[str, str]:
    names = {field: display_text(name) for field, name in given.items()}
    faults = [
        Fault(field, f"a name has 1 to {MOST_NAME_CHARACTERS} characters; this one has {len(name)}.")
        for field, name in names.items()
        if not 1 <= len(name) <= MOST_NAME_CHARACTERS
    ]
    if faults:
        raise InvalidValueError(faults)
    return names


def _sector(session: Session, industry: str, sector: str, *, now: datetime) -> Sector:
    """The sector of that name, made where it is missing; who makes it at the same time does no harm."""
    session.execute(insert_missing(session, Industry).values(name=industry, created_at=now))
    industry_id = session.scalars(select(Industry.id).where(Industry.name == industry)).one()
    values = {"industry_id": industry_id, "name": sector, "dated_at": now, "created_at": now}
    session.execute(insert_missing(session, Sector).values(values))
    return session.scalars(select(Sector).where(Sector.industry_id == industry_id, Sector.name == sector)).one()


def _insert(session: Session, rows: list[dict[str, Any]]) -> int:
    missing = insert_missing(session, SeedKeyword).execution_options(preserve_rowcount=True)
    return session.connection().execute(missing, rows).rowcount


def _rowcount(done: Any) -> int:
    return cast("CursorResult[Any]", done).rowcount


def _record(
    session: Session, action: str, sector_id: int, *, account_id: int, actor: str, now: datetime, **details: Any
) -> None:
    audit.record(
        session,
        account_id=account_id,
        actor=actor,
        action=action,
        subject_kind="sector",
        subject_id=sector_id,
        now=now,
        details=details,
    )
