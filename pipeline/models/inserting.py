"""Owns the INSERTs that each database says differently: one that may meet a row that is there, and one of many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ARRAY, Table, bindparam, column, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline.models.base import Base, table_of


def insert_into(session: Session, model: type[Base]) -> postgresql.Insert:
    """An INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, for the session's database."""
    if session.get_bind().dialect.name == "sqlite":
        # Both dialects offer the same methods under different types.
        return cast("postgresql.Insert", sqlite.insert(table_of(model)))
    return postgresql.insert(table_of(model))


def insert_missing(session: Session, model: type[Base]) -> postgresql.Insert:
    """The same, leaving alone what is there: of two transactions that make one row, the second waits."""
    return insert_into(session, model).on_conflict_do_nothing()


def insert_rows(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert many rows, all of the same columns; what they leave out is the database's default.

    PostgreSQL takes them as one statement of arrays: row by row, each would be planned and answered for itself.
    """
    if not rows:
        return
    if session.get_bind().dialect.name == "sqlite":
        session.connection().execute(insert(table), rows)
        return
    names = list(rows[0])
    arrays = [bindparam(name, [row[name] for row in rows], type_=ARRAY(table.c[name].type)) for name in names]
    values = func.unnest(*arrays).table_valued(*(column(name, table.c[name].type) for name in names)).render_derived()
    session.connection().execute(insert(table).from_select(names, select(*values.c)))
