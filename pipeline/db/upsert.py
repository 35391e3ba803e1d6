"""Owns the INSERT that may meet a row that is there already, in the words both databases share."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def insert_into(session: Session, table: Table) -> postgresql.Insert:
    """An INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, for the session's database."""
    if session.get_bind().dialect.name == "sqlite":
        # Both dialects offer the same methods under different types.
        return cast("postgresql.Insert", sqlite.insert(table))
    return postgresql.insert(table)
