"""Owns what makes statements fast in both databases: conditions that an index serves, and rows in portions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar, cast

from sqlalchemy import BigInteger, ColumnElement, String, any_, func, literal, literal_column, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

#: A statement takes 32,766 values in SQLite, 65,535 in PostgreSQL: so many rows have room for all their columns.
ROWS_A_STATEMENT: Final = 1_000
_IDS = ARRAY(BigInteger)
_Row = TypeVar("_Row")


def portions(rows: Sequence[_Row], *, size: int = ROWS_A_STATEMENT) -> Iterator[Sequence[_Row]]:
    """The rows in portions that one statement takes; none of none."""
    for first in range(0, len(rows), size):
        yield rows[first : first + size]


def written_out(status: StrEnum) -> ColumnElement[str]:
    """The status as part of the statement, not as a parameter: only so is a partial index seen to serve."""
    return literal_column(f"'{status.value}'", String)


def is_one_of(session: Session, column: Any, ids: Collection[int]) -> ColumnElement[bool]:
    """Whether the column holds one of many ids. Where the database has arrays, one parameter."""
    if session.get_bind().dialect.name == "sqlite":
        return cast("ColumnElement[bool]", column.in_(ids))
    return cast("ColumnElement[bool]", column == any_(literal(list(ids), _IDS)))


def is_one_pair_of(
    session: Session, columns: tuple[Any, Any], pairs: Collection[tuple[int, int]]
) -> ColumnElement[bool]:
    """Whether two columns hold one of many pairs of ids."""
    if session.get_bind().dialect.name == "sqlite":
        return tuple_(*columns).in_(list(pairs))
    halves = [literal([pair[half] for pair in pairs], _IDS) for half in (0, 1)]
    return tuple_(*columns).in_(select(*(func.unnest(half) for half in halves)))
