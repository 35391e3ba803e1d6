"""Owns emptying a PostgreSQL database between two tests, in milliseconds.

A TRUNCATE of every table makes a file anew for each of them and its indexes, which costs more than most tests do. So
only what a test has touched is emptied, row by row; where a table has grown, all are truncated.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from pipeline.models import Base

_TABLES = tuple(table.name for table in Base.metadata.sorted_tables)
#: Beyond this, what earlier tests left dead in it is slower to step over than to throw away.
_GROWN_BYTES = 500_000
_LOOK = text(
    " UNION ALL ".join(
        f"SELECT '{name}' AS name, EXISTS (SELECT FROM {name}) AS has_rows, pg_relation_size('{name}') AS bytes"  # noqa: S608 - names of our own tables
        for name in _TABLES
    )
)
_USED_SEQUENCES = text("SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL")


def empty(connection: Connection) -> None:
    """Every table empty, every sequence at its start."""
    found: Any = connection.execute(_LOOK).all()
    if any(row.bytes > _GROWN_BYTES for row in found):
        connection.execute(text(f"TRUNCATE {', '.join(_TABLES)} RESTART IDENTITY CASCADE"))
        return
    filled = {row.name for row in found if row.has_rows}
    for name in reversed(_TABLES):
        if name in filled:
            connection.execute(text(f"DELETE FROM {name}"))  # noqa: S608 - the same
    for name in connection.execute(_USED_SEQUENCES).scalars().all():
        connection.execute(text("SELECT setval(:name, 1, false)"), {"name": name})
