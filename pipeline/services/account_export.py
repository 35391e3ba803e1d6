"""Owns what an account takes along: every row that is its own, table by table, without what is secret.

A table is an account's by its `account_id`, or by a row that it points to; so new tables are found by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, LargeBinary, Table, TypeDecorator, literal, select, tuple_
from sqlalchemy.orm import Session

from pipeline.models import Base

#: What only lets somebody in, or counts requests: nobody's to take along.
_LEFT_OUT: Final = frozenset(
    {"log_ins", "log_in_attempts", "second_factors", "recovery_codes", "idempotency_keys", "calendar_feeds"}
)
_AT_ONCE: Final = 1_000


def tables() -> list[Table]:
    """The tables that an account has rows in, those first that others point to."""
    return [table for table in Base.metadata.sorted_tables if table.name not in _LEFT_OUT and _path(table)]


def rows_of(session: Session, table: Table, *, account_id: int) -> Iterator[dict[str, Any]]:
    """Every row of the account in a table, by its primary key, a portion at a time."""
    columns = [column for column in table.columns if not _is_secret(column)]
    key = list(table.primary_key)
    query = select(*columns).where(_own(table, account_id)).order_by(*key).limit(_AT_ONCE)
    last: list[Any] | None = None
    while True:
        page = query if last is None else query.where(tuple_(*key) > tuple_(*last))
        found = session.execute(page).mappings().all()
        yield from (dict(row) for row in found)
        if len(found) < _AT_ONCE:
            return
        last = [literal(found[-1][column.name], column.type) for column in key]


def _is_secret(column: Any) -> bool:
    """Passwords and tokens are kept as hashes, credentials as encrypted bytes; neither leaves the database."""
    kept = column.type
    while isinstance(kept, TypeDecorator):
        kept = kept.impl_instance
    return isinstance(kept, LargeBinary) or column.name.endswith("_hash")


def _path(table: Table) -> list[Any]:
    """The column by which rows are an account's: its own, or one that points to a row that is; empty: none."""
    if table.name == "accounts":
        return [table.c.id]
    if "account_id" in table.c:
        return [table.c.account_id]
    pointing = [key for column in table.columns for key in column.foreign_keys if key.column.table is not table]
    return [key.parent for key in pointing if _path(key.column.table)][:1]


def _own(table: Table, account_id: int) -> ColumnElement[bool]:
    (column,) = _path(table)
    if column.name == "account_id" or table.name == "accounts":
        own: ColumnElement[bool] = column == account_id
    else:
        (pointed,) = [key.column for key in column.foreign_keys]
        own = column.in_(select(pointed).where(_own(pointed.table, account_id)))
    return own
