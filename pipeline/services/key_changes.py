"""Owns a change of keys: every secret that the database keeps, put under the newest key a portion at a time.

The keys before it go on decrypting, so that it may be killed at any instant, and begun again. Never: commits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, Table, select, update
from sqlalchemy.orm import Session

from pipeline.models import Base
from pipeline.models.types import Encrypted
from pipeline.secrets import Keyring, UnreadableSecretError


@dataclass(frozen=True)
class Place:
    """A column that keeps secrets."""

    table: Table
    column: Column[bytes]

    @property
    def name(self) -> str:
        """`table.column`."""
        return f"{self.table.name}.{self.column.name}"


@dataclass(frozen=True)
class Portion:
    """What came of some rows of a place."""

    #: The last id that was looked at; None: there was none left.
    last_id: int | None
    renewed: int
    #: Ids of rows whose secret none of the keys decrypts; they stay as they are.
    unreadable: tuple[int, ...]


def places() -> Iterator[Place]:
    """Every column of every table that keeps secrets: those of the type `Encrypted`."""
    for table in Base.metadata.sorted_tables:
        yield from (Place(table, column) for column in table.columns if isinstance(column.type, Encrypted))


def renew(session: Session, place: Place, *, after: int, keys: Keyring, limit: int = 500) -> Portion:
    """Put the secrets of the next rows behind the id `after` under the newest key."""
    row_id = place.table.c.id
    found = session.execute(
        select(row_id, place.column)
        .where(row_id > after, place.column.is_not(None))
        .order_by(row_id)
        .limit(limit)
        .with_for_update()
    ).all()
    renewed, unreadable = 0, []
    for number, kept in found:
        try:
            fresh = keys.renewed(kept)
        except UnreadableSecretError:
            unreadable.append(number)
            continue
        if fresh != kept:
            session.execute(update(place.table).where(row_id == number).values({place.column: fresh}))
            renewed += 1
    return Portion(found[-1][0] if found else None, renewed, tuple(unreadable))
