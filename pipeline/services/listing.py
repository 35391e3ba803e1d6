"""Owns pages of long lists: rows in the order they came, from behind an id.

What a page costs does not grow with its list. Never: counts; decides what may be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, literal_column, select
from sqlalchemy.orm import Session, aliased

from pipeline.models import Base

#: Rows that one page of a search looks through: where they hold less than a page, the search goes on behind them.
LOOKED_THROUGH: Final = 10_000
RowT = TypeVar("RowT", bound=Base)


@dataclass(frozen=True)
class Page(Generic[RowT]):
    """Some rows; of a search perhaps none, though more may follow."""

    items: Sequence[RowT]
    #: The list goes on behind this id; None: there are no more.
    next_id: int | None


@dataclass(frozen=True)
class Search:
    """What rows have to hold: a text, in one of their columns."""

    column: str
    text: str


def page(
    session: Session,
    model: type[RowT],
    *where: ColumnElement[bool],
    after_id: int,
    limit: int,
    search: Search | None = None,
) -> Page[RowT]:
    """The next `limit` rows that `where` lets through, by their ids, from behind `after_id`."""
    columns: Any = model
    rows = select(model).where(*where, columns.id > after_id).order_by(columns.id)
    if search is None or not search.text:
        found = session.scalars(rows.limit(_written(limit + 1))).all()
        return Page(found[:limit], _id(found[limit - 1]) if len(found) > limit else None)
    window: Any = aliased(model, rows.limit(_written(LOOKED_THROUGH)).subquery())
    holds = getattr(window, search.column).contains(search.text, autoescape=True)
    found = session.scalars(select(window).where(holds).order_by(window.id).limit(_written(limit + 1))).all()
    if len(found) > limit:
        return Page(found[:limit], _id(found[limit - 1]))
    end = rows.with_only_columns(columns.id).offset(_written(LOOKED_THROUGH - 1)).limit(_written(1))
    return Page(found, session.scalar(end))


def _id(row: Any) -> int:
    found: int = row.id
    return found


def _written(count: int) -> ColumnElement[int]:
    """A number of rows as part of the statement: a plan for any number would be one for a tenth of the table."""
    return literal_column(str(count))
