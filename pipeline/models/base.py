"""Owns what every table shares: the metadata with its constraint names, the status check, the usual columns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, cast

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, MetaData, Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

from pipeline.models.types import BigId, UtcDateTime

Id = Annotated[int, mapped_column(BigId, primary_key=True)]
#: Whose a row is. Rows are found by id or by site, and compared with it: what is listed by account has its own index.
AccountId = Annotated[int, mapped_column(BigId, ForeignKey("accounts.id"))]
SiteId = Annotated[int, mapped_column(BigId, ForeignKey("sites.id"))]
Instant = Annotated[datetime, mapped_column(UtcDateTime)]
#: Micro-credits.
Amount = Annotated[int, mapped_column(BigInteger)]
Json = JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    """The parent of all tables; constraints are named, so that migrations can drop them on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {dict[str, Any]: Json, list[Any]: Json, datetime: UtcDateTime}  # noqa: RUF012 - SQLAlchemy reads it so


def status_check(kind: type[StrEnum], column: str = "status") -> CheckConstraint:
    """A CHECK that the column holds a word of `kind`."""
    return word_check(column, [member.value for member in kind])


def word_check(column: str, words: Iterable[str]) -> CheckConstraint:
    """A CHECK that the column holds one of `words`."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def table_of(model: type[Base]) -> Table:
    """The plain table of a model, for statements that need no rows as objects."""
    return cast("Table", model.__table__)


def utc_now() -> datetime:
    """The instant a row was made, for columns that nothing decides by."""
    return datetime.now(UTC)
