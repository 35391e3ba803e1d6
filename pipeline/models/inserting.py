"""Owns the INSERT that may meet a row that is there already, in the words both databases share."""

from __future__ import annotations

from typing import cast

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
