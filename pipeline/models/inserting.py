"""Owns the INSERT that leaves a row alone which is already there, in the words of either database."""

from __future__ import annotations

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from pipeline.models.base import Base


def insert_missing(session: Session, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return INSERT INTO `table` … ON CONFLICT DO NOTHING: of two transactions that make one row, the second waits."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
