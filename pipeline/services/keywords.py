"""Owns the keywords of a site: importing a file of them, adding some by hand, listing, deleting one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Insert, and_, case, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from pipeline.core.errors import Fault, InvalidValueError, NotFoundError, RefusedFileError
from pipeline.core.normal import display_text, keyword_key
from pipeline.core.states import KeywordStatus
from pipeline.models import Content, ContentTask, Idea, IdeaKeyword, Keyword, Site
from pipeline.services import audit
from pipeline.services.keyword_files import MAX_KEYWORD_CHARACTERS, KeywordFile, KeywordRow, RejectedRow
from pipeline.services.keyword_files.rows import rejection
from pipeline.services.listing import Page, Search, page
from pipeline.services.sites import of_a_site_that_is_there

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

    def as_json(self) -> dict[str, Any]:
        """A JSON object, as commands and the API tell it."""
        return {
            "read": self.read,
            "imported": self.imported,
            "duplicates": self.duplicates,
            "rejected": [{"line": line, "reason": reason} for line, reason in self.rejected],
        }


@dataclass(frozen=True)
class Below:
    """What was made of a keyword."""

    #: The cluster it is in; None: in none yet.
    cluster_id: int | None
    #: Ideas that target it, and articles that came of those.
    ideas: int
    articles: int


def import_keywords(session: Session, site: Site, file: KeywordFile, *, now: datetime) -> ImportReport:
    """Import every usable row of `file`, joined with what the site has; nothing is kept unless the transaction commits.

    The first row of a keyword wins. Raises RefusedFileError where not one row is usable.
    """
    report = ImportReport()
    rows = unique_rows(file, report)
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
    rows = [KeywordRow(number, display_text(text), None, None, None, None) for number, text in enumerate(texts, 1)]
    return add_rows(session, site, rows, now=now)


def add_rows(session: Session, site: Site, rows: Iterable[KeywordRow], *, now: datetime) -> ImportReport:
    """Add keywords with what is known of them; those the site has, and those that are too long, are counted."""
    report = ImportReport()
    report.imported = _insert(session, site, list(unique_rows(rows, report)), now=now)
    report.duplicates = report.read - len(report.rejected) - report.imported
    return report


def list_keywords(
    session: Session,
    *,
    site: Site,
    status: KeywordStatus | None = None,
    text: str = "",
    after_id: int = 0,
    limit: int = 100,
) -> Page[Keyword]:
    """Keywords of the site in the order they came, from behind `after_id`; those that hold `text`, however spelled."""
    where = [Keyword.site_id == site.id, Keyword.deleted_at.is_(None)]
    if status is not None:
        where.append(Keyword.status == status)
    search = Search("normalised", keyword_key(text))
    return page(session, Keyword, *where, after_id=after_id, limit=limit, search=search)


def get_keyword(session: Session, *, account_id: int, keyword_id: int) -> Keyword:
    """The account's keyword of that id; NotFoundError where it is another account's, deleted, or not there."""
    own = (Keyword.account_id == account_id, Keyword.id == keyword_id, Keyword.deleted_at.is_(None))
    keyword = session.scalar(select(Keyword).where(*own, of_a_site_that_is_there(Keyword.site_id)))
    if keyword is None:
        raise NotFoundError(f"There is no keyword {keyword_id} in this account.")
    return keyword


def delete(session: Session, keyword: Keyword, *, actor: str, now: datetime) -> Below:
    """Show the keyword to nobody any more, and make nothing of it; what came of it stays. NotFoundError: it is gone.

    Whoever adds or imports it again within 30 days has it back as it was.
    """
    below = what_hangs_below(session, keyword)
    unused = case((Keyword.status == KeywordStatus.NEW, KeywordStatus.NEEDS_ATTENTION), else_=Keyword.status)
    gone = update(Keyword).where(Keyword.id == keyword.id, Keyword.deleted_at.is_(None))
    values = {"deleted_at": now, "status": unused}
    if cast("CursorResult[Any]", session.execute(gone.values(values))).rowcount == 0:
        raise NotFoundError(f"There is no keyword {keyword.id} in this account.")
    audit.record(
        session,
        account_id=keyword.account_id,
        actor=actor,
        action="keyword.deleted",
        subject_kind="keyword",
        subject_id=keyword.id,
        now=now,
        details={"text": keyword.text, **asdict(below)},
    )
    return below


def what_hangs_below(session: Session, keyword: Keyword) -> Below:
    """What was made of the keyword."""
    ideas, articles = session.execute(
        select(func.count(Idea.id), func.count(Content.id))
        .join(IdeaKeyword, IdeaKeyword.idea_id == Idea.id)
        .outerjoin(ContentTask, ContentTask.idea_id == Idea.id)
        .outerjoin(Content, and_(Content.content_task_id == ContentTask.id, Content.deleted_at.is_(None)))
        .where(IdeaKeyword.keyword_id == keyword.id)
    ).one()
    return Below(cluster_id=keyword.cluster_id, ideas=ideas, articles=articles)


def count_by_status(session: Session, *, site: Site) -> dict[KeywordStatus, int]:
    """How many keywords of each status the site has."""
    shown = (Keyword.site_id == site.id, Keyword.deleted_at.is_(None))
    query = select(Keyword.status, func.count()).where(*shown).group_by(Keyword.status)
    found = dict(session.execute(query).all())
    return {status: found.get(status, 0) for status in KeywordStatus}


def count_up_to(session: Session, *, site: Site, most: int) -> dict[KeywordStatus, int]:
    """As `count_by_status`, but counting of each ends at `most`: a million are not looked at for a line of a page."""
    # In an order that an index has: else the whole table may be looked through for a status that few have.
    shown = select(Keyword.id).where(Keyword.site_id == site.id, Keyword.deleted_at.is_(None)).order_by(Keyword.id)
    counts = [
        select(func.count()).select_from(shown.where(Keyword.status == status).limit(most).subquery()).scalar_subquery()
        for status in KeywordStatus
    ]
    return dict(zip(KeywordStatus, session.execute(select(*counts)).one(), strict=True))


def unique_rows(rows: Iterable[KeywordRow | RejectedRow], report: ImportReport) -> Iterator[dict[str, Any]]:
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
    return result.rowcount + _restored(session, site, [values["normalised"] for values in chunk])


def _restored(session: Session, site: Site, keys: Sequence[str]) -> int:
    """Have those back that were deleted; how many they were."""
    deleted = (Keyword.site_id == site.id, Keyword.deleted_at.is_not(None))
    if session.scalar(select(Keyword.id).where(*deleted).limit(1)) is None:
        return 0
    waits = and_(Keyword.cluster_id.is_(None), Keyword.status == KeywordStatus.NEEDS_ATTENTION)
    values = {"deleted_at": None, "status": case((waits, KeywordStatus.NEW), else_=Keyword.status)}
    again = update(Keyword).where(*deleted, Keyword.normalised.in_(keys)).values(values)
    result = session.execute(again.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount


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
