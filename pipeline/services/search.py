"""Owns the search of an account: sites, keywords, clusters, ideas, articles and runs by what they are called.

What begins with the text is found at every site by an index, whatever the number of rows. Of the sites that stand first
the newest rows are looked through besides, for those that hold it (decision 0052).

Never: looks beyond the sites that it is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, Table, bindparam, literal_column, select
from sqlalchemy.orm import Session

from pipeline.core.normal import keyword_key, title_key
from pipeline.models import Base, Cluster, Content, Idea, Keyword, Run, Site
from pipeline.models.base import table_of
from pipeline.services.listing import LOOKED_THROUGH
from pipeline.services.sites import is_id

MAX_CHARACTERS: Final = 200
#: Of how many sites the newest rows are looked through: of those that stand first.
_SITES_LOOKED_THROUGH: Final = 5
#: Behind every text that begins with what stands before it.
_LAST: Final = "\U0010ffff"
_ESCAPE: Final = "/"
#: What stands for anything in a comparison with LIKE.
_WILD: Final = re.compile("[/%_]")


class Kind(StrEnum):
    """What can be found."""

    SITE = "site"
    ARTICLE = "article"
    KEYWORD = "keyword"
    CLUSTER = "cluster"
    IDEA = "idea"
    RUN = "run"


@dataclass(frozen=True)
class Found:
    """Something that was found."""

    kind: Kind
    id: int
    site_id: int
    #: What it is called.
    text: str
    #: The word of its status; None: it has none.
    status: str | None


@dataclass(frozen=True)
class _Place:
    """A table that is looked in: what its rows are called, by which key they are compared, and how a key is made."""

    table: Table
    shown: ColumnElement[str]
    key: ColumnElement[str]
    folded: Callable[[str], str]


def _place(model: type[Base], shown: str, key: str, folded: Callable[[str], str]) -> _Place:
    columns = table_of(model).c
    return _Place(table_of(model), columns[shown], columns[key], folded)


_PLACES: Final = {
    Kind.ARTICLE: _place(Content, "title", "normalised_title", title_key),
    Kind.KEYWORD: _place(Keyword, "text", "normalised", keyword_key),
    Kind.CLUSTER: _place(Cluster, "name", "normalised", title_key),
    Kind.IDEA: _place(Idea, "title", "normalised_title", title_key),
}


def search(
    session: Session, text: str, *, account_id: int, sites: Sequence[Site], kinds: Collection[Kind], limit: int
) -> list[Found]:
    """At most `limit` of each kind at those sites, in the order of the kinds; of a text that shows nothing none."""
    found: list[Found] = []
    for kind in (kind for kind in Kind if kind in kinds):
        found += islice(_of_kind(session, kind, text, account_id=account_id, sites=sites, limit=limit), limit)
    return found


def _of_kind(
    session: Session, kind: Kind, text: str, *, account_id: int, sites: Sequence[Site], limit: int
) -> Iterator[Found]:
    if kind is Kind.SITE:
        return _sites(text, sites)
    if kind is Kind.RUN:
        return _runs(session, text, account_id=account_id, sites=sites)
    return _rows(session, kind, text, sites=sites, limit=limit)


def _sites(text: str, sites: Sequence[Site]) -> Iterator[Found]:
    wanted = keyword_key(text)
    for site in sites:
        if wanted and wanted in keyword_key(site.name):
            yield Found(Kind.SITE, site.id, site.id, site.name, None)


def _runs(session: Session, text: str, *, account_id: int, sites: Sequence[Site]) -> Iterator[Found]:
    """`12`, `#12`, `run 12`: a run is called by its number."""
    number = keyword_key(text).removeprefix("run").strip().removeprefix("#")
    if not is_id(number):
        return
    own = (Run.account_id == account_id, Run.site_id.in_([site.id for site in sites]))
    for run in session.scalars(select(Run).where(Run.id == int(number), *own)):
        yield Found(Kind.RUN, run.id, run.site_id, f"Run {run.id}", run.status.value)


def _rows(session: Session, kind: Kind, text: str, *, sites: Sequence[Site], limit: int) -> Iterator[Found]:
    """Rows that begin with the text, at any of the sites; then those of the newest that hold it, each once."""
    wanted = _PLACES[kind].folded(text)
    if not wanted or not sites:
        return
    ask, seen = session.connection(), set()
    told = {"wanted": wanted, "behind": wanted + _LAST, "sites": [site.id for site in sites]}
    for row in sorted(ask.execute(_beginning(kind, limit), told), key=lambda row: (row.key, row.id)):
        seen.add(row.id)
        yield _found(kind, row)
    closest = sites[:_SITES_LOOKED_THROUGH]
    holding = _holding(kind, limit, LOOKED_THROUGH // len(closest))
    for site in closest if len(seen) < limit else ():
        for row in ask.execute(holding, {"held": _WILD.sub(rf"{_ESCAPE}\g<0>", wanted), "site": site.id}):
            if row.id not in seen:
                yield _found(kind, row)


def _found(kind: Kind, row: Row[Any]) -> Found:
    return Found(kind, row.id, row.site_id, row.shown, row.status.value)


# Statements are made once and kept: a search asks up to two dozen. They are on plain tables, of sites looked up before.
@cache
def _beginning(kind: Kind, limit: int) -> Select[Any]:
    """Some rows that begin with it, by the unique index of site and key. Unsorted, else all would be read for some."""
    key = _PLACES[kind].key
    begins = (key >= bindparam("wanted"), key < bindparam("behind"))
    of_sites = _PLACES[kind].table.c.site_id.in_(bindparam("sites", expanding=True))
    return _there(kind).where(of_sites, *begins).limit(_written(limit))


@cache
def _holding(kind: Kind, limit: int, most: int) -> Select[Any]:
    """Those of the newest rows of a site that hold it; those that begin with it are among them."""
    columns = _PLACES[kind].table.c
    of_site = _there(kind).where(columns.site_id == bindparam("site"))
    window = of_site.order_by(columns.id.desc()).limit(_written(most)).subquery()
    holds = window.c.key.contains(bindparam("held"), escape=_ESCAPE)
    return select(window).where(holds).order_by(window.c.id.desc()).limit(_written(2 * limit))


def _there(kind: Kind) -> Select[Any]:
    place = _PLACES[kind]
    columns, shown = place.table.c, (place.shown.label("shown"), place.key.label("key"))
    there = select(columns.id, columns.site_id, columns.status, *shown)
    return there.where(columns.deleted_at.is_(None)) if "deleted_at" in columns else there


def _written(count: int) -> ColumnElement[int]:
    """A number of rows as part of the statement: PostgreSQL plans for it, and not for any number."""
    return literal_column(str(count))
