"""Owns the keywords of a site: importing a file of them, adding some by hand, listing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import Insert, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from pipeline.core.errors import Fault, InvalidValueError, RefusedFileError
from pipeline.core.normal import display_text, keyword_key
from pipeline.core.states import KeywordStatus
from pipeline.models import Keyword, Site
from pipeline.services.keyword_files import MAX_KEYWORD_CHARACTERS, KeywordFile, KeywordRow, RejectedRow
from pipeline.services.keyword_files.rows import rejection

_CHUNK: Final = 2_000
#: Width of the column that duplicates are found by; unfolding ligatures can outgrow it.
_MAX_KEY_CHARACTERS: Final = 400
_TOO_LONG_UNFOLDED: Final = f"The keyword unfolds to more than {_MAX_KEY_CHARACTERS} characters. Shorten it."


@dataclass
class ImportReport:
    """What became of the rows of a file: read = imported + duplicates + rejected."""

    read: int = 0
    imported: int = 0
    #: Of an earlier row, or of a keyword the site had.
    duplicates: int = 0
    #: Line and sentence of each row that could not be used.
    rejected: list[tuple[int, str]] = field(default_factory=list)
    #: Sentences about the file and what was passed over in it.
    warnings: list[str] = field(default_factory=list)


def import_keywords(session: Session, site: Site, file: KeywordFile, *, now: datetime) -> ImportReport:
    """Import every usable row of `file`, joined with what the site has; nothing is kept unless the transaction commits.

    The first row of a keyword wins. Raises RefusedFileError where not one row is usable.
    """
    report = ImportReport()
    rows = _unique_rows(file, report)
    while chunk := list(islice(rows, _CHUNK)):
        report.imported += _insert(session, site, chunk, now=now)
    if report.read == len(report.rejected):
        raise RefusedFileError("The file has no usable keyword. Nothing was imported.")
    report.duplicates = report.read - len(report.rejected) - report.imported
    report.warnings = file.warnings
    return report


def add(session: Session, site: Site, texts: Sequence[str], *, now: datetime) -> ImportReport:
    """Add keywords one by one; those the site has count as duplicates. InvalidValueError names every unusable one."""
    faults = [Fault("keyword", fault) for text in texts if (fault := _text_fault(text))]
    if faults:
        raise InvalidValueError(faults)
    report = ImportReport()
    rows = [KeywordRow(number, display_text(text), None, None, None, None) for number, text in enumerate(texts, 1)]
    report.imported = _insert(session, site, list(_unique_rows(rows, report)), now=now)
    report.duplicates = report.read - report.imported
    return report


def list_keywords(
    session: Session, *, site: Site, status: KeywordStatus | None = None, after_id: int = 0, limit: int = 100
) -> Sequence[Keyword]:
    """Keywords of the site in the order they came, from behind `after_id`."""
    query = select(Keyword).where(
        Keyword.site_id == site.id, Keyword.account_id == site.account_id, Keyword.id > after_id
    )
    if status is not None:
        query = query.where(Keyword.status == status)
    return session.scalars(query.order_by(Keyword.id).limit(limit)).all()


def count_by_status(session: Session, *, site: Site) -> dict[KeywordStatus, int]:
    """How many keywords of each status the site has."""
    query = select(Keyword.status, func.count()).where(Keyword.site_id == site.id).group_by(Keyword.status)
    found = dict(session.execute(query).all())
    return {status: found.get(status, 0) for status in KeywordStatus}


def _unique_rows(rows: Iterable[KeywordRow | RejectedRow], report: ImportReport) -> Iterator[dict[str, Any]]:
    """Values of each keyword's first row; everything is counted."""
    seen: set[str] = set()
    for row in rows:
        report.read += 1
        if isinstance(row, RejectedRow):
            report.rejected.append((row.line, row.reason))
            continue
        key = keyword_key(row.text)
        if len(key) > _MAX_KEY_CHARACTERS:
            report.rejected.append((row.line, _TOO_LONG_UNFOLDED))
            continue
        if key in seen:
            continue
        seen.add(key)
        yield _values(row, key)


def _values(row: KeywordRow, key: str) -> dict[str, Any]:
    return {
        "text": row.text,
        "normalised": key,
        "volume": row.volume,
        "difficulty": row.difficulty,
        "intent": row.intent,
        "country": row.country,
    }


def _insert(session: Session, site: Site, chunk: list[dict[str, Any]], *, now: datetime) -> int:
    """Insert what the site does not have; how many that were. Another import of the same keywords does not hurt."""
    if not chunk:
        return 0
    shared = {
        "account_id": site.account_id,
        "site_id": site.id,
        "status": KeywordStatus.NEW,
        "times_tried": 0,
        "created_at": now,
    }
    result = session.connection().execute(_statement(session), [{**shared, **values} for values in chunk])
    return result.rowcount


def _statement(session: Session) -> Insert:
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = insert(Keyword).on_conflict_do_nothing(index_elements=["site_id", "normalised"])
    return statement.execution_options(preserve_rowcount=True)


def _text_fault(text: str) -> str | None:
    shown = display_text(text)
    key = keyword_key(shown)
    if not key:
        return "a keyword must not be empty. Give a search phrase."
    if len(shown) > MAX_KEYWORD_CHARACTERS:
        return f"{shown[:40]!r}… has {len(shown)} characters; at most {MAX_KEYWORD_CHARACTERS} are allowed. Shorten it."
    return _TOO_LONG_UNFOLDED if len(key) > _MAX_KEY_CHARACTERS else rejection(text, shown)
