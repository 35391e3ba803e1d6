"""Owns lists that are taken away whole: their columns, and how they are read, a portion at a time, oldest first.

What is added meanwhile comes at the end. Never: decides who may; writes a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy.orm import Session

from pipeline.core.money import credit_string
from pipeline.core.states import ContentStatus, KeywordStatus
from pipeline.models import Site
from pipeline.services import content, entries, keywords, publications, runs
from pipeline.services.cost_reports import Figures, Report

#: Rows that are read at once.
PORTION: Final = 1_000
#: As keyword files name them: what was taken away can be imported again.
_KEYWORD: Final = {
    "keyword": "text",
    **{
        name: name for name in ("volume", "difficulty", "intent", "country", "status", "cluster_id", "id", "created_at")
    },
}
_ARTICLE: Final = (
    *("id", "title", "slug", "status", "word_count", "images_missing", "version", "approved_at", "created_at"),
)
_PUBLICATION: Final = ("slot_at", "published_at", "remote_url")
_RUN: Final = (
    *("id", "site_id", "status", "origin", "reason", "scheduled_for", "created_at", "started_at", "finished_at"),
)
_ENTRY: Final = ("id", "created_at", "kind", "amount", "call_id", "note")
_REPORT: Final = ("key", "name", "testing")

#: Rows of a portion, and the id behind which the next one begins; None: there is none.
Portion = tuple[Sequence[Mapping[str, Any]], int | None]


@dataclass(frozen=True)
class Export:
    """One list: what its file is called, its columns, and how the portion behind an id is read."""

    name: str
    columns: Sequence[str]
    read: Callable[[Session, int], Portion]


def of_keywords(site: Site, *, status: KeywordStatus | None = None, text: str = "") -> Export:
    """A site's keywords; the file can be imported again."""

    def read(session: Session, after: int) -> Portion:
        page = keywords.list_keywords(session, site=site, status=status, text=text, after_id=after, limit=PORTION)
        named = [{shown: getattr(row, name) for shown, name in _KEYWORD.items()} for row in page.items]
        return named, page.next_id

    return Export(f"keywords-{site.id}", tuple(_KEYWORD), read)


def of_contents(site: Site, *, status: ContentStatus | None = None) -> Export:
    """A site's articles, each with its address, without its text."""

    def read(session: Session, after: int) -> Portion:
        page = content.list_contents(session, site=site, status=status, after_id=after, limit=PORTION)
        placed = publications.of_contents(session, [row.id for row in page.items])
        named = [
            {name: getattr(row, name) for name in _ARTICLE}
            | {name: getattr(placed.get(row.id), name, None) for name in _PUBLICATION}
            for row in page.items
        ]
        return named, page.next_id

    return Export(f"content-{site.id}", (*_ARTICLE, *_PUBLICATION), read)


def of_runs(account_id: int, *, site_id: int | None = None) -> Export:
    """An account's runs, or one site's."""

    def read(session: Session, after: int) -> Portion:
        page = runs.oldest_first(session, account_id=account_id, site_id=site_id, after_id=after, limit=PORTION)
        return [{name: getattr(row, name) for name in _RUN} for row in page.items], page.next_id

    return Export("runs", _RUN, read)


def of_entries(account_id: int, *, kind: str | None = None) -> Export:
    """Every movement of an account's balance; charges are negative."""

    def read(session: Session, after: int) -> Portion:
        page = entries.oldest_first(session, account_id=account_id, kind=kind, after_id=after, limit=PORTION)
        named = [
            {name: getattr(row, name) for name in _ENTRY} | {"amount": Decimal(credit_string(row.amount))}
            for row in page.items
        ]
        return named, page.next_id

    return Export("entries", _ENTRY, read)


def of_report(report: Report, *, with_dollars: bool) -> Export:
    """The rows of a report; dollars are empty for those whom our costs do not concern."""
    figures = tuple(Figures().as_json(with_dollars=False))
    rows = [_plain(row) for row in report.as_json(with_dollars=with_dollars)["items"]]
    name = f"report-{report.by}-{report.period.first}-{report.period.last}"
    return Export(name, (*_REPORT, *figures), lambda _session, _after: (rows, None))


def portions(session: Session, export: Export) -> Iterator[Sequence[Mapping[str, Any]]]:
    """All rows, a portion at a time, in one transaction."""
    after: int | None = 0
    while after is not None:
        rows, after = export.read(session, after)
        yield rows


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as numbers: one that is negative is no formula."""
    return {
        name: Decimal(value) if isinstance(value, str) and name not in _REPORT else value for name, value in row.items()
    }
